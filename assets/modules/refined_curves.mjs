/** Refined LLCs in a run's data: for each setting one curve for each part, `setting@part`. */

import { familiesOf } from "./payload.mjs";

/** What these say of a number: it is no learning coefficient (dashboard/figures/refined.py has the same). */
const UNUSABLE = new Set(["frozen", "diverged", "not at a minimum"]);

/** Return the curves of every setting, by the setting's name; the first is the most complete one. */
export function refinements(payload) {
  return Object.fromEntries(Object.entries(familiesOf(payload)).filter(([id]) => isRefinement(id)));
}

/** Say whether curves of that id are refined LLCs. */
export function isRefinement(id) {
  return id.split("~")[0] === "refined";
}

/** Return menu entries [setting, label]: parts and data, and the chains too where these do not tell two apart. */
export function refinementOptions(payload) {
  const whole = Object.entries(refinements(payload)).map(([setting, curves]) => [setting, curves[0].settings]);
  const short = whole.map(([setting, text]) => [setting, text.split(" · ")[0]]);
  const count = (label) => short.filter(([, other]) => other === label).length;
  return short.map(([setting, label], i) => [setting, count(label) > 1 ? whole[i][1] : label]);
}

/** Say whether a curve has a value at a checkpoint that is a learning coefficient, believed or not quite. */
export function isUsable(curve, index) {
  return Number.isFinite(curve.values[index]) && !UNUSABLE.has(curve.verdicts[index]);
}

/** Return all values of some curves that are learning coefficients. */
export function usableValues(curves) {
  return curves.flatMap((curve) => [...curve.values].filter((_, i) => isUsable(curve, i)));
}
