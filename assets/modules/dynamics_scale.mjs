/** Scales of drawings in which distances are honest: the same for every axis, and fixed over the run. */

import { placeOf, referenceOf } from "./dynamics_model.mjs";

/** Return the ends of some components over all runs and references: [low, high] of each. */
export function boundsOf(ways, axes) {
  const points = ways.references.map((_, r) => referenceOf(ways, r, axes));
  for (const run of ways.runs) points.push(...run.steps.map((_, i) => placeOf(run, i, axes)).filter(Boolean));
  return axes.map((_, j) => {
    const values = points.map((point) => point[j]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  });
}

/** Return functions from places on two axes to pixels; one unit has as many pixels across as up. */
export function planeScale(bounds, width, height, margin) {
  const [across, up] = bounds.map(([low, high]) => high - low);
  const unit = Math.min((width - margin.left - margin.right) / across, (height - margin.top - margin.bottom) / up);
  const middle = bounds.map(([low, high]) => (low + high) / 2);
  const [left, top] = [(margin.left + width - margin.right) / 2, (margin.top + height - margin.bottom) / 2];
  return {
    unit,
    x: (v) => left + (v - middle[0]) * unit,
    y: (v) => top - (v - middle[1]) * unit,
    ends: [[middle[0] - left / unit, middle[0] + (width - left) / unit], [middle[1] - (height - top) / unit, middle[1] + top / unit]],
  };
}

/** Return round values between two ends, at least `apart` from each other. */
export function roundValues([low, high], apart) {
  const size = 10 ** Math.floor(Math.log10(apart));
  const step = size * [1, 2, 5, 10].find((factor) => factor * size >= apart);
  const first = Math.ceil(low / step);
  return { step, values: Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, k) => (first + k) * step) };
}

/** Return the shares, 0 to 1, of checkpoints on the logarithmic time axis: what light and dark stand for. */
export function timeShares(steps) {
  const [first, last] = [Math.log1p(steps[0]), Math.log1p(steps.at(-1))];
  return steps.map((t) => (last > first ? (Math.log1p(t) - first) / (last - first) : 0));
}

/** Return the measured stretches of a way: lists of [index, point]. */
export function stretches(run, axes) {
  const found = [];
  let open = null;
  run.steps.forEach((_, i) => {
    const point = placeOf(run, i, axes);
    if (!point) return void (open = null);
    if (!open) found.push((open = []));
    open.push([i, point]);
  });
  return found;
}

/** Return where a step lies on a way, between the measured checkpoints around it; null outside of them or in a gap. */
export function placeAtStep(run, step, axes) {
  const after = run.steps.findIndex((t) => t >= step - 1e-6 * (1 + step));
  if (after < 0) return null;
  const to = placeOf(run, after, axes);
  if (!to || Math.abs(run.steps[after] - step) <= 1e-6 * (1 + step)) return to;
  const from = after ? placeOf(run, after - 1, axes) : null;
  if (!from) return null;
  const [a, b] = [run.steps[after - 1], run.steps[after]].map(Math.log1p);
  const share = (Math.log1p(step) - a) / (b - a);
  return from.map((v, k) => v + share * (to[k] - v));
}
