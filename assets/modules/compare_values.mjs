/** A metric of every component at A and at B: values, ranks, how much they differ, and with what interval. */

import { pairedPrompts } from "./compare_model.mjs";
import { rankAll } from "./ranking.mjs";

const [LOW, HIGH] = [0.025, 0.975];
/** The rows of a pair: panels that draw the same frame share them, as they share the pair. */
const known = new WeakMap();

/** Return the chosen metric of a graph, or undefined. */
export function metricOf(graph, { metric }) {
  return graph?.metrics.find((m) => m.id === metric);
}

/**
 * Return a row for each component that either graph has: `{name, kind, a, b}` with `a` and `b`
 * `{value, low, high, rank, rankLow, rankHigh}` or null without a partner, and `change` and `moved`,
 * how much the value grew and by how many ranks it rose, each `{value, low, high, verdict}`; `paired`
 * is whether these are of the same prompts. Equal values share the mean of their ranks, as in draws.
 */
export function rowsOf(model) {
  const pair = model.pair();
  const { metric, prompts } = model.state;
  const [of, other] = [metricOf(pair?.a, model.state), metricOf(pair?.b, model.state)];
  if (!pair?.match || !of || !other || pair.j < 0) return [];
  const before = known.get(pair);
  if (before?.metric === metric && before.prompts === prompts.metric) return before.rows;
  const rows = rowsAt(pair, of, other, pairedPrompts(prompts.metric));
  known.set(pair, { metric, prompts: prompts.metric, rows });
  return rows;
}

function rowsAt(pair, of, other, sides) {
  const draws = sides && [drawsAt(sides.a, of, pair.i), drawsAt(sides.b, other, pair.j)];
  return pair.match.components.map(({ name, kind, a, b }) => {
    const [here, there] = [cell(pair.a, of, pair.i, a), cell(pair.b, other, pair.j, b)];
    const both = here && there;
    const apart = both && draws ? sample(draws, "values", a, b) : null;
    const change = both ? difference(here, there, ["value", "low", "high"], apart) : null;
    const moved = both ? difference(there, here, ["rank", "rankLow", "rankHigh"], draws && sample(draws, "ranks", a, b)?.map((v) => -v)) : null;
    return { name, kind, a: here, b: there, change, moved, paired: Boolean(apart) };
  });
}

function cell(graph, metric, index, c) {
  if (c < 0) return null;
  const n = graph.components.length;
  const { shared } = rankAll(metric, n, metric.values.length / n);
  const at = index * n + c;
  return { value: metric.values[at], low: metric.low[at], high: metric.high[at], rank: shared[at] || NaN, rankLow: metric.rankLow[at], rankHigh: metric.rankHigh[at] };
}

/**
 * Return by how much `later` is above `earlier`, with a 95 % interval: that of paired draws if there
 * are any, or else of independent errors, each side's own distance to the ends of its interval.
 */
function difference(earlier, later, [value, low, high], draws) {
  const apart = later[value] - earlier[value];
  if (!Number.isFinite(apart)) return { value: NaN, low: NaN, high: NaN, verdict: NaN };
  const ends = draws?.length ? quantiles(draws) : [
    apart - Math.hypot(later[value] - later[low], earlier[high] - earlier[value]),
    apart + Math.hypot(later[high] - later[value], earlier[value] - earlier[low]),
  ];
  const verdict = ends.some((end) => !Number.isFinite(end)) ? NaN : ends[0] > 0 ? 1 : ends[1] < 0 ? -1 : 0;
  return { value: apart, low: ends[0], high: ends[1], verdict };
}

function quantiles(draws) {
  const sorted = Float64Array.from(draws).sort();
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return [at(LOW), at(HIGH)];
}

/** Values and ranks of every resample at a checkpoint; sorted once for each checkpoint that is looked at. */
function drawsAt(side, metric, index) {
  side.seen ??= new Map();
  const key = `${metric.id} ${index}`;
  if (!side.seen.has(key)) {
    const [, count, n] = side.resamples.shape;
    const values = new Float32Array(count * n);
    const from = index * count * n;
    for (let k = 0; k < values.length; k++) values[k] = side.resamples[from + k] + metric.values[index * n + (k % n)];
    side.seen.set(key, { count, n, values, ranks: ranksOf(values, count, n) });
    if (side.seen.size > 256) side.seen.delete(side.seen.keys().next().value);
  }
  return side.seen.get(key);
}

/** Rank 1 is the largest value of a draw; equal values share the mean of their places. */
function ranksOf(values, count, n) {
  const ranks = new Float32Array(values.length).fill(NaN);
  for (let d = 0; d < count; d++) {
    const row = values.subarray(d * n, (d + 1) * n);
    const order = [...row.keys()].filter((c) => Number.isFinite(row[c])).sort((x, y) => row[y] - row[x]);
    for (let first = 0; first < order.length; ) {
      let last = first;
      while (last + 1 < order.length && row[order[last + 1]] === row[order[first]]) last++;
      for (let k = first; k <= last; k++) ranks[d * n + order[k]] = (first + last) / 2 + 1;
      first = last + 1;
    }
  }
  return ranks;
}

/** Differences, draw by draw, of one component; null where a draw has no value. */
function sample([a, b], table, ca, cb) {
  const found = new Float64Array(a.count);
  for (let d = 0; d < a.count; d++) {
    const apart = b[table][d * b.n + cb] - a[table][d * a.n + ca];
    if (!Number.isFinite(apart)) return null;
    found[d] = apart;
  }
  return found;
}
