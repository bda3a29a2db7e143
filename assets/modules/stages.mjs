/** The stages of the run's LLC: fetched after the page is drawn, what they say of a step, and the way to their boundaries. */

import { nearestIndex } from "./axis.mjs";
import { step as formatStep } from "./format.mjs";

/** What may be shown of stages, and what the choices are called. */
export const CHOICES = { critical: "stages: critical points", slopes: "stages: slope changes too", off: "stages: off" };

/** Ends of stages went through a logarithm, so that they are steps but for rounding. */
const ROUNDING = 1e-6;
const COURSES = { A: "rises", B: "falls" };
const HERE = { maximum: "at its maximum", minimum: "at its minimum", slope: "where its slope changes" };

/**
 * Keep `model.state.stages` that of the chosen LLC: the file of dashboard/figures/stages.py, null
 * until it is here; its `reason` says why there is nothing to tell.
 */
export function followStages(model, signal) {
  let asked = "";
  async function look() {
    const address = model.payload.address.replace(/\.bin$/, `/stages/${encodeURIComponent(model.state.llc)}.json`);
    if (model.state.boundaries === "off" || address === asked) return;
    asked = address;
    const stages = await load(address, signal);
    if (stages && asked === address) model.set({ stages });
  }
  model.store.subscribe((_, changed) => {
    if (changed.has("llc")) {
      asked = "";
      model.set({ stages: null });
    }
    if (["payload", "llc", "boundaries"].some((name) => changed.has(name))) look();
  });
  look();
}

/** Return the file, or one with the reason why it is not here; null if the page went meanwhile. */
async function load(address, signal) {
  let reason = "the server does not answer; is it still running?";
  try {
    const response = await fetch(address, { signal });
    if (response.ok) return await response.json();
    reason = `stages could not be loaded (${response.status}); reload the page`;
  } catch (error) {
    if (error.name === "AbortError") return null;
  }
  return { reason, critical: [], slopes: [], stages: [], flat: [] };
}

/** Return the stages that are shown; none while they are off, or not here. */
export function stagesOf({ state }) {
  return state.boundaries === "off" ? [] : (state.stages?.stages ?? []);
}

/** Return the boundaries that are shown, in the order of steps. */
export function boundariesOf({ state }) {
  if (state.boundaries === "off" || !state.stages) return [];
  const { critical, slopes } = state.stages;
  return [...critical, ...(state.boundaries === "slopes" ? slopes : [])].sort((a, b) => a.step - b.step);
}

/** Return which stage a checkpoint lies in, from 0; -1 for none. */
export function stageAt(model, index = model.state.index) {
  const step = model.payload.steps[index];
  const stages = stagesOf(model);
  const outside = !stages.length || step < stages[0].start - ROUNDING * (1 + step) || step > stages.at(-1).end + ROUNDING * (1 + step);
  return outside ? -1 : stages.findLastIndex(({ start }, k) => k === 0 || step >= start);
}

/** Return the stage of the current step in words: as `whole` (with both boundaries), `short`, and as it is `spoken`. */
export function stageWords(model) {
  const stages = stagesOf(model);
  if (!stages.length) return { whole: whyNoStages(model), short: model.state.stages ? "no stages" : "", spoken: "" };
  const k = stageAt(model);
  if (k < 0) {
    const [first, last] = [stages[0].start, stages.at(-1).end].map((t) => formatStep(Math.round(t)));
    const none = `no stage here: the healthy LLCs are those of steps ${first} to ${last}`;
    return { whole: none, short: "no stage here", spoken: none };
  }
  const { type, start, end } = stages[k];
  const { critical } = model.state.stages;
  const name = `stage ${k + 1} of ${stages.length}`;
  const course = COURSES[type] ? `type ${type}, LLC ${COURSES[type]}` : "type unclear: LLC neither surely rises nor falls";
  const [from, to] = [withInterval(start, critical[k - 1]), withInterval(end, critical[k])];
  const parts = [name, course, `steps ${from} to ${to}`, ...atBoundary(model)];
  return { whole: parts.join(" · "), short: `${k + 1} of ${stages.length} · ${COURSES[type] ? `${type}, ${COURSES[type]}` : type}`, spoken: parts.join(", ") };
}

/** Return why there is no stage to name. */
function whyNoStages({ state }) {
  if (state.boundaries === "off") return "";
  if (!state.stages) return "finding stages …";
  return `no stages: ${bare(state.stages.reason)}`;
}

function bare(reason) {
  return reason.replace(/\.$/, "");
}

/** Return an end of a stage, with the interval of the critical point that it is, if it is one. */
function withInterval(step, boundary) {
  return `${formatStep(Math.round(step))} ${boundary ? interval(boundary) : ""}`.trimEnd();
}

function interval({ low, high }) {
  return low === null || high === null ? "" : `(${[low, high].map((t) => formatStep(Math.round(t))).join(" to ")})`;
}

/** Say so if the step is the checkpoint nearest to a boundary; a change of slope is not an end of a stage, so its place is told. */
function atBoundary(model) {
  const here = boundariesOf(model).filter((b) => nearestIndex(model.payload.steps, b.step) === model.state.index);
  return here.map((b) => HERE[b.kind] + (b.kind === "slope" ? `, ${formatStep(Math.round(b.step))} ${interval(b)}`.trimEnd() : ""));
}

/** Return every boundary that is shown with its 95 % interval, one in a line. */
export function boundaryList(model) {
  const lines = boundariesOf(model).map((b) => `${b.kind === "slope" ? "change of slope" : b.kind} at step ${formatStep(Math.round(b.step))} ${interval(b)}`.trimEnd());
  return lines.length ? ["Boundaries with their 95 % intervals:", ...lines].join("\n") : "";
}

/** Go to the checkpoint nearest to the next boundary (`way` 1) or the previous one (-1), or say why there is none. */
export function goToBoundary(model, way) {
  const places = boundariesOf(model).map((b) => nearestIndex(model.payload.steps, b.step));
  const beyond = places.filter((index) => way * (index - model.state.index) > 0);
  if (beyond.length) model.go(way > 0 ? Math.min(...beyond) : Math.max(...beyond));
  else model.tell(whyNowhere(model, places, way));
}

function whyNowhere(model, places, way) {
  const { boundaries, stages, index } = model.state;
  if (boundaries === "off") return "Stages are not shown: choose them beside the slider, and [ and ] go to their boundaries.";
  if (!stages) return "The stages of the LLC are still being found.";
  const hidden = boundaries === "critical" && stages.slopes.length ? ` Changes of slope (${stages.slopes.length}) can be shown: choose them beside the slider.` : "";
  if (!places.length && stages.reason) return `There is no boundary to go to: ${bare(stages.reason)}.`;
  if (!places.length) return `No critical point of the LLC stands out against its errors, so there is one stage and no boundary to go to.${hidden}`;
  const [side, end] = way > 0 ? ["after", "last"] : ["before", "first"];
  const found = formatStep(model.payload.steps[way > 0 ? Math.max(...places) : Math.min(...places)]);
  return `No boundary of stages ${side} step ${formatStep(model.payload.steps[index])}: the ${end} is at step ${found}.${hidden}`;
}
