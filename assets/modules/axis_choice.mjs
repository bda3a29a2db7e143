/** The choice of the time axis: how checkpoints are spaced, and what their places are called. */

import { element, setAttribute } from "./elements.mjs";

const KINDS = { log: "log", linear: "linear", index: "index", tokens: "tokens" };
const TITLES = { log: "by ln(1 + step)", linear: "by step", index: "by checkpoint", tokens: "by the log of the tokens seen" };

/** Return the kinds of axis that a run can have: one whose tokens are known has one for these too. */
export function axisKinds(payload) {
  return Object.keys(KINDS).filter((kind) => kind !== "tokens" || payload.run.tokensPerStep > 0);
}

/** Return the buttons that choose the axis, as `node`, and `paint()`, which marks the one in force. */
export function createAxisChoice(model) {
  const buttons = axisKinds(model.payload).map((kind) => element("button", { type: "button", "data-axis": kind, text: KINDS[kind], title: TITLES[kind], onclick: () => model.set({ axis: kind }) }));
  const paint = () => buttons.forEach((button) => setAttribute(button, "aria-pressed", String(button.dataset.axis === model.state.axis)));
  return { node: element("span", { class: "segments", role: "group", "aria-label": "Time axis" }, ...buttons), paint };
}
