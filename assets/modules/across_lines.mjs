/** What a lane of the Across runs page is drawn from: each run's line with its places on the time axis. */

import { HEALTHY, isDoubted } from "./verdicts.mjs";
import { alignmentOf, besideOf } from "./across_model.mjs";
import { decimals, largest, number, spread, step as formatStep } from "./format.mjs";
import { believed } from "./refined_marks.mjs";

const BAND_ROOM = 0.2;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Return what a run is called in short: A is the run of the slider. */
export function letter(k) {
  return LETTERS[k] ?? `#${k + 1}`;
}

/** Return the share of the window at which a step lies; NaN where the axis has no place for it. */
export function shareOf(axis, step) {
  const beyond = axis.kind === "index" && (step < axis.steps[0] || step > axis.steps.at(-1));
  return beyond || !Number.isFinite(step) ? NaN : (axis.placeOf(step) - axis.low) / (axis.high - axis.low);
}

/** Return where the checkpoints of a run are drawn, in steps of the slider's run; NaN where that is not known. */
export function placesOf(model, k) {
  const { across } = model.state;
  const own = across.runs[k].steps;
  if (k === 0 || across.mode === "recipe") return own;
  const found = alignmentOf(model);
  return found && !found.reason ? [...found.steps] : own.map(() => NaN);
}

/** Return the lines of a curve, one for each run that has it: its believed curve, and where its points lie. */
export function linesOf(model, curve) {
  return curve.runs.flatMap((of, k) => {
    if (!of) return [];
    const shares = placesOf(model, k).map((step) => shareOf(model.axis, step));
    const there = (table) => table.map((v, i) => (Number.isFinite(shares[i]) ? v : NaN));
    const shown = believed(of);
    const verdicts = of.verdicts.map((v, i) => (Number.isFinite(shares[i]) ? v : ""));
    return [{ k, of, shares, values: there(shown.values), low: there(shown.low), high: there(shown.high), judged: { ...of, verdicts } }];
  });
}

/** Return the two ends of a curve's axis: every run's believed values and intervals, over all checkpoints. */
export function rangeOf(curve) {
  let [least, most] = [Infinity, -Infinity];
  const take = (table) => {
    for (const v of table) if (Number.isFinite(v)) [least, most] = [Math.min(least, v), Math.max(most, v)];
  };
  for (const of of curve.runs) {
    if (!of) continue;
    const shown = believed(of);
    for (const table of [shown.values, shown.low, shown.high]) take(table);
  }
  if (least > most) for (const of of curve.runs) if (of) take(of.values);
  if (least > most) return [0, 1];
  return most > least ? withBand(curve.band, least, most) : [least - 0.5, most + 0.5];
}

/** A mean over two runs may have an interval that dwarfs all curves: it widens the axis only so far. */
function withBand(band, least, most) {
  const room = BAND_ROOM * (most - least);
  const known = (table) => (table ? [...table].filter(Number.isFinite) : []);
  return [Math.max(least - room, Math.min(least, ...known(band?.low))), Math.min(most + room, Math.max(most, ...known(band?.high)))];
}

/** Return how many decimals serve a curve of several runs. */
export function decimalsOf(curve) {
  return (curve.places ??= decimals(Math.max(...curve.runs.filter(Boolean).map((of) => largest(of.values)))));
}

/** Return a run's value at one of its checkpoints, in words: `{value, error, verdict, reason}`. */
export function valueAt(curve, k, index) {
  const of = curve.runs[k];
  const known = of && index >= 0 && Number.isFinite(of.values[index]);
  const verdict = of?.verdicts[index] ?? "";
  if (!known) return { value: index < 0 ? "no checkpoint here" : verdict || "not measured", error: "", verdict: "", reason: "" };
  const places = decimalsOf(curve);
  const error = spread(of.low[index], of.high[index], places);
  const doubted = isDoubted(of, index);
  return { value: number(of.values[index], places), error: error && `± ${error}`, verdict: doubted ? verdict : "", reason: doubted ? of.reasons[index] : "" };
}

/** Return at which of its steps the second run is shown, in words. */
export function besideText(model) {
  const { across, by } = model.state;
  const found = alignmentOf(model);
  if (!found) return by === "boundary" ? "its boundaries are being looked for" : "";
  const beside = besideOf(model);
  if (beside < 0) return "no checkpoint here";
  const place = Math.round(found.steps[beside]);
  const where = by === "step" ? "" : `, here ${formatStep(place)}`;
  return `step ${formatStep(across.runs[1].steps[beside])}${where}`;
}

/**
 * Return how much higher the second run is, in words: `{value, error, clear}`; "" where one is not
 * known or not believed. The interval takes both errors for independent and is there where both are.
 */
export function differenceAt(model, curve) {
  const { index } = model.state;
  const beside = besideOf(model);
  const [a, b] = curve.runs;
  if (!a || !b || beside < 0 || !isBelieved(a, index) || !isBelieved(b, beside)) return { value: "", error: "", clear: false };
  const apart = b.values[beside] - a.values[index];
  const half = Math.hypot(halfOf(a, index), halfOf(b, beside));
  if (!Number.isFinite(half)) return { value: "", error: "", clear: false };
  const places = decimalsOf(curve);
  return { value: (apart > 0 ? "+" : "") + number(apart, places), error: `± ${spread(-half, half, places)}`, clear: Math.abs(apart) > half };
}

function halfOf({ low, high }, index) {
  return (high[index] - low[index]) / 2;
}

function isBelieved(of, index) {
  const verdict = of.verdicts[index] ?? "";
  return Number.isFinite(of.values[index]) && (!verdict || verdict === HEALTHY);
}

/** Return the place of the slider's step among all steps of a recipe's runs. */
export function bandIndex({ state, payload }) {
  return state.across.steps.indexOf(payload.steps[state.index]);
}

/** Return the mean over runs at the step, in words: `{mean, interval, range, runs}`. */
export function bandAt(model, curve) {
  const i = bandIndex(model);
  const { band } = curve;
  const places = decimalsOf(curve);
  const count = i < 0 ? 0 : band.runs[i];
  const of = curve.alike.filter(Boolean).length;
  if (!count) return { mean: "no healthy value", interval: "", range: "", runs: `0 of ${of} runs`, known: false };
  const ends = (low, high) => `${number(low, places)} to ${number(high, places)}`;
  return {
    mean: number(band.mean[i], places), known: true,
    interval: count > 1 ? ends(band.low[i], band.high[i]) : "",
    range: count > 1 ? ends(band.least[i], band.most[i]) : "",
    runs: `${count} of ${of} runs`,
  };
}
