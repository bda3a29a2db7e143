/** A curve whose values are judged one by one: its line, and the marks of values that no line passes through. */

import { HEALTHY, believedValues, isDoubted, verdictPath } from "./verdicts.mjs";
import { svg } from "./elements.mjs";

/** Return a curve without its doubted values and their intervals; one that is not judged as it is. */
export function believed(curve) {
  if (!curve.verdicts?.length) return curve;
  const values = believedValues(curve);
  const hide = (table) => table.map((v, i) => (Number.isFinite(values[i]) ? v : NaN));
  return { ...curve, values, low: hide(curve.low), high: hide(curve.high) };
}

/** Return the marks of what is not healthy; what lies outside of the plane, or has no value, stands at its edge. */
export function verdictMarks(curve, x, y, [least, most]) {
  return (curve.verdicts ?? []).flatMap((verdict, i) => {
    if (!verdict || verdict === HEALTHY) return [];
    const value = isDoubted(curve, i) ? Math.min(most, Math.max(least, curve.values[i])) : least;
    return [verdictPath(verdict, x(i), y(value))];
  });
}

/** Return dots, with their intervals, for values that no line reaches because both neighbours are missing. */
export function loneDots({ values, low, high }, x, y, radius) {
  return [...values.keys()].flatMap((i) => {
    if (!Number.isFinite(values[i]) || Number.isFinite(values[i - 1]) || Number.isFinite(values[i + 1])) return [];
    const at = x(i).toFixed(1);
    const whisker = Number.isFinite(low[i]) ? [svg("path", { class: "lone-whisker", d: `M${at} ${y(low[i]).toFixed(1)}V${y(high[i]).toFixed(1)}` })] : [];
    return [...whisker, svg("circle", { class: "lone-dot", cx: at, cy: y(values[i]).toFixed(1), r: radius })];
  });
}
