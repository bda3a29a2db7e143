/** Ranks of the components by a metric, at every checkpoint; computed once for a metric. */

import { number } from "./format.mjs";

/**
 * Return `rank[step * n + component]`, 1 for the largest value, equal for equal values and 0 where
 * there is none; `shared`, the same but that equal values have the mean of their places; and the
 * range that all values and intervals of the run lie in.
 */
export function rankAll(metric, components, steps) {
  if (metric.ranked) return metric.ranked;
  const rank = new Int16Array(steps * components);
  const shared = new Float32Array(steps * components);
  for (let s = 0; s < steps; s++) {
    const value = (c) => metric.values[s * components + c];
    const order = orderAt(metric, components, s).filter((c) => Number.isFinite(value(c)));
    for (let first = 0, end = 0; first < order.length; first = end) {
      while (end < order.length && value(order[end]) === value(order[first])) end++;
      for (const c of order.slice(first, end)) {
        rank[s * components + c] = first + 1;
        shared[s * components + c] = (first + 1 + end) / 2;
      }
    }
  }
  metric.ranked = { rank, shared, range: rangeOf(metric) };
  return metric.ranked;
}

/** Return the components of one checkpoint from the largest value to the smallest, unknown ones last. */
export function orderAt(metric, components, step) {
  const value = (c) => metric.values[step * components + c];
  return Array.from({ length: components }, (_, c) => c).sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (Number.isFinite(x) && Number.isFinite(y)) return y - x || a - b;
    return Number.isFinite(x) ? -1 : Number.isFinite(y) ? 1 : a - b;
  });
}

/** Return whether another component has the same rank at a checkpoint. */
export function isTied(rank, components, step, c) {
  const row = rank.subarray(step * components, (step + 1) * components);
  return row[c] > 0 && row.indexOf(row[c]) !== row.lastIndexOf(row[c]);
}

/** Return both ends of a rank's interval as text, shared ranks with their half; null where it is the rank alone. */
export function rankEnds(metric, i) {
  const ends = [metric.rankLow[i], metric.rankHigh[i]];
  return ends.every(Number.isFinite) && ends[0] !== ends[1] ? ends.map((r) => number(r, r % 1 ? 1 : 0)) : null;
}

/** Return the ends of the drawn intervals and whether they lie on a log scale: where few dwarf the rest. */
function rangeOf(metric) {
  const values = metric.values.filter((v) => v > 0).sort();
  const least = extreme(metric.low, extreme(metric.values, 0, Math.min), Math.min);
  const most = extreme(metric.high, values.at(-1) ?? 1, Math.max);
  const middle = values[values.length >> 1] ?? most;
  if (least >= 0 && most / middle > 8) return { low: Math.log10(values[Math.floor(values.length / 20)]), high: Math.log10(most), log: true };
  return { low: least, high: most > least ? most : least + 1, log: false };
}

/** Return the extreme of a start and of all finite values; they are too many for arguments. */
function extreme(values, start, pick) {
  return values.reduce((found, value) => (Number.isFinite(value) ? pick(found, value) : found), start);
}

/** Return where a value lies in a range: 0 to 1, clamped. */
export function placeIn(range, value) {
  const at = range.log ? Math.log10(Math.max(value, 1e-12)) : value;
  return Math.min(1, Math.max(0, (at - range.low) / (range.high - range.low)));
}
