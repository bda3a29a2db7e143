/** What is measured at each checkpoint, what failed and why, in words and as cells. */

import { element } from "./elements.mjs";
import { step as formatStep } from "./format.mjs";

/** What a kind of measurement is called. */
export const KIND_NAMES = { graph: "ablation graph", network: "graph metrics", llc: "LLC", behaviour: "loss and behaviours", refined: "refined LLC", curvature: "curvature", attention: "attention patterns", context: "use of context", shift: "larger inputs and tasks", structure: "structure", outputs: "outputs" };

/** Return for each checkpoint `measured`, `partial`, `failed`, `queued` or `missing`. */
export function cells(payload, job) {
  const waiting = isOpen(job);
  return payload.steps.map((_, i) => {
    const states = payload.coverage.map((row) => row.states[i]);
    const done = states.filter((s) => s === "m").length;
    if (states.includes("f")) return "failed";
    if (states.length && done === states.length) return "measured";
    if (waiting) return "queued";
    return done ? "partial" : "missing";
  });
}

/** Return how many measurements there are, of how many, and how many failed. */
export function totals(payload) {
  const all = payload.coverage.reduce((sum, row) => sum + row.states.length, 0);
  const done = payload.coverage.reduce((sum, row) => sum + count(row.states, "m"), 0);
  return { all, done, failed: payload.failures.length };
}

/** Return why the measurement of that kind failed at the current step, or an empty string. */
export function failureAt({ payload, state }, kind) {
  const at = payload.steps[state.index];
  return payload.failures.find((f) => f.step === at && f.kind === kind)?.reason ?? "";
}

/** Return why a panel shows nothing at the current step, in words. */
export function absence(model, kind) {
  const at = formatStep(model.payload.steps[model.state.index] ?? 0);
  const failure = failureAt(model, kind);
  if (failure) return `Failed at step ${at}: ${failure}`;
  if (isOpen(model.job)) return `Step ${at} waits to be computed`;
  return `Not computed at step ${at}`;
}

/**
 * Fill a hatched place with the reason, and with what can be done about it: `remedy` is ``compute``
 * for a button, a command to type, or nothing.
 */
export function fillAbsence(place, model, kind, remedy = "") {
  const text = absence(model, kind);
  const offer = !remedy || isOpen(model.job) ? "" : model.obstacle || remedy;
  const key = `${text}|${offer}`;
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  place.replaceChildren(element("span", { text }), ...(offer ? [help(model, offer)] : []));
}

/** Say whether a job waits or runs. */
export function isOpen(job) {
  return job?.state === "queued" || job?.state === "running";
}

/** Return the remedy for what is missing of the chosen graph: see `fillAbsence`. */
export function remedyOf({ payload, state }) {
  return payload.graphs[state.graph]?.remedy ?? "compute";
}

function help(model, offer) {
  if (offer === model.obstacle) return element("span", { text: offer });
  if (offer !== "compute") return element("span", { class: "command" }, element("code", { text: offer }));
  return element("button", { type: "button", class: "action", text: "Compute", onclick: () => model.compute() });
}

function count(text, letter) {
  let found = 0;
  for (const c of text) if (c === letter) found++;
  return found;
}
