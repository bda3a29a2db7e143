/**
 * What moves over the lanes: the cursor, a dot on each curve, the values beside them, the pointer's
 * line, and the zoom box. Plotly draws the curves once for a view; scrubbing never touches it.
 */

import { byId, element, select, setAttribute, setClass, setText } from "./elements.mjs";
import { componentCurve, curvesOf, findCurve } from "./payload.mjs";
import { decimals, largest, number, spread, step as formatStep } from "./format.mjs";
import { absence, failureAt, fillAbsence, remedyOf } from "./coverage.mjs";
import { createVerdict, isDoubted, verdictLegend } from "./verdicts.mjs";
import { createBands, createLaneBands } from "./stage_bands.mjs";
import { headOf } from "./places.mjs";

const GROUPS = { llc: "degeneracy", loss: "loss", graph: "graph", behaviour: "behaviour" };
const KINDS = { llc: "llc", loss: "behaviour", behaviour: "behaviour", graph: "network", selected: "network" };

/** Build the overlay and return its `update(model, changed)` and `adopt(meta)`. */
export function createLanes(model, signal) {
  const parts = {
    overlay: byId("lanes-overlay"),
    cursor: element("div", { class: "cursor" }),
    ghost: element("div", { class: "ghost", hidden: true }, element("span")),
    box: element("div", { class: "zoom-box", hidden: true }),
    plane: element("div", { class: "lanes-plane" }),
    readouts: element("div", { class: "readouts" }),
    names: createBands(model, "names"),
  };
  parts.plane.append(parts.names, parts.ghost, parts.cursor, parts.box);
  parts.overlay.replaceChildren(parts.readouts, parts.plane);
  let meta = null;
  let lanes = [];

  function adopt(newMeta) {
    meta = newMeta;
    lanes = meta.lanes.map((place, i) => buildLane(model, place, meta.lanes[i - 1])).filter((lane) => lane.curve);
    const empty = lanes.find((lane) => lane.empty);
    if (empty) empty.first = true;
    const active = document.activeElement;
    const focused = [...parts.readouts.children].findIndex((readout) => readout.contains(active));
    parts.readouts.replaceChildren(...lanes.map((lane) => lane.readout));
    if (focused >= 0) parts.readouts.children[focused]?.querySelector(active.tagName)?.focus();
    parts.plane.replaceChildren(parts.names, ...lanes.flatMap((l) => [...l.stages, l.hatch, l.dot, l.ownDot, ...(l.legend ? [l.legend] : [])]), parts.ghost, parts.cursor, parts.box);
    update(model, new Set());
  }

  function update() {
    if (!meta) return;
    const fraction = model.axis.fraction(model.state.index);
    const x = fraction * model.plot.width;
    const inside = fraction >= -0.001 && fraction <= 1.001;
    parts.cursor.style.transform = `translateX(${x.toFixed(1)}px)`;
    setClass(parts.plane, "outside", !inside);
    for (const lane of lanes) paintLane(lane, model, x);
  }
  return { update, adopt, parts };
}

function buildLane(model, place, above) {
  const { payload, state } = model;
  const own = place.id === "component";
  const curve = own ? componentCurve(payload, state) : findCurve(payload, state.graph, place.id);
  const beside = own || !state.component ? undefined : findCurve(payload, state.graph, `${place.id}@${headOf(state.component)}`);
  const lane = {
    place, curve, beside,
    places: curve ? decimals(largest(curve.values)) : 2,
    hatch: element("div", { class: "lane-hatch", hidden: true }),
    dot: element("i", { class: `lane-dot ${curve?.group}` }),
    ownDot: element("i", { class: "lane-dot selected" }),
    value: element("span", { class: `value ${curve?.group}` }),
    error: element("span", { class: "error" }),
    besideValue: element("span", { class: "beside" }),
    unit: element("span", { class: "lane-unit", text: curve?.unit ?? "" }),
    heads: curvesOf(payload, state.graph).filter((c) => c.id.startsWith(`${place.id}@`)),
    settings: element("div", { class: "readout-settings" }),
    stages: createLaneBands(model, place, above),
    verdict: createVerdict(),
    smooth: curve?.verdicts?.length ? smoothToggle(place, model) : null,
    legend: curve?.verdicts?.length ? verdictLegend(curve) : null,
  };
  if (lane.legend) lane.legend.style.top = `${place.top}px`;
  lane.hatch.style.top = `${place.top}px`;
  lane.hatch.style.height = `${place.height}px`;
  if (curve) {
    lane.first = false;
    lane.empty = !curve.values.some(Number.isFinite);
    lane.hatch.hidden = !lane.empty;
    lane.readout = buildReadout(lane, model, own);
    lane.readout.style.setProperty("--top", `${place.top}px`);
  }
  return lane;
}

function buildReadout(lane, model, own) {
  const name = own
    ? element("span", { class: "lane-name selected", text: lane.curve.name })
    : laneMenu(lane, model);
  return element(
    "div", { class: "readout", "data-lane": lane.curve.id },
    element("div", { class: "readout-head" }, name, lane.curve.verdicts?.length ? element("span", { class: "lane-line" }, lane.unit, lane.smooth) : lane.unit),
    element("div", { class: "readout-value" }, lane.value, lane.error, lane.besideValue),
    lane.verdict.node,
    lane.settings,
  );
}

/** A smooth curve needs a few believed points; without them the lane stays as it is. */
function smoothToggle(place, model) {
  const on = model.state.smooth;
  return element("button", {
    type: "button", class: "text-button toggle", text: "smooth", "aria-pressed": String(on), onclick: () => model.set({ smooth: !on }),
    title: on && !place.smooth ? "Too few healthy points to draw a smooth curve through" : "A smooth curve with its 95 % band through the healthy points (a Gaussian process on ln(t + 1))",
  });
}

function laneMenu(lane, model) {
  const options = laneOptions(model, (c) => c.id === lane.curve.id || !model.state.lanes.includes(c.id));
  if (model.state.lanes.length > 1) options.push({ label: "this lane", options: [["-", "remove"]] });
  const change = (event) => {
    const chosen = event.target.value;
    const lanes = model.state.lanes.flatMap((id) => (id === lane.curve.id ? (chosen === "-" ? [] : [chosen]) : [id]));
    model.set({ lanes });
  };
  return select({ class: "menu lane-name", "aria-label": `Lane: ${lane.curve.name}`, onchange: change }, options, lane.curve.id);
}

/** Return the curves that can be shown as groups of options. */
export function laneOptions(model, wanted) {
  const curves = curvesOf(model.payload, model.state.graph).filter((c) => !c.component && wanted(c));
  return Object.entries(GROUPS)
    .map(([group, label]) => ({ label, options: curves.filter((c) => c.group === group).map((c) => [c.id, optionName(c)]) }))
    .filter((group) => group.options.length);
}

function optionName(curve) {
  return curve.id.includes("~") ? `${curve.name} (${curve.settings})` : curve.name;
}

function paintLane(lane, model, x) {
  const { index } = model.state;
  const value = lane.curve.values[index];
  const known = Number.isFinite(value);
  const kind = KINDS[lane.curve.group];
  const imported = lane.curve.id.startsWith("imported~");
  const failure = known || imported ? "" : failureAt(model, kind);
  setText(lane.value, known ? number(value, lane.places) : failure ? "failed" : imported ? "not in the file" : "not computed");
  setClass(lane.value, "absent", !known);
  setClass(lane.readout, "failed", failure !== "");
  setText(lane.settings, failure || lane.curve.settings);
  setAttribute(lane.settings, "title", failure || lane.curve.settings);
  setAttribute(lane.value, "title", known || imported ? "" : absence(model, kind));
  paintVerdict(lane, index, known);
  const error = known ? spread(lane.curve.low[index], lane.curve.high[index], lane.places) : "";
  setText(lane.error, error ? `± ${error}` : "");
  if (lane.empty) fillAbsence(lane.hatch, model, kind, !lane.first ? "" : kind === "network" ? remedyOf(model) : "compute");
  if (lane.heads.length) setText(lane.unit, known ? lane.curve.unit.replace("best head", `best head ${bestOf(lane.heads, index)}`) : lane.curve.unit);
  place(lane.dot, x, value, lane);
  const beside = lane.beside?.values[index];
  place(lane.ownDot, x, beside ?? NaN, lane);
  setText(lane.besideValue, Number.isFinite(beside) ? `${lane.beside.name} ${number(beside, lane.places)}` : "");
}

/** Of a value that is judged, say how; one that is not healthy does not look so. */
function paintVerdict(lane, index, known) {
  const { verdicts, reasons, settings } = lane.curve;
  if (!verdicts?.length) return;
  const doubted = isDoubted(lane.curve, index);
  lane.verdict.say(known ? verdicts[index] : "", reasons[index], settings);
  lane.settings.hidden = known;
  setText(lane.smooth, smoothText(lane, index));
  for (const node of [lane.value, lane.dot]) setClass(node, "doubted", doubted);
}

function smoothText({ place: { smooth }, places }, index) {
  if (!Number.isFinite(smooth?.values[index] ?? NaN)) return "smooth";
  return `smooth ${number(smooth.values[index], places)} ± ${spread(smooth.low[index], smooth.high[index], places)}`;
}

/** Return the component whose own curve is highest at a checkpoint. */
function bestOf(curves, index) {
  let best = curves[0];
  for (const curve of curves) if (curve.values[index] > best.values[index]) best = curve;
  return best.name;
}

function place(dot, x, value, lane) {
  dot.style.display = Number.isFinite(value) ? "" : "none";
  if (!Number.isFinite(value)) return;
  const [low, high] = lane.place.range;
  const margin = 0.06 * (high - low);
  const inside = value > high ? high - margin : value < low ? low + margin : value;
  const y = lane.place.top + lane.place.height * (1 - (inside - low) / (high - low));
  dot.style.transform = `translate(${x.toFixed(1)}px,${y.toFixed(1)}px)`;
}

/** Show where the pointer is: the nearest checkpoint's line and step. */
export function paintGhost(parts, model, index) {
  parts.ghost.hidden = index === null;
  if (index === null) return;
  const fraction = model.axis.fraction(index);
  parts.ghost.style.transform = `translateX(${(fraction * model.plot.width).toFixed(1)}px)`;
  setText(parts.ghost.firstChild, formatStep(model.payload.steps[index]));
  setClass(parts.ghost, "left", fraction > 0.9);
}
