/** Finding components by name, and the pinned ones: what is pinned, showing only these, and letting go. */

import { element, setAttribute, setText } from "./elements.mjs";
import { matching, togglePin } from "./pins.mjs";
import { number } from "./format.mjs";

const OPTIONS = "component-names";
/** So many pins are named beside each other; of more, their number is told. */
const NAMED = 6;

/** Build the row and return its `node`, `update(model)` and `fill(graph)`. */
export function createFind(model) {
  const found = element("span", { class: "quiet" });
  const input = element("input", {
    type: "search", class: "find", placeholder: "find …", list: OPTIONS, "aria-label": "Find components by name", title: "Part of a name (/). Enter selects, Shift Enter pins all that are found",
    oninput: () => model.set({ find: input.value }),
    onkeydown: (event) => act(event, model),
  });
  const names = element("datalist", { id: OPTIONS });
  const pin = element("button", { type: "button", class: "text-button", onclick: () => togglePin(model, model.state.component) });
  const pins = element("span", { class: "pins" });
  const only = element("button", { type: "button", class: "text-button toggle", text: "only these", title: "Hide what is not pinned", onclick: () => model.set({ onlyPins: !model.state.onlyPins }) });
  const clear = element("button", { type: "button", class: "text-button", text: "unpin all", onclick: () => model.set({ pins: [], onlyPins: false }) });
  const node = element("span", { class: "find-row" }, input, names, found, pin, pins, only, clear);

  function update() {
    const { component, pins: names, onlyPins, find } = model.state;
    const hits = matching(model.payload.graphs[model.state.graph], find);
    setText(found, find.trim() ? `${number(hits.length, 0)} found` : "");
    pin.hidden = !component;
    setText(pin, component ? `${names.includes(component) ? "unpin" : "pin"} ${component}` : "");
    only.hidden = clear.hidden = !names.length;
    setAttribute(only, "aria-pressed", String(onlyPins));
    if (pins.dataset.shown === names.join()) return;
    pins.dataset.shown = names.join();
    pins.replaceChildren(...chips(names, model));
  }
  function fill(graph) {
    names.replaceChildren(...(graph?.components ?? []).map(({ name }) => element("option", { value: name })));
    node.hidden = !graph;
  }
  return { node, update, fill };
}

function chips(names, model) {
  if (names.length > NAMED) return [element("span", { class: "quiet", text: `${number(names.length, 0)} pinned`, title: names.join(", ") })];
  return names.map((name) => element("button", { type: "button", class: "pin-chip", "aria-label": `Unpin ${name}`, title: `Unpin ${name}`, onclick: () => togglePin(model, name) }, name, element("i", { text: "×", "aria-hidden": "true" })));
}

function act(event, model) {
  const graph = model.payload.graphs[model.state.graph];
  const hits = matching(graph, event.target.value).map((i) => graph.components[i].name);
  if (event.key === "Escape") {
    event.target.value = "";
    model.set({ find: "" });
    event.target.blur();
  } else if (event.key === "Enter" && hits.length) {
    const { pins } = model.state;
    if (event.shiftKey) model.set({ pins: [...new Set([...pins, ...hits])] });
    else model.set({ component: hits.find((name) => name.toLowerCase() === event.target.value.trim().toLowerCase()) ?? hits[0] });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}
