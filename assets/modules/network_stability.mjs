/** How much one checkpoint resembles another: steps by steps, and each step with the one before. */

import { anyOf, createReason, hush, lacking, onSize, panelBody, stepAt, tell } from "./network_panel.mjs";
import { devicePixels, legendOf, paintCells, scaleOf, shader, shadesOf, timeCells } from "./heat.mjs";
import { element, select, setText } from "./elements.mjs";
import { number } from "./format.mjs";
import { createBands } from "./stage_bands.mjs";
import { createCurves } from "./network_curves.mjs";

const PLACES = 3;
const CHURN_KINDS = ["llc", "behaviour"];
const MEASURES = {
  tau: { label: "ranks, Kendall’s τ-b", of: "rankings", scale: { high: 1, root: false }, unit: "τ-b: 1 the same order, −1 reversed" },
  overlap: { label: "ranks, rank-biased overlap", of: "rankings", scale: { low: 0, high: 1, root: false }, unit: "RBO, first ranks count most: 1 the same" },
  frobenius: { label: "edges, distance", of: "edges", scale: { low: 0, root: false }, unit: "relative Frobenius distance: 0 the same weights" },
  correlation: { label: "edges, 1 − r", of: "edges", scale: { low: 0, root: false }, unit: "1 − Pearson’s r of weights: 0 proportional" },
};

/** Build the panel and return its `update(model, changed)`. */
export function createStability(model, signal) {
  let measure = "tau";
  const metrics = element("span", { class: "slot" });
  const choice = select({ class: "menu", "aria-label": "Compare checkpoints by", onchange: (e) => ((measure = e.target.value), refresh()) }, Object.entries(MEASURES).map(([id, m]) => [id, m.label]), measure);
  const body = panelBody("stability", "Stability", choice, metrics);
  const parts = build(model, signal, () => found());
  const curves = element("div", { class: "stability-curves" });
  const square = element("div", { class: "stability-square" }, parts.ticks, parts.plane, parts.side);
  body.replaceChildren(square, curves);
  const reason = createReason(square);
  let [scale, rows] = [null, []];
  onSize(parts.plane, signal, () => draw());

  /** Return the matrix that is shown: {values, label}, or null. */
  function found() {
    const { structure, metric } = model.state;
    if (!structure) return null;
    const { of } = MEASURES[measure];
    if (of === "edges") return structure.edges && { values: structure.edges[measure], label: measure === "frobenius" ? "distance" : "1 − r" };
    const ranking = structure.rankings?.find((r) => r.id === metric) ?? structure.rankings?.[0];
    return ranking && { values: ranking[measure], label: measure === "tau" ? "τ-b" : "RBO" };
  }

  function refresh() {
    const { of } = MEASURES[measure];
    reason.say(lacking(model, of));
    const rankings = model.state.structure?.rankings ?? [];
    const known = rankings.map((r) => [r.id, r.name]);
    const value = known.some(([id]) => id === model.state.metric) ? model.state.metric : (known[0]?.[0] ?? "");
    metrics.replaceChildren(...(of === "rankings" && known.length ? [select({ class: "menu", "aria-label": "Ranks by", onchange: (e) => model.set({ metric: e.target.value }) }, known, value)] : []));
    draw();
    paint();
  }

  function draw() {
    const shown = found();
    const width = parts.plane.clientWidth;
    if (!shown || !width) return;
    const count = model.payload.steps.length;
    const below = measure === "tau" && shown.values.some((v) => v < 0);
    scale = scaleOf(shown.values, below ? { signed: true } : MEASURES[measure].scale);
    const shade = shader(scale, shadesOf(scale));
    const cells = timeCells(model.axis, devicePixels(width));
    paintCells(parts.canvas, cells, cells, (i, k) => shade(shown.values[k * count + i]));
    parts.legend.replaceChildren(legendOf(scale, MEASURES[measure].unit));
    parts.ticks.replaceChildren(...model.axis.ticks(width).map(({ step, fraction }) => {
      const tick = element("span", { text: model.axis.label(step) });
      tick.style.top = `${100 * fraction}%`;
      return tick;
    }));
  }

  function rebuildCurves() {
    rows = curveRows(model, signal);
    curves.replaceChildren(...rows.map((row) => row.node));
  }

  function paint() {
    const { index } = model.state;
    const fraction = model.axis.fraction(index);
    const inside = fraction >= -0.001 && fraction <= 1.001;
    for (const [hair, side] of [[parts.across, "top"], [parts.down, "left"]]) {
      hair.style[side] = `${(100 * fraction).toFixed(2)}%`;
      hair.style.display = inside ? "" : "none";
    }
    const shown = found();
    const last = model.payload.steps.length - 1;
    const value = (k) => (shown && k >= 0 ? number(shown.values[index * (last + 1) + k], PLACES) : "–");
    setText(parts.previous, value(index - 1));
    setText(parts.final, value(last));
    for (const row of rows) row.paint();
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "structure")) rebuildCurves();
    if (anyOf(changed, "payload", "graph", "structure", "metric", "axis", "zoom", "scheme")) refresh();
    if (anyOf(changed, "axis", "zoom")) for (const row of rows) row.draw();
    paint();
  }
  return { update };
}

/** The square of steps by steps, a cross-hair at the step, and what is said beside it. */
function build(model, signal, found) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const [across, down] = [element("i", { class: "hair across" }), element("i", { class: "hair down" })];
  const plane = element("div", { class: "stability-plane", role: "img", "aria-label": "Likeness of every two checkpoints" }, canvas, createBands(model, "lines"), across, down);
  const [previous, final] = [element("dd"), element("dd")];
  const legend = element("div", { class: "legend-place" });
  const side = element("div", { class: "stability-side" },
    element("dl", {}, element("dt", { text: "with the checkpoint before" }), previous, element("dt", { text: "with the last" }), final), legend);
  const at = (event) => {
    const box = plane.getBoundingClientRect();
    return [model.axis.nearest((event.clientX - box.left) / box.width), model.axis.nearest((event.clientY - box.top) / box.height)];
  };
  plane.addEventListener("pointermove", (event) => {
    const shown = found();
    const [i, k] = at(event);
    if (shown) tell(model, event, { title: `${stepAt(model, i)} and ${stepAt(model, k)}`, rows: [[shown.label, number(shown.values[k * model.payload.steps.length + i], PLACES)]], foot: `click: go to ${stepAt(model, i)}` });
  }, { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  plane.addEventListener("click", (event) => model.go(at(event)[0]), { signal });
  return { canvas, across, down, plane, previous, final, legend, side, ticks: element("div", { class: "stability-ticks", "aria-hidden": "true" }) };
}

/** What changed since the checkpoint before: who is among the first, and the weights. */
function curveRows(model, signal) {
  const { structure } = model.state;
  const wanted = [];
  const lines = Object.entries(structure?.churn ?? {}).map(([name, values], k) => ({ name, kind: CHURN_KINDS[k], values }));
  if (lines.length) wanted.push({ label: "churn", unit: structure.churnRule, from: 0, lines });
  if (structure?.edges) {
    wanted.push({ label: "distance to the checkpoint before", unit: "relative Frobenius", from: 0, lines: [{ name: "distance", kind: "graph", values: structure.edges.previous }] });
  }
  return wanted.map((row) => curveRow(model, signal, row));
}

function curveRow(model, signal, row) {
  const drawing = createCurves(model, signal, row);
  const values = row.lines.map((line) => element("span", { class: `value ${line.kind}` }));
  const readout = element("div", { class: "curve-readout" }, element("strong", { text: row.label }), element("span", { class: "lane-unit", text: row.unit }),
    ...row.lines.map((line, k) => element("span", {}, row.lines.length > 1 ? `${line.name} ` : "", values[k])));
  function paint() {
    drawing.paint();
    row.lines.forEach((line, k) => setText(values[k], number(line.values[model.state.index], drawing.places)));
  }
  return { node: element("div", { class: "stability-row" }, drawing.ends, drawing.node, readout), draw: drawing.draw, paint };
}
