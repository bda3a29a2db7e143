/**
 * The rank table: one row for each rank, filled anew at every step. Of very many components the
 * first ranks are shown, and the selected one below them, wherever it stands.
 */

import { byId, element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { decimals, largest, number, step as formatStep } from "./format.mjs";
import { orderAt, placeIn, rankAll } from "./ranking.mjs";
import { fillAbsence } from "./coverage.mjs";

const WIDTH = 112;
const MOST = 50;
const TITLES = {
  out_strength: "Spreaders, by out-strength",
  in_strength: "Gatherers, by in-strength",
  betweenness: "Betweenness, strong edges short",
  closeness: "Closeness, strong edges short",
  pagerank: "PageRank, gathering",
  pagerank_reversed: "PageRank reversed, spreading",
};

/** Build the rank panel's head and table and return their `update(model, changed)`. */
export function createRanks(model) {
  const slot = element("h2", { class: "slot" });
  const fact = element("span", { class: "panel-fact" });
  byId("rank-head").replaceChildren(slot, element("span", { class: "panel-step", "data-step": "ranks" }), fact);
  const body = element("tbody");
  const since = element("button", {
    class: "text-button", type: "button",
    onclick: () => model.set({ since: model.state.since === model.state.index ? 0 : model.state.index }),
  });
  const state = element("div", { class: "panel-state", hidden: true });
  const scale = element("th", { class: "drawn" });
  const head = element(
    "tr", {},
    element("th", { text: "#", scope: "col" }), element("th", { text: "component", scope: "col" }),
    element("th", { class: "value", text: "value", scope: "col" }), scale, element("th", { class: "interval", text: "95 %", scope: "col" }),
    element("th", { scope: "col" }, since),
  );
  byId("rank-table").replaceChildren(element("table", {}, element("thead", {}, head), body), state);
  let rows = [];
  const beyond = newRow(model);
  const rest = element("td");
  const tail = element("tr", { class: "rest" }, element("td"), rest);

  function rebuild() {
    const graph = model.payload.graphs[model.state.graph];
    const options = (graph?.metrics ?? []).map((m) => [m.id, TITLES[m.id] ?? m.name]);
    slot.replaceChildren(
      options.length
        ? select({ class: "menu title-menu", "aria-label": "Rank components by", onchange: (e) => model.set({ metric: e.target.value }) }, options, model.state.metric)
        : "Ranks",
    );
    setText(fact, graph ? intervalSource(graph) : "");
    const count = graph?.components.length ?? 0;
    rows = Array.from({ length: Math.min(MOST, count) }, () => newRow(model));
    setClass(body.parentNode, "long", count >= 1000);
    setText(rest, `${number(count - rows.length, 0)} more components`);
    body.replaceChildren(...rows.map((r) => r.node), ...(count > rows.length ? [tail, beyond.node] : []));
  }

  function update(_, changed) {
    if (changed.has("payload") || changed.has("graph")) rebuild();
    else if (changed.has("metric") && slot.firstChild.nodeName === "SELECT") slot.firstChild.value = model.state.metric;
    paint(model, { rows, beyond }, state, scale);
    paintReference(model, since);
  }
  return { update };
}

function intervalSource(graph) {
  return `${graph.nodeSettings}, ${number(graph.prompts, 0)} prompt${graph.prompts === 1 ? "" : "s"}`;
}

function newRow(model) {
  const dot = element("i", { class: "dot" });
  const name = element("span");
  const button = element("button", { class: "component", type: "button" }, dot, name);
  const cells = ["rank", "", "value", "drawn", "interval", "change"].map((c) => element("td", { class: c || null }));
  const line = svg("line", { y1: 6, y2: 6 });
  const point = svg("circle", { cy: 6, r: 3 });
  cells[1].append(button);
  cells[3].append(svg("svg", { width: WIDTH, height: 12, class: "interval-drawing", "aria-hidden": "true" }, svg("line", { x1: 0.5, x2: 0.5, y1: 0, y2: 12, class: "zero" }), line, point));
  const node = element("tr", { onclick: () => model.toggle(button.dataset.component) }, ...cells);
  return { node, cells, dot, name, button, line, point };
}

function paint(model, { rows, beyond }, absent, scale) {
  const { payload, state } = model;
  const graph = payload.graphs[state.graph];
  const metric = graph?.metrics.find((m) => m.id === state.metric);
  const n = graph?.components.length ?? 0;
  const known = metric !== undefined && Number.isFinite(largestAt(metric, n, state.index));
  absent.hidden = known;
  setClass(absent.parentNode, "absent", !known);
  if (!known) {
    fillAbsence(absent, model, "network");
    return;
  }
  const { rank, range } = rankAll(metric, n, payload.steps.length);
  setText(scale, range.log ? "log scale" : "");
  const places = (metric.places ??= decimals(largest(metric.values)));
  beyond.node.hidden = true;
  orderAt(metric, n, state.index).forEach((c, place) => {
    const row = rows[place] ?? (graph.components[c].name === state.component ? beyond : null);
    if (!row) return;
    row.node.hidden = false;
    const then = rank[state.since * n + c];
    paintRow(row, graph.components[c], at(metric, n, state.index, c), { place, then, range, places }, state);
  });
}

function at(metric, n, index, c) {
  const i = index * n + c;
  return { value: metric.values[i], low: metric.low[i], high: metric.high[i] };
}

function largestAt(metric, n, index) {
  for (let c = 0; c < n; c++) if (Number.isFinite(metric.values[index * n + c])) return 1;
  return NaN;
}

function paintRow(row, component, { value, low, high }, { place, then, range, places }, state) {
  const there = Number.isFinite(value);
  const banded = Number.isFinite(low) && Number.isFinite(high);
  setText(row.cells[0], there ? number(place + 1, 0) : "–");
  setText(row.name, component.name);
  setAttribute(row.button, "data-component", component.name);
  setAttribute(row.dot, "class", `dot ${component.kind}`);
  setText(row.cells[2], number(value, places));
  setText(row.cells[4], banded ? `${number(low, places)} – ${number(high, places)}` : "");
  const x = (v) => (placeIn(range, v) * (WIDTH - 8) + 4).toFixed(1);
  setAttribute(row.line, "class", component.kind);
  setAttribute(row.point, "class", component.kind);
  row.point.style.display = there ? "" : "none";
  row.line.style.display = banded ? "" : "none";
  if (there) setAttribute(row.point, "cx", x(value));
  if (banded) {
    setAttribute(row.line, "x1", x(low));
    setAttribute(row.line, "x2", x(high));
  }
  paintChange(row.cells[5], there && then ? then - (place + 1) : null);
  setClass(row.node, "selected", component.name === state.component);
  setAttribute(row.button, "aria-pressed", String(component.name === state.component));
}

function paintChange(cell, change) {
  setText(cell, change === null ? "" : change > 0 ? `▲ ${number(change, 0)}` : change < 0 ? `▼ ${number(-change, 0)}` : "=");
  setAttribute(cell, "class", `change ${change > 0 ? "up" : change < 0 ? "down" : ""}`);
}

function paintReference(model, since) {
  const { payload, state } = model;
  const reference = formatStep(payload.steps[state.since] ?? 0);
  setText(since, `since ${reference}`);
  const offer = state.since === state.index ? "Compare with the first checkpoint" : `Compare with step ${formatStep(payload.steps[state.index])} from now on`;
  setAttribute(since, "title", offer);
}
