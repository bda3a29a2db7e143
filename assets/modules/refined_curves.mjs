/** Refined LLCs in a run's data: for each setting one curve for each part, `setting@part`. */

/** What these say of a number: it is no learning coefficient (dashboard/figures/refined.py has the same). */
const UNUSABLE = new Set(["frozen", "diverged", "not at a minimum"]);
const known = new WeakMap();

/** Return the curves of every setting, by the setting's name; the first is the most complete one. */
export function refinements(payload) {
  if (!known.has(payload)) {
    const found = {};
    for (const curve of payload.curves) {
      const [setting, part] = curve.id.split("@");
      if (part && setting.split("~")[0] === "refined") (found[setting] ??= []).push(curve);
    }
    known.set(payload, found);
  }
  return known.get(payload);
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
