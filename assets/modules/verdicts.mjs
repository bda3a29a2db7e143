/** Verdicts on estimates: the shape of each, the same as in dashboard/figures/belief.py, and what it means. */

import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { number } from "./format.mjs";

export const HEALTHY = "healthy";

/** From the worst to the best: a shape of radius 4 about 0, 0, and what the word says. */
export const VERDICTS = {
  frozen: { path: "M-4-4h8v8h-8Z", meaning: "some chain does not move at all" },
  diverged: { path: "M-4-4 4 4M-4 4 4-4", meaning: "the chains left the neighbourhood of the checkpoint" },
  "not at a minimum": { path: "M-4.6-3.6h9.2L0 4.4Z", meaning: "the chains find lower losses than the checkpoint's: the number is no learning coefficient" },
  drifting: { path: "M-3.6-4.6v9.2L4.4 0Z", meaning: "the chains have not arrived: burn-in is too short" },
  short: { path: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", meaning: "too few independent draws, or chains that disagree" },
  [HEALTHY]: { path: "M-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0", meaning: "nothing speaks against the number" },
};

/** Say whether a curve's value at a checkpoint is measured but not believed. */
export function isDoubted(curve, index) {
  const verdict = curve?.verdicts?.[index];
  return Boolean(verdict) && verdict !== HEALTHY && Number.isFinite(curve.values[index]);
}

/** Return a curve's values at believed checkpoints, NaN elsewhere: what a line may pass through. */
export function believedValues(curve) {
  return curve.values.map((v, i) => (isDoubted(curve, i) ? NaN : v));
}

/** Return the shape of a verdict as a path at a place of a drawing. */
export function verdictPath(name, x, y) {
  return svg("path", { class: `verdict-mark ${classOf(name)}`, d: VERDICTS[name]?.path ?? "", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
}

/** Return a small drawing of a verdict's shape, as legends and readouts show it. */
export function verdictIcon(name) {
  return svg("svg", { class: "verdict-icon", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, verdictPath(name, 0, 0));
}

/** Return a line that says a verdict and why: `node`, and `say(verdict, reason, rest)`. */
export function createVerdict() {
  const icon = element("span", { class: "verdict-shape" });
  const word = element("strong");
  const words = element("span");
  const node = element("div", { class: "verdict", hidden: true }, icon, word, words);
  let shown = "";
  function say(verdict, reason, rest = "") {
    node.hidden = !verdict;
    if (!verdict) return;
    if (shown !== verdict) icon.replaceChildren(verdictIcon(verdict));
    shown = verdict;
    const doubted = verdict !== HEALTHY;
    setClass(node, "doubted", doubted);
    setText(word, verdict);
    setText(words, doubted ? reason : rest);
    setAttribute(node, "title", [`${verdict}: ${reason}`, VERDICTS[verdict]?.meaning, rest].filter(Boolean).join("\n"));
  }
  return { node, say };
}

/** Return the keys of the verdicts of a curve that are not healthy, each with how many there are; null for none. */
export function verdictLegend(curve) {
  const count = (name) => curve.verdicts.filter((v, i) => v === name && Number.isFinite(curve.values[i])).length;
  const names = Object.keys(VERDICTS).filter((name) => name !== HEALTHY && count(name));
  if (!names.length) return null;
  const key = (name) => element("span", { class: "key", title: `${name}: ${VERDICTS[name].meaning}` }, verdictIcon(name), `${name} ${number(count(name), 0)}`);
  return element("div", { class: "verdict-legend", title: "Not healthy, so no line passes through it" }, ...names.reverse().map(key));
}

function classOf(name) {
  return name.replaceAll(" ", "-");
}
