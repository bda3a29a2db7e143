/** The ends of a lane's axis, as dashboard/figures/lanes.py chooses them. */

import { isDoubted } from "./verdicts.mjs";

/**
 * Return round ends that hold every value and interval of curves; 0 is one of them unless far away.
 *
 * Values that are not believed widen the range that the others need to three times at most.
 */
export function valueRange(curves) {
  const unsure = curves.flatMap((curve) => [...curve.values].filter((_, i) => isDoubted(curve, i)));
  let sure = curves.flatMap(ends).filter(Number.isFinite);
  if (!sure.length) sure = unsure;
  if (!sure.length) return [0, 1];
  let [low, high] = extremes(sure);
  if (unsure.length) [low, high] = widened([low, high], extremes(unsure));
  if (low >= 0 && low < 0.6 * high) low = 0;
  else if (high <= 0 && high > 0.6 * low) high = 0;
  return outward(low, high);
}

function widened([low, high], [least, most]) {
  const span = high - low || Math.abs(high) || 1;
  return [Math.min(low, Math.max(least, low - span)), Math.max(high, Math.min(most, high + span))];
}

function ends(curve) {
  return [...curve.values.keys()]
    .filter((i) => Number.isFinite(curve.values[i]) && !isDoubted(curve, i))
    .flatMap((i) => [curve.values[i], curve.low[i], curve.high[i]]);
}

function extremes(values) {
  return values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
}

function outward(least, most) {
  let [low, high] = [least, most];
  let span = high - low;
  if (span <= 0) {
    span = Math.abs(high) || 1;
    if (high >= 0) high = low + span;
    else low = high - span;
  }
  let unit = 10 ** (Math.floor(Math.log10(span)) - 1);
  unit *= span / unit > 50 ? 5 : span / unit > 20 ? 2 : 1;
  const tidy = (v) => Number(v.toFixed(12));
  return [tidy(Math.floor(low / unit + 1e-9) * unit), tidy(Math.ceil(high / unit - 1e-9) * unit)];
}
