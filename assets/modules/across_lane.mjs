/** One lane: a quantity of every run over the slider's time axis, with its values at the step beside it. */

import { bandAt, bandIndex, decimalsOf, differenceAt, letter, linesOf, rangeOf, shareOf, valueAt } from "./across_lines.mjs";
import { bandPath, linePath } from "./component_curves.mjs";
import { besideOf, placeOf } from "./across_model.mjs";
import { createPlane, stepAt } from "./network_panel.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { number, step as formatStep } from "./format.mjs";
import { verdictIcon, verdictLegend } from "./verdicts.mjs";
import { verdictMarks } from "./refined_marks.mjs";

const PAD = 6;
const RUNS = ["run-a", "run-b"];

/** Return a lane: `node`, `draw()` for another axis or alignment, `paint()` for another step. */
export function createLane(model, signal, curve) {
  const pair = model.state.across.mode === "pair";
  const picture = svg("svg", { "aria-hidden": "true" });
  const dots = curve.runs.map((_, k) => element("i", { class: `lane-dot ${pair ? RUNS[k] : "own"}`, hidden: !pair && k > 0 }));
  const mean = element("i", { class: `lane-dot ${curve.group}`, hidden: pair });
  const range = rangeOf(curve);
  const plane = createPlane(model, signal, { label: `${curve.name} of ${model.state.across.runs.length} runs over training`, describe: (i) => describe(model, curve, i), draw }, picture, ...dots, mean);
  const readout = pair ? pairReadout(model, curve) : recipeReadout(model, curve);
  const ends = element("span", { class: "curve-ends", "aria-hidden": "true" }, ...[range[1], range[0]].map((v) => element("span", { text: number(v, decimalsOf(curve)) })));
  const legend = verdictLegend(everyVerdict(curve));
  const gutter = element("div", { class: "gutter across-gutter" }, element("strong", { text: curve.name }), element("span", { class: "lane-unit", text: unitOf(curve), title: titleOf(model, curve) }), readout.node, legend, ends);
  const node = element("div", { class: `time-row across-lane ${curve.group}`, "data-lane": placeOf(curve) }, gutter, element("div", { class: "across-plane" }, plane.node));
  const y = (v) => PAD + (plane.size.height - 2 * PAD) * (1 - (Math.min(range[1], Math.max(range[0], v)) - range[0]) / (range[1] - range[0]));
  let lines = [];

  function draw() {
    if (!plane.size.width) return;
    lines = linesOf(model, curve);
    const marks = pair ? turnMarks(model, curve, plane.size) : [];
    picture.replaceChildren(...marks, ...(pair ? [] : bandParts(model, curve, plane.size.width, y)), ...lines.flatMap((line) => lineParts(line, pair, plane.size.width, y, range)));
    paintDots();
  }
  function paint() {
    plane.paint();
    paintDots();
    readout.paint();
  }
  function paintDots() {
    const { width } = plane.size;
    if (!width) return;
    const at = [model.state.index, pair ? besideOf(model) : -1];
    for (const { k, of, shares } of lines) if (k < 2 && (pair || !k)) place(dots[k], shares[at[k]], of.values[at[k]]);
    if (pair) return;
    const i = bandIndex(model);
    place(mean, i < 0 ? NaN : model.axis.fraction(model.state.index), i < 0 ? NaN : curve.band.mean[i]);
  }
  function place(dot, share, value) {
    const seen = Number.isFinite(value) && share >= -0.001 && share <= 1.001;
    dot.style.display = seen ? "" : "none";
    if (seen) dot.style.transform = `translate(${(share * plane.size.width).toFixed(1)}px,${y(value).toFixed(1)}px)`;
  }
  return { node, draw, paint };
}

/** Return how a run's line looks, for legends and readouts. */
export function lineKey(kind) {
  return svg("svg", { class: `run-key ${kind}`, viewBox: "0 0 24 8", "aria-hidden": "true" }, svg("path", { d: "M1 4h22" }));
}

function lineParts({ k, shares, values, low, high, judged }, pair, width, y, range) {
  const x = (i) => shares[i] * width;
  const kind = pair ? RUNS[k] : k ? "other" : "own";
  const line = svg("path", { class: `across-line ${kind}`, d: linePath(values, values.length, x, y) });
  const marks = svg("g", { class: kind }, ...verdictMarks(judged, x, y, range));
  return pair ? [svg("path", { class: `across-area ${kind}`, d: bandPath({ low, high }, values.length, x, y) }), line, marks] : [line, marks];
}

function bandParts(model, { band }, width, y) {
  const shares = model.state.across.steps.map((step) => shareOf(model.axis, step));
  const x = (i) => shares[i] * width;
  const there = (table) => table.map((v, i) => (Number.isFinite(shares[i]) ? v : NaN));
  return [
    svg("path", { class: "across-area mean", d: bandPath({ low: there(band.low), high: there(band.high) }, shares.length, x, y) }),
    svg("path", { class: "across-line mean", d: linePath(there(band.mean), shares.length, x, y) }),
  ];
}

/** Lines at the boundaries by which runs are matched, on the lane that they are read from. */
function turnMarks(model, curve, { width, height }) {
  const { turns, turnsOf, by, across } = model.state;
  if (!turns || turns.reason || placeOf(curve) !== turnsOf) return [];
  const scale = by === "tokens" ? across.by.tokens.scale : 1;
  const mark = (kind, step, top) => {
    const share = shareOf(model.axis, step);
    return share >= 0 && share <= 1 ? [svg("path", { class: `turn-mark ${kind}`, d: `M${(share * width).toFixed(1)} ${top}V${top + height / 2}` })] : [];
  };
  return turns.matches.flatMap(({ first, second }) => [
    ...mark("run-a", first.step, 0),
    ...mark("run-b", by === "boundary" ? first.step : second.step * scale, height / 2),
  ]);
}

/** The values of two runs at the step, each with the step it is of, and how much the second is higher. */
function pairReadout(model, curve) {
  const rows = curve.runs.map((_, k) => ({ value: element("span", { class: "value" }), shape: element("span", { class: "verdict-shape" }), error: element("span", { class: "error" }) }));
  const apart = { value: element("span", { class: "value" }), error: element("span", { class: "error" }) };
  const node = element("div", { class: "across-readout" },
    ...rows.flatMap((row, k) => [element("span", { class: "across-key" }, lineKey(RUNS[k]), letter(k)), element("span", { class: "across-value" }, row.shape, row.value, row.error)]),
    element("span", { class: "across-key", title: "How much higher B is; 95 %, both errors taken for independent", text: `${letter(1)} − ${letter(0)}` }), element("span", { class: "across-value" }, apart.value, apart.error));
  function paint() {
    rows.forEach((row, k) => {
      const found = valueAt(curve, k, k ? besideOf(model) : model.state.index);
      fill(row, found);
    });
    const found = differenceAt(model, curve);
    setText(apart.value, found.value || "–");
    setText(apart.error, found.error);
    setClass(apart.value, "undecided", !found.clear);
  }
  return { node, paint };
}

/** The mean over runs at the step, and this run's own value. */
function recipeReadout(model, curve) {
  const parts = Object.fromEntries(["mean", "runs", "interval", "range"].map((name) => [name, element("span", { class: name === "mean" ? "value" : "error" })]));
  const own = { value: element("span", { class: "value" }), shape: element("span", { class: "verdict-shape" }), error: element("span", { class: "error" }) };
  const label = (text, key) => element("span", { class: "across-key" }, ...(key ? [lineKey(key)] : []), text);
  const node = element("div", { class: "across-readout" },
    label("mean", "mean"), element("span", { class: "across-value" }, parts.mean, parts.runs),
    label("95 %"), element("span", { class: "across-value" }, parts.interval),
    label("range"), element("span", { class: "across-value" }, parts.range),
    label(letter(0), "own"), element("span", { class: "across-value" }, own.shape, own.value, own.error));
  function paint() {
    const found = bandAt(model, curve);
    for (const name of ["mean", "runs"]) setText(parts[name], found[name]);
    for (const name of ["interval", "range"]) setText(parts[name], found[name] || "one run only");
    setClass(parts.mean, "absent", !found.known);
    fill(own, valueAt(curve, 0, model.state.index));
  }
  return { node, paint };
}

function fill(row, { value, error, verdict, reason }) {
  setText(row.value, value);
  setText(row.error, verdict || error);
  setClass(row.value, "doubted", verdict !== "");
  setClass(row.value, "absent", !error && !/\d/.test(value));
  if (row.shown === verdict) return;
  row.shown = verdict;
  row.shape.replaceChildren(...(verdict ? [verdictIcon(verdict)] : []));
  setAttribute(row.shape, "title", verdict && `${verdict}: ${reason}`);
}

function describe(model, curve, index) {
  const { across } = model.state;
  const rows = across.runs.flatMap(({ name, steps }, k) => {
    const at = across.mode === "pair" ? (k ? besideAt(model, index) : index) : steps.indexOf(model.payload.steps[index]);
    const { value, error, verdict } = valueAt(curve, k, at);
    const where = across.mode === "pair" && k && at >= 0 ? `, step ${formatStep(steps[at])}` : "";
    return [[`${letter(k)} ${name}${where}`, [value, verdict || error].filter(Boolean).join(" ")]];
  });
  return { title: curve.name, rows, foot: stepAt(model, index) };
}

function besideAt(model, index) {
  return besideOf({ state: { ...model.state, index } });
}

function unitOf(curve) {
  return curve.runs.some((of) => of && of.settings !== curve.runs[0].settings) ? `${curve.unit} · measured otherwise` : curve.unit;
}

function titleOf(model, curve) {
  return curve.runs.map((of, k) => (of ? `${letter(k)}: ${of.unit}; ${of.settings}` : `${letter(k)}: not measured`)).join("\n");
}

function everyVerdict(curve) {
  const every = curve.runs.filter(Boolean);
  return { verdicts: every.flatMap((of) => of.verdicts), values: every.flatMap((of) => [...of.values].slice(0, of.verdicts.length)) };
}
