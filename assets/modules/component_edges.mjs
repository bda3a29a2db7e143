/** The edges of one component at the chosen checkpoint: two lists, heaviest first. */

import { byId, element, setAttribute, setClass, setText } from "./elements.mjs";
import { decimals, number, spread } from "./format.mjs";
import { edgesOf, heaviestOf } from "./component_values.mjs";
import { placeOf } from "./payload.mjs";
import { fillAbsence, remedyOf } from "./coverage.mjs";
import { lightestKept } from "./edges.mjs";

const MOST = 60;
const SIDES = {
  into: { title: "Edges in", meaning: "how ablating others changes it", none: "Nothing lies before it." },
  out: { title: "Edges out", meaning: "how ablating it changes others", none: "Nothing lies after it." },
};

/** Build both lists and return their `update(model, changed)`. */
export function createEdges(model) {
  const lists = Object.fromEntries(Object.entries(SIDES).map(([side, words]) => [side, buildList(words)]));
  const absent = element("div", { class: "panel-state", hidden: true });
  const sides = element("div", { class: "edge-sides" }, lists.into.node, lists.out.node, absent);
  byId("component-edges").replaceChildren(sides);
  let scale = { most: 1, places: 2 };

  function update(_, changed) {
    const { payload, state } = model;
    const graph = payload.graphs[state.graph];
    const c = placeOf(graph, state.component);
    if (["payload", "graph", "component"].some((name) => changed.has(name))) {
      const most = heaviestOf(graph, payload.steps.length, c);
      scale = { most, places: Math.min(4, decimals(most)) };
      for (const list of Object.values(lists)) setText(list.top, most ? number(most, scale.places) : "");
    }
    const found = edgesOf(graph, state.index, c);
    const measured = Number.isFinite(graph.metrics[0]?.values[state.index * graph.components.length + c]) || found.into.length + found.out.length > 0;
    absent.hidden = measured;
    setClass(sides, "absent", !measured);
    if (!measured) fillAbsence(absent, model, "graph", remedyOf(model));
    for (const [side, list] of Object.entries(lists)) paintList(list, found[side], graph, scale, model);
  }
  return { update };
}

function buildList({ title, meaning, none }) {
  const list = {
    count: element("span", { class: "panel-fact" }),
    top: element("span"),
    body: element("ol", { class: "edge-list" }),
    rest: element("p", { class: "quiet" }),
    none, rows: [],
  };
  list.node = element(
    "section", { class: "edge-side", "aria-label": title },
    element("div", { class: "panel-head" }, element("h2", { text: title }), element("span", { class: "panel-step", text: meaning }), list.count),
    element("div", { class: "edge-row edge-titles", "aria-hidden": "true" },
      element("span", { text: "component" }),
      element("span", { class: "edge-scale" }, element("span", { text: "0" }), list.top),
      element("span", { text: "weight" }), element("span", { text: "norm change" })),
    list.body, list.rest,
  );
  return list;
}

function paintList(list, edges, graph, scale, model) {
  const shown = Math.min(MOST, edges.length);
  while (list.rows.length < shown) {
    const row = buildRow(model);
    list.rows.push(row);
    list.body.append(row.node);
  }
  list.rows.forEach((row, i) => {
    row.node.hidden = i >= shown;
    if (i < shown) paintRow(row, edges[i], graph, scale);
  });
  const total = edges.reduce((sum, edge) => sum + Math.max(0, edge.weight), 0);
  const kept = lightestKept(graph, model.state.index) ? " kept" : "";
  setText(list.count, edges.length ? `${number(edges.length, 0)}${kept} · sum ${number(total, decimals(total))}` : "");
  setText(list.rest, restOf(list, edges, graph, model));
}

/** Say what the list does not show. */
function restOf(list, edges, graph, { state }) {
  if (edges.length > MOST) return `${number(edges.length - MOST, 0)} lighter ones`;
  const least = lightestKept(graph, state.index);
  if (least) {
    const which = `the ${number(graph.lists.kept, 0)} heaviest edges of this graph, here down to ${number(least, decimals(least))}`;
    return edges.length ? `Only ${which}, are kept.` : `None is among ${which}, which are all that is kept.`;
  }
  return edges.length ? "" : list.none;
}

function buildRow(model) {
  const row = {
    dot: element("i"),
    name: element("span"),
    fill: element("i", { class: "edge-fill" }),
    whisker: element("i", { class: "edge-whisker" }),
    weight: element("span", { class: "edge-weight" }),
    norm: element("span", { class: "edge-norm" }),
  };
  row.button = element("button", { type: "button", class: "component", onclick: () => model.set({ component: row.name.textContent }) }, row.dot, row.name);
  row.node = element("li", { class: "edge-row" }, row.button, element("span", { class: "edge-bar", "aria-hidden": "true" }, row.fill, row.whisker), row.weight, row.norm);
  return row;
}

function paintRow(row, edge, graph, { most, places }) {
  const { name, kind } = graph.components[edge.other];
  setText(row.name, name);
  setAttribute(row.dot, "class", `dot ${kind}`);
  setAttribute(row.node, "data-component", name);
  const share = (value) => Math.min(1, Math.max(0, value / (most || 1)));
  row.fill.style.transform = `scaleX(${share(edge.weight).toFixed(4)})`;
  setAttribute(row.fill, "class", `edge-fill ${kind}`);
  const banded = Number.isFinite(edge.error);
  row.whisker.style.display = banded ? "" : "none";
  if (banded) {
    row.whisker.style.left = `${(100 * share(edge.weight - edge.error)).toFixed(2)}%`;
    row.whisker.style.width = `${(100 * (share(edge.weight + edge.error) - share(edge.weight - edge.error))).toFixed(2)}%`;
  }
  setText(row.weight, interval(edge.weight, edge.error, places));
  setText(row.norm, interval(edge.norm, edge.normError, 2));
}

function interval(value, error, places) {
  if (!Number.isFinite(value)) return "–";
  return number(value, places) + (Number.isFinite(error) ? ` ± ${spread(-error, error, places)}` : "");
}
