/** The head of the Network page: which graph, which component, which time axis. */

import { byId, element, setAttribute, setText } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";
import { fillHead } from "./graph_head.mjs";

export const COMPACT = matchMedia("(max-width: 899px)");
const AXES = ["log", "linear", "index"];

/** Build the choice of graph and axis and return its `update(model, changed)`. */
export function createChoice(model) {
  const parts = { tasks: element("span", { class: "slot" }), settings: element("span", { class: "panel-settings" }) };
  const name = element("strong");
  const clear = element("button", { type: "button", class: "text-button", text: "clear", "aria-label": "Clear the selection", onclick: () => model.set({ component: null }) });
  const chosen = element("span", { class: "network-chosen", hidden: true }, name, clear);
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = AXES.map((kind) => element("button", { type: "button", "data-axis": kind, text: kind, onclick: () => model.set({ axis: kind }) }));
  byId("network-choice").replaceChildren(
    parts.tasks, parts.settings,
    element("span", { class: "panel-fact" }, chosen, reset, element("span", { class: "segments", role: "group", "aria-label": "Time axis" }, ...kinds)),
  );

  function update(_, changed) {
    const { state } = model;
    if (anyOf(changed, "payload", "graph")) {
      const graph = model.payload.graphs[state.graph];
      fillHead(parts, model);
      setText(parts.settings, graph ? `${graph.settings}; ${graph.nodeSettings}` : "");
    }
    reset.hidden = !state.zoom;
    chosen.hidden = !state.component;
    setText(name, state.component ?? "");
    for (const button of kinds) setAttribute(button, "aria-pressed", String(button.dataset.axis === state.axis));
  }
  return { update };
}
