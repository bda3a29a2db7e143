/**
 * Stages behind every time axis: bands, lines at boundaries, and letters for the types.
 *
 * Every axis has a layer, which scales with it; all layers of a page are filled together, when
 * stages, axis, zoom or sizes change. Scrubbing does not touch them.
 */

import { boundariesOf, stagesOf } from "./stages.mjs";
import { svg } from "./elements.mjs";

const DRAWN_BY = ["payload", "axis", "zoom", "plot", "stages", "boundaries", "compact"];
const LETTERS = { A: "A", B: "B", unclear: "?" };
/** How wide a band must be, in pixels, for its letter, its number, and its whole name. */
const [LETTER, NUMBER, NAME] = [12, 36, 76];
/** In the dock: the strip's height, where letters stand, marks begin, and intervals lie. */
const DOCK = { height: 42, letter: 11, mark: 12, interval: 38 };
const MARKS = { maximum: "M0 0 4 6h-8Z", minimum: "M0 6 4 0h-8Z", slope: "M0 0 3 3 0 6-3 3Z" };
const CAP = 3;

const PAINTERS = { plane: paintPlane, lines: paintLines, foot: paintFoot, lane: paintLane, names: paintNames, dock: paintDock, intervals: paintIntervals };
const pending = new WeakSet();

/**
 * Return a layer for a time axis that it covers exactly. Its `kind`: `plane`, with letters on the
 * first of each panel; `foot`, with letters at the bottom; `lane`, with none; `lines`, without
 * bands; `names`, a row of names alone; `dock`, with marks and intervals; `intervals`, a row of these alone.
 */
export function createBands(model, kind = "plane") {
  const layer = svg("svg", { class: "stage-bands", "data-bands": kind, "aria-hidden": "true" });
  fillSoon(model);
  return layer;
}

/** Return the layers of a lane: they fill the room above it too where no readout stands there, and the lane that stages are read from has their intervals. */
export function createLaneBands(model, { id, top, height }, above) {
  const start = model.state.compact ? top : above ? above.top + above.height : 0;
  const layers = [laid(createBands(model, "lane"), start, top + height - start)];
  if (id === model.state.llc) layers.push(laid(createBands(model, "intervals"), top + height - 2 * CAP - 6, 2 * CAP + 2));
  return layers;
}

function laid(layer, top, height) {
  layer.style.top = `${top}px`;
  layer.style.height = `${height}px`;
  return layer;
}

/** Fill the layers whenever what they show has changed. */
export function keepBands(model) {
  model.store.subscribe((_, changed) => {
    if (DRAWN_BY.some((name) => changed.has(name))) fillSoon(model);
  });
}

/** Fill once what is being built now is in the document, and before it is seen. */
function fillSoon(model) {
  if (pending.has(model)) return;
  pending.add(model);
  queueMicrotask(() => {
    pending.delete(model);
    fill(model);
  });
}

function fill(model) {
  const shapes = shapesOf(model);
  const lettered = new Set();
  for (const layer of document.querySelectorAll("[data-bands]")) {
    const panel = layer.closest(".panel");
    const first = !lettered.has(panel);
    if (layer.dataset.bands === "plane") lettered.add(panel);
    layer.replaceChildren(...PAINTERS[layer.dataset.bands](shapes, layer, first));
  }
}

/** Return stages and boundaries in the window, with their places in percent of it. */
function shapesOf(model) {
  const at = (step) => 100 * Math.min(1.02, Math.max(-0.02, model.axis.share(step)));
  const seen = ({ left, right }) => right > 0 && left < 100;
  const stages = stagesOf(model).map(({ type, start, end }, k) => ({ type, number: k + 1, left: at(start), right: at(end) }));
  const boundaries = boundariesOf(model).map(({ kind, step, low, high }) => ({ kind, place: at(step), left: at(low ?? step), right: at(high ?? step), known: low !== null && high !== null }));
  return { stages: stages.filter(seen), boundaries: boundaries.filter(seen) };
}

function paintLane({ stages, boundaries }) {
  const bands = stages.map(({ type, left, right }) => svg("rect", { class: `stage-band ${type}`, x: percent(left), width: percent(right - left), height: "100%" }));
  return [...bands, ...paintLines({ boundaries })];
}

function paintLines({ boundaries }) {
  return boundaries.map(({ kind, place }) => svg("line", { class: `stage-line ${kind}`, x1: percent(place), x2: percent(place), y1: 0, y2: "100%" }));
}

function paintPlane(shapes, layer, first) {
  return [...paintLane(shapes), ...(first ? letters(shapes, layer, { y: 11 }) : [])];
}

function paintFoot(shapes, layer) {
  return [...paintLane(shapes), ...letters(shapes, layer, { y: "100%", dy: -3 })];
}

function paintNames(shapes, layer) {
  return letters(shapes, layer, { y: 11 }, (stage, wide) => (wide >= NAME ? `stage ${stage.number} · ${LETTERS[stage.type]}` : wide >= NUMBER ? `${stage.number} · ${LETTERS[stage.type]}` : LETTERS[stage.type]));
}

function paintDock(shapes, layer) {
  const marks = shapes.boundaries.map(({ kind, place }) => svg("svg", { x: percent(place), y: DOCK.mark, overflow: "visible" }, svg("path", { class: `stage-mark ${kind}`, d: MARKS[kind] })));
  return [...paintLane(shapes), ...letters(shapes, layer, { y: DOCK.letter }), ...marks, ...intervals(shapes, DOCK.interval)];
}

function paintIntervals(shapes) {
  return intervals(shapes, CAP + 1);
}

function letters({ stages }, layer, place, name = (stage) => LETTERS[stage.type]) {
  const width = layer.clientWidth / 100;
  return stages.flatMap((stage) => {
    const from = Math.max(0, stage.left);
    const wide = (Math.min(100, stage.right) - from) * width;
    return wide < LETTER ? [] : [svg("text", { class: "stage-name", x: percent(from), dx: 4, ...place, text: name(stage, wide) })];
  });
}

/** The 95 % intervals of boundaries: a whisker with caps, at a height in pixels. */
function intervals({ boundaries }, y) {
  return boundaries.filter(({ known }) => known).flatMap(({ kind, left, right }) => [
    [left, right, y, y], [left, left, y - CAP, y + CAP], [right, right, y - CAP, y + CAP],
  ].map(([x1, x2, y1, y2]) => svg("line", { class: `stage-interval ${kind}`, x1: percent(x1), x2: percent(x2), y1, y2 })));
}

function percent(value) {
  return `${value.toFixed(3)}%`;
}
