/** The draws of each chain and, on the same axis, how they are distributed; or why there are none. */

import { anyOf, panelBody } from "./network_panel.mjs";
import { chainClass, createDrawing, drawAxes, endsOf, pathOf, rowOf } from "./chains_frame.mjs";
import { decimals, number } from "./format.mjs";
import { byId, element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { createMissing } from "./chains_missing.mjs";

const MODES = { draws: "draws", mean: "running mean" };

/** Build the panel and return its `update(model, changed)`. */
export function createDraws(model, signal) {
  model.lit = null;
  const shown = { mode: "draws", near: false };
  const again = () => model.set({ look: {} });
  const scope = element("button", { type: "button", class: "text-button toggle", text: "zoom to this step", onclick: () => ((shown.near = !shown.near), again()) });
  const modes = Object.entries(MODES).map(([id, text]) => element("button", { type: "button", "data-mode": id, text, onclick: () => ((shown.mode = id), again()) }));
  const axis = element("span", { class: "quiet" });
  const body = panelBody("draws", "Draws of each chain", axis, scope, element("span", { class: "segments", role: "group", "aria-label": "What is drawn" }, ...modes));
  const traces = createDrawing(signal, "Draws of each chain", (...at) => drawTraces(model, shown, ...at));
  const spread = createDrawing(signal, "Density of each chain's draws", (...at) => drawDensities(model, shown, ...at));
  const keys = element("div", { class: "chain-keys" });
  const missing = createMissing();
  body.replaceChildren(element("div", { class: "draws-pair" }, traces.node, spread.node), keys, missing.node);
  let drawn = "";

  function update(_, changed) {
    const { record, address } = model.view;
    setClass(byId("main"), "no-chains", Boolean(model.state.chains) && !address);
    setClass(body, "stale", !record);
    missing.say(model);
    if (!record) return;
    const { beyond, whole, far } = axisOf(model, shown);
    const words = far ? "axis of this step, beyond that of the run" : whole ? "axis of the whole run" : "axis of this step";
    setText(axis, words + (beyond ? `, ${number(beyond, 0)} draws beyond` : ""));
    scope.hidden = !model.view.setting?.range || far;
    setAttribute(scope, "aria-pressed", String(shown.near));
    for (const button of modes) setAttribute(button, "aria-pressed", String(button.dataset.mode === shown.mode));
    const now = [address, shown.mode, shown.near, model.lit, model.view.setting?.range].join();
    if (now === drawn && !anyOf(changed, "scheme")) return;
    if (!drawn.startsWith(`${address},`)) fillKeys(keys, model, again);
    drawn = now;
    traces.redraw();
    spread.redraw();
  }
  return { update };
}

/** Return the axis of the draws: that of the whole run where it is known, unless zoomed in or far from the estimate. */
function axisOf({ view: { record, setting } }, { near, mode }) {
  const range = setting?.range;
  const far = range && (record.llc < range[0] || record.llc > range[1]);
  if (near || !range || far) return { y: endsOf(mode === "mean" ? meansOf(record.draws) : record.draws) ?? [0, 1], beyond: 0, whole: false, far };
  const beyond = mode === "mean" ? 0 : record.draws.reduce((n, v) => n + (v < range[0] || v > range[1]), 0);
  return { y: range, beyond, whole: true };
}

function drawTraces(model, shown, picture, width, height) {
  const { record } = model.view;
  if (!record) return;
  const { draws } = record;
  const axes = drawAxes(picture, width, height, {
    x: [0, draws.shape[1] - 1 || 1], y: axisOf(model, shown).y, yName: "λ̂ of a draw: nβ times the difference of losses",
    xName: `draw, after ${number(record.burnIn, 0)} steps of burn-in`,
  });
  const table = shown.mode === "mean" ? meansOf(draws) : draws;
  addEstimate(axes, record);
  for (let i = 0; i < draws.shape[0]; i++) {
    axes.layer.append(svg("path", { class: `${chainClass(i, model.lit)} ${shown.mode}`, d: pathOf(rowOf(table, i), axes.x, axes.y, axes.width) }));
  }
  axes.layer.append(estimateLine(axes, record));
}

function drawDensities(model, shown, picture, width, height) {
  const { record } = model.view;
  if (!record) return;
  const { grid, density } = record;
  const most = endsOf(density, 0)?.[1] ?? 1;
  const axes = drawAxes(picture, width, height, { x: [0, 1.05 * most], y: axisOf(model, { ...shown, mode: shown.near ? shown.mode : "draws" }).y, yName: "density", xName: "", bare: true });
  addEstimate(axes, record);
  for (let i = 0; i < density.shape[0]; i++) {
    const row = rowOf(density, i);
    let d = "";
    row.forEach((v, k) => Number.isFinite(v) && (d += `${d ? "L" : "M"}${axes.x(v).toFixed(1)} ${axes.y(grid[k]).toFixed(1)}`));
    axes.layer.append(svg("path", { class: `${chainClass(i, model.lit)} mean`, d }));
  }
  axes.layer.append(estimateLine(axes, record));
}

/** The estimate with its interval, across the axes. */
function addEstimate(axes, { llc, error }) {
  if (error === null) return;
  const [top, bottom] = [axes.y(llc + error), axes.y(llc - error)];
  axes.layer.append(svg("rect", { class: "chain-interval", x: 0, y: top, width: axes.width, height: Math.max(1, bottom - top) }));
}

function estimateLine(axes, { llc }) {
  return svg("line", { class: "chain-estimate", x1: 0, x2: axes.width, y1: axes.y(llc), y2: axes.y(llc) });
}

function meansOf(draws) {
  const [chains, length] = draws.shape;
  const means = new Float32Array(draws.length);
  means.shape = draws.shape;
  for (let i = 0; i < chains; i++) {
    let sum = 0;
    for (let t = 0; t < length; t++) means[i * length + t] = (sum += draws[i * length + t]) / (t + 1);
  }
  return means;
}

/** A key for each chain with its own estimate; pointing at one lets its lines stand out. */
function fillKeys(place, model, again) {
  const { perChain } = model.view.record;
  const places = decimals(Math.max(...perChain.map((v) => Math.abs(v ?? 0))));
  const light = (i) => () => ((model.lit = i), again());
  place.replaceChildren(
    element("span", { class: "quiet", text: "mean of each chain" }),
    ...perChain.map((value, i) =>
      element("span", { class: `chain-key of-${(i % 8) + 1}`, tabindex: 0, onpointerenter: light(i), onpointerleave: light(null), onfocus: light(i), onblur: light(null) },
        element("i"), `${i + 1}`, element("strong", { text: value === null ? "diverged" : number(value, places) }))),
    element("span", { class: "chain-key whole" }, element("i"), "estimate, ± 95 %"),
  );
}
