/** The head of the Component page: which component, how to come to another, and its numbers here. */

import { byId, element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { curvesOfComponent, describe, rankText, textAt } from "./component_values.mjs";
import { placeOf } from "./payload.mjs";
import { SHAPES } from "./marks.mjs";
import { absence } from "./coverage.mjs";
import { fillHead } from "./graph_head.mjs";
import { parse } from "./places.mjs";
import { writeAddress } from "./address.mjs";

const FIRST = ["out_strength", "in_strength", "loss_change", "logit_change", "previous", "induction"];
const RANKED = ["out_strength", "in_strength"];

/** Build the head; return its `update(model, changed)` and `summary()`, the numbers in words. */
export function createHead(model) {
  const parts = build(model);
  let tiles = [];

  function rebuild() {
    const { payload, state } = model;
    const graph = payload.graphs[state.graph];
    fillHead(parts, model);
    fillChoice(parts.choice, model, graph);
    const component = graph.components[placeOf(graph, state.component)];
    setText(parts.name, component.name);
    setText(parts.words, describe(component.name));
    parts.shape.setAttribute("class", `component-shape key ${component.kind}`);
    parts.shape.replaceChildren(svg("g", { class: component.kind }, svg("path", { d: SHAPES[component.kind] })));
    const curves = new Map(curvesOfComponent(model).map((c) => [c.id, c]));
    tiles = FIRST.filter((id) => curves.has(id)).map((id) => buildTile(curves.get(id)));
    parts.tiles.replaceChildren(...tiles.map((tile) => tile.node));
  }

  function update(_, changed) {
    if (["payload", "graph", "component"].some((name) => changed.has(name))) rebuild();
    for (const tile of tiles) paintTile(tile, model);
    setText(parts.settings, model.payload.graphs[model.state.graph]?.settings ?? "");
    setAttribute(parts.back, "href", `${model.prefix}${writeAddress(model.state, model.payload)}`);
  }
  const summary = () => `${model.state.component}: ${tiles.map((t) => `${t.curve.name} ${t.value.textContent} ${t.error.textContent} ${t.rank.textContent}`).join("; ")}`;
  return { update, summary };
}

function build(model) {
  const step = (by) => () => model.set({ component: neighbourOf(model, by) });
  const parts = {
    shape: svg("svg", { viewBox: "-1.3 -1.3 2.6 2.6", "aria-hidden": "true" }),
    name: element("h1"),
    words: element("span", { class: "panel-step" }),
    tasks: element("span", { class: "slot" }),
    settings: element("span", { class: "panel-settings" }),
    choice: element("span", { class: "component-choice" }),
    back: element("a", { class: "text-button", text: "in the graph", title: "Show it in the graph, on the Development page" }),
    tiles: element("div", { class: "tiles" }),
  };
  const button = (label, text, by) => element("button", { type: "button", class: "icon", "aria-label": label, title: label, text, onclick: step(by) });
  byId("component-head").replaceChildren(
    parts.shape, parts.name, parts.words,
    element("span", { class: "component-ways" }, button("Previous component", "‹", -1), parts.choice, button("Next component", "›", 1), parts.back),
  );
  byId("component-setting").replaceChildren(parts.tasks, parts.settings);
  byId("component-numbers").replaceChildren(parts.tiles);
  return parts;
}

function neighbourOf(model, by) {
  const { components } = model.payload.graphs[model.state.graph];
  const n = components.length;
  return components[(placeOf({ components }, model.state.component) + by + n) % n].name;
}

/** Fill the menu of components, by layer; it keeps the focus while it is used. */
function fillChoice(slot, model, graph) {
  const menu = slot.firstChild;
  const names = graph.components.map((c) => c.name);
  if (menu?.dataset.names === names.join()) return void (menu.value = model.state.component);
  const groups = new Map();
  for (const name of names) {
    const { layer } = parse(name);
    const label = layer < 0 ? "input, output" : `layer ${layer}`;
    groups.set(label, [...(groups.get(label) ?? []), [name, name]]);
  }
  const options = [...groups].map(([label, found]) => ({ label, options: found }));
  const attributes = { class: "menu title-menu", "aria-label": "Component", "data-names": names.join(), onchange: (e) => model.set({ component: e.target.value }) };
  slot.replaceChildren(select(attributes, options, model.state.component));
}

function buildTile(curve) {
  const tile = {
    curve,
    value: element("span", { class: `value ${curve.group}` }),
    error: element("span", { class: "error" }),
    rank: element("span", { class: "tile-rank" }),
  };
  tile.node = element(
    "div", { class: "tile", "data-number": curve.id },
    element("span", { class: "lane-name", text: curve.name }),
    element("span", { class: "lane-unit", text: curve.unit }),
    element("div", { class: "readout-value" }, tile.value, tile.error),
    tile.rank,
  );
  return tile;
}

function paintTile({ curve, value, error, rank, node }, model) {
  const { payload, state } = model;
  const graph = payload.graphs[state.graph];
  const text = textAt(curve, state.index);
  setText(value, text.value || "not measured");
  setClass(value, "absent", !text.value);
  setAttribute(node, "title", text.value ? curve.settings : absence(model, curve.kind));
  setText(error, text.error);
  if (!RANKED.includes(curve.id)) return;
  setText(rank, rankText(graph, curve.id, placeOf(graph, state.component), { index: state.index, steps: payload.steps.length }));
}
