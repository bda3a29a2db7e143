/**
 * The view in the URL. Steps are numbers of steps, not indices; unknown keys are ignored, and what
 * lies outside of the run is clamped, with a note. `v` is the version of this language: a key that
 * changes its meaning makes a new one, and a key that is added does not.
 */

import { axisKinds } from "./axis_choice.mjs";
import { curvesOf } from "./payload.mjs";
import { colourIds, ROLE } from "./component_sources.mjs";
import { nearestIndex } from "./axis.mjs";
import { refinements } from "./refined_curves.mjs";
import { step as formatStep } from "./format.mjs";

const [BOUNDARIES, CRITICAL] = [["critical", "slopes", "off"], "critical"];
export const VERSION = 1;
const MATRIX = "matrix";
const EMBED = "embed=1";
const PAUSE = 250;
const ALL = "all";
/** The curves of the LLC, one for each setting. */
const LLC = /^llc(~\d+)?$/;

/** Say whether the page stands in a frame of another page. */
export function isEmbedded() {
  return new URLSearchParams(location.search).get("embed") === "1";
}

/** Return the state that a URL's query asks for, with defaults, and notes on what could not be. */
export function readAddress(query, payload, defaults) {
  const asked = new URLSearchParams(query);
  const notes = [];
  const name = readGraph(asked, payload.graphs);
  const graph = payload.graphs[name];
  const metrics = graph?.metrics.map((m) => m.id) ?? [];
  const names = graph?.components.map((c) => c.name) ?? [];
  const refined = Object.keys(refinements(payload));
  if (Number(asked.get("v")) > VERSION) notes.push("This link was made by a newer version of Ontogeny: what is not known here is left out.");
  const pins = [...new Set((asked.get("pin") ?? "").split(","))].filter((pin) => names.includes(pin));
  const state = {
    index: readStep(asked.get("step"), payload, notes),
    graph: name,
    metric: oneOf(asked.get("metric"), metrics, metrics[0] ?? ""),
    component: oneOf(asked.get("component"), names, null),
    threshold: readThreshold(asked.get("threshold"), graph, notes),
    top: readTop(asked.get("top"), graph?.top ?? null),
    axis: oneOf(asked.get("axis"), axisKinds(payload), "log"),
    lanes: readLanes(asked.get("lanes"), payload, name, defaults.lanes),
    since: asked.has("since") ? nearestIndex(payload.steps, Number(asked.get("since")) || 0) : 0,
    zoom: readZoom(asked.get("zoom"), payload.steps),
    refined: oneOf(asked.get("refined"), refined, refined[0] ?? ""),
    colour: oneOf(asked.get("colour"), colourIds(payload, graph), ROLE),
    size: oneOf(asked.get("size"), metrics, ""),
    pins,
    onlyPins: asked.get("only") === "1" && pins.length > 0,
    signed: asked.get("sign") === "1",
    matrix: asked.get("as") === MATRIX,
    smooth: asked.get("smooth") === "1",
    boundaries: oneOf(asked.get("stages"), BOUNDARIES, CRITICAL),
    llc: oneOf(asked.get("llc"), payload.curves.map((c) => c.id).filter((id) => LLC.test(id)), "llc"),
  };
  return { state, notes };
}

/** Return the query that `readAddress` reads back as this state. */
export function writeAddress(state, payload) {
  const graph = payload.graphs[state.graph];
  const query = new URLSearchParams();
  query.set("v", VERSION);
  query.set("run", payload.run.name);
  if (payload.steps.length) query.set("step", payload.steps[state.index]);
  query.set("graph", state.graph);
  query.set("metric", state.metric);
  if (state.component) query.set("component", state.component);
  if (state.threshold !== graph?.threshold) query.set("threshold", state.threshold);
  if (state.top !== (graph?.top ?? null)) query.set("top", state.top ?? ALL);
  query.set("axis", state.axis);
  query.set("lanes", state.lanes.join(","));
  if (state.since) query.set("since", payload.steps[state.since]);
  if (state.zoom) query.set("zoom", state.zoom.map((t) => Math.round(t)).join("-"));
  if (state.smooth) query.set("smooth", 1);
  if (state.boundaries !== CRITICAL) query.set("stages", state.boundaries);
  if (state.llc !== "llc") query.set("llc", state.llc);
  if (state.refined !== (Object.keys(refinements(payload))[0] ?? "")) query.set("refined", state.refined);
  if (state.colour !== ROLE) query.set("colour", state.colour);
  if (state.size) query.set("size", state.size);
  if (state.pins.length) query.set("pin", state.pins.join(","));
  if (state.onlyPins) query.set("only", 1);
  if (state.signed) query.set("sign", 1);
  if (state.matrix) query.set("as", MATRIX);
  for (const [name, value] of [...query]) if (value === "" || value === "null") query.delete(name);
  return `?${query.toString().replaceAll("%2C", ",").replaceAll("%7E", "~").replaceAll("%40", "@")}`;
}

/**
 * Keep the URL in step with the state, once the reader pauses. Browsers refuse faster writes. `own`
 * gives what a page has there beside what all pages have, or an empty string.
 */
export function keepAddress(store, payload, signal, own = () => "") {
  let timer = 0;
  const embedded = isEmbedded();
  const write = () => {
    timer = 0;
    const text = own();
    history.replaceState(history.state, "", location.pathname + writeAddress(store.get(), payload()) + (text && `&${text}`) + (embedded ? `&${EMBED}` : ""));
  };
  store.subscribe(() => {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return write;
}

function readStep(text, payload, notes) {
  const steps = payload.steps;
  if (text === null || !steps.length) return steps.length - 1;
  const asked = Number(text);
  if (!Number.isFinite(asked)) {
    notes.push(`“${text}” is not a step: this is the last checkpoint.`);
    return steps.length - 1;
  }
  const index = nearestIndex(steps, asked);
  if (steps[index] !== asked) {
    notes.push(`No checkpoint at step ${formatStep(asked)}: this is the nearest, ${formatStep(steps[index])}.`);
  }
  return index;
}

/** Return the graph that is asked for; older links name the prompts only. */
function readGraph(asked, graphs) {
  const names = Object.keys(graphs);
  const ofTask = names.find((name) => graphs[name].task === asked.get("task"));
  return oneOf(asked.get("graph"), names, ofTask ?? names[0] ?? "");
}

function readThreshold(text, graph, notes) {
  const fallback = graph?.threshold ?? 0;
  if (text === null) return fallback;
  const asked = Number(text);
  if (!Number.isFinite(asked)) return fallback;
  const most = graph?.heaviest ?? 0;
  if (asked < 0 || asked > most) notes.push("The threshold of the link lies outside of the weights of this run.");
  return Math.min(Math.max(asked, 0), most);
}

/** Read how many edges are drawn at most: a number, or null for all; `fallback` for anything else. */
export function readTop(text, fallback) {
  if (text === ALL) return null;
  const asked = Number((text ?? "").replaceAll(",", ""));
  return Number.isInteger(asked) && asked > 0 ? asked : fallback;
}

function readLanes(text, payload, graph, fallback) {
  const known = new Set(curvesOf(payload, graph).map((c) => c.id));
  const asked = (text ?? "").split(",").filter((id) => known.has(id));
  return asked.length ? [...new Set(asked)].slice(0, 8) : fallback;
}

function readZoom(text, steps) {
  const match = /^(\d+)-(\d+)$/.exec(text ?? "");
  if (!match || steps.length < 2) return null;
  const low = Math.max(Number(match[1]), steps[0]);
  const high = Math.min(Number(match[2]), steps.at(-1));
  return high > low ? [low, high] : null;
}

function oneOf(value, options, fallback) {
  return options.includes(value) ? value : fallback;
}
