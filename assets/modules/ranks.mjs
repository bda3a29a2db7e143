/**
 * The rank table: one row for each rank, filled anew at every step, those out of sight when the
 * page rests. Of very many components the first ranks are shown, and the selected one below them,
 * wherever it stands.
 */

import { byId, element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { decimals, largest, number, step as formatStep } from "./format.mjs";
import { isTied, orderAt, placeIn, rankAll, rankEnds } from "./ranking.mjs";
import { createSight } from "./sight.mjs";
import { fillAbsence } from "./coverage.mjs";

const WIDTH = 96;
const MOST = 50;
const SIGNIFICANT = 0.05;
/** A strength stands beside its score against the layer null, and the score beside its strength. */
const BESIDE = {
  out_strength: { id: "spreader_z", head: "z", p: "spreader_p" },
  in_strength: { id: "gatherer_z", head: "z", p: "gatherer_p" },
  spreader_z: { id: "out_strength", head: "strength", p: "spreader_p" },
  gatherer_z: { id: "in_strength", head: "strength", p: "gatherer_p" },
};

/** Build the rank panel's head and table and return their `update(model, changed)`. */
export function createRanks(model, signal) {
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
  const value = element("th", { class: "value", scope: "col" });
  const beside = element("th", { class: "beside", scope: "col" });
  const head = element(
    "tr", {},
    element("th", { text: "#", scope: "col", title: "Rank, and its 95 % interval over the prompts; = marks a tie" }), element("th", { text: "component", scope: "col" }),
    value, beside, scale, element("th", { class: "interval", text: "95 %", scope: "col" }),
    element("th", { scope: "col" }, since),
  );
  const table = byId("rank-table");
  table.replaceChildren(element("table", {}, element("thead", {}, head), body), state);
  let rows = [];
  const beyond = newRow(model);
  const draw = (wanted) => paint(model, { rows, beyond, wanted }, state, scale);
  const sight = createSight(table, model.store, () => draw(() => true), signal);
  const rest = element("td");
  const tail = element("tr", { class: "rest" }, element("td"), rest);

  function rebuild() {
    const graph = model.payload.graphs[model.state.graph];
    const options = (graph?.metrics ?? []).filter((m) => m.ranking).map((m) => [m.id, m.ranking]);
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
    paintHead({ value, beside }, model);
    draw(sight.holds);
    sight.atRest(() => draw((place) => !sight.holds(place)));
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
  const cells = ["rank", "", "value", "beside", "drawn", "interval", "change"].map((c) => element("td", { class: c || null }));
  const place = element("span");
  const spread = element("small");
  cells[0].append(place, spread);
  const line = svg("line", { y1: 6, y2: 6 });
  const point = svg("circle", { cy: 6, r: 3 });
  const zero = svg("line", { y1: 0, y2: 12, class: "zero" });
  cells[1].append(button);
  cells[4].append(svg("svg", { width: WIDTH, height: 12, class: "interval-drawing", "aria-hidden": "true" }, zero, line, point));
  const node = element("tr", { onclick: () => model.toggle(button.dataset.component) }, ...cells);
  return { node, cells, place, spread, dot, name, button, zero, line, point };
}

/** Fill the rows at the places that are `wanted`, and the selected one, which stays in sight. */
function paint(model, { rows, beyond, wanted }, absent, scale) {
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
  const other = graph.metrics.find((m) => m.id === BESIDE[metric.id]?.id);
  const chance = graph.metrics.find((m) => m.id === BESIDE[metric.id]?.p);
  const places = placesOf(metric);
  beyond.node.hidden = true;
  orderAt(metric, n, state.index).forEach((c, place) => {
    const selected = graph.components[c].name === state.component;
    const row = rows[place] ?? (selected ? beyond : null);
    if (!row) return;
    setClass(row.node, "selected", selected);
    if (!selected && !wanted(place)) return;
    row.node.hidden = false;
    const i = state.index * n + c;
    const ranked = { now: rank[i], then: rank[state.since * n + c], tied: isTied(rank, n, state.index, c), ends: rankEnds(metric, i) };
    paintRow(row, graph.components[c], at(metric, n, state.index, c), { ranked, range, places }, state);
    paintBeside(row.cells[3], other, i);
    paintChance(metric.id.endsWith("_z") ? row.cells[2] : row.cells[3], row, chance, i);
  });
}

/** Say what the columns hold: the metric's name and unit on hover, and what stands beside it. */
function paintHead({ value, beside }, model) {
  const metrics = model.payload.graphs[model.state.graph]?.metrics ?? [];
  const metric = metrics.find((m) => m.id === model.state.metric);
  const other = metrics.find((m) => m.id === BESIDE[metric?.id]?.id);
  setText(value, metric?.id.endsWith("_z") ? "z" : metric?.id.endsWith("_strength") ? "strength" : "value");
  setAttribute(value, "title", metric ? `${metric.name}, ${metric.unit}. ${metric.definition}` : "");
  setText(beside, other ? BESIDE[metric.id].head : "");
  setAttribute(beside, "title", other ? `${other.name}, ${other.unit}. ${other.definition} In bold: one-sided p at most ${SIGNIFICANT}, which chance alone gives one component of twenty.` : "");
  setClass(value.closest("table"), "paired", Boolean(other));
}

function paintBeside(cell, other, i) {
  setText(cell, other ? number(other.values[i], placesOf(other)) : "");
}

/** Mark a z that chance hardly gives; its p on hover. */
function paintChance(cell, row, chance, i) {
  const p = chance?.values[i];
  for (const other of [row.cells[2], row.cells[3]]) setClass(other, "significant", other === cell && p <= SIGNIFICANT);
  setAttribute(cell, "title", Number.isFinite(p) ? `one-sided p ${number(p, p < 0.01 ? 4 : 2)}` : chance ? "no peer in its layer to compare with" : "");
}

function placesOf(metric) {
  return (metric.places ??= metric.id.endsWith("_z") ? 1 : decimals(largest(metric.values)));
}

function at(metric, n, index, c) {
  const i = index * n + c;
  return { value: metric.values[i], low: metric.low[i], high: metric.high[i] };
}

function largestAt(metric, n, index) {
  for (let c = 0; c < n; c++) if (Number.isFinite(metric.values[index * n + c])) return 1;
  return NaN;
}

function paintRow(row, component, { value, low, high }, { ranked, range, places }, state) {
  const there = Number.isFinite(value);
  const banded = Number.isFinite(low) && Number.isFinite(high);
  setText(row.place, there ? `${number(ranked.now, 0)}${ranked.tied ? "=" : ""}` : "–");
  setText(row.spread, there && ranked.ends ? ranked.ends.join("–") : "");
  setText(row.name, component.name);
  setAttribute(row.button, "data-component", component.name);
  setAttribute(row.dot, "class", `dot ${component.kind}`);
  setText(row.cells[2], number(value, places));
  setText(row.cells[5], banded ? `${number(low, places)} – ${number(high, places)}` : "");
  const x = (v) => (placeIn(range, v) * (WIDTH - 8) + 4).toFixed(1);
  const origin = range.log || range.low === 0 ? 0.5 : x(0);
  for (const end of ["x1", "x2"]) setAttribute(row.zero, end, origin);
  setAttribute(row.line, "class", component.kind);
  setAttribute(row.point, "class", component.kind);
  row.point.style.display = there ? "" : "none";
  row.line.style.display = banded ? "" : "none";
  if (there) setAttribute(row.point, "cx", x(value));
  if (banded) {
    setAttribute(row.line, "x1", x(low));
    setAttribute(row.line, "x2", x(high));
  }
  paintChange(row.cells[6], there && ranked.then ? ranked.then - ranked.now : null);
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
