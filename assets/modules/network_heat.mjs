/** Components by steps, coloured by a metric: the whole run at a glance. */

import { anyOf, createPlane, panelBody, stepAt, withInterval } from "./network_panel.mjs";
import { decimals, largest } from "./format.mjs";
import { devicePixels, evenCells, legendOf, paintCells, scaleOf, shader, shadesOf, timeCells } from "./heat.mjs";
import { element, select, setText } from "./elements.mjs";
import { createRows } from "./network_rows.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createHeat(model, signal) {
  const slot = element("span", { class: "slot" });
  const body = panelBody("heat", "Components over training", slot);
  const canvas = element("canvas", { "aria-hidden": "true" });
  const plane = createPlane(model, signal, { label: "A metric of every component over training", describe, draw }, canvas);
  const rows = createRows(model, plane, canvas);
  const legend = element("div", { class: "legend-place" });
  const words = element("p", { class: "panel-words" });
  body.replaceChildren(element("div", { class: "time-row" }, rows.labels, plane.node), element("div", { class: "time-row" }, words, legend));
  let scale = null;

  const graphOf = () => model.payload.graphs[model.state.graph];
  const metricOf = () => graphOf()?.metrics.find((m) => m.id === model.state.metric);

  function choose() {
    const options = (graphOf()?.metrics ?? []).map((m) => [m.id, m.name]);
    slot.replaceChildren(select({ class: "menu", "aria-label": "Colour components by", onchange: (e) => model.set({ metric: e.target.value }) }, options, model.state.metric));
  }

  function draw() {
    const metric = metricOf();
    const { width, height } = plane.size;
    if (!metric || !width) return;
    const n = graphOf().components.length;
    scale = scaleOf(metric.values, { signed: isSigned(metric.id) });
    const shade = shader(scale, shadesOf(scale));
    paintCells(canvas, timeCells(model.axis, devicePixels(width)), evenCells(n, devicePixels(height)), (i, row) => shade(metric.values[i * n + rows.order[row]]));
    legend.replaceChildren(legendOf(scale, metric.unit || metric.name));
    setText(words, metric.definition);
  }

  function describe(index, share) {
    const metric = metricOf();
    const c = rows.at(share);
    if (!metric || c < 0) return null;
    const at = index * graphOf().components.length + c;
    const places = decimals(largest(metric.values));
    return { title: graphOf().components[c].name, rows: [[metric.name, withInterval(metric.values[at], metric.low[at], metric.high[at], places)]], foot: stepAt(model, index) };
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) choose();
    else if (changed.has("metric")) slot.firstChild.value = model.state.metric;
    if (anyOf(changed, "payload", "graph", "compact")) rows.rebuild();
    if (anyOf(changed, "payload", "graph", "metric", "axis", "zoom", "scheme")) draw();
    rows.paint();
    plane.paint();
  }
  return { update };
}

/** Say whether a metric is a z, which lies on both sides of 0. */
export function isSigned(id) {
  return id.endsWith("_z");
}
