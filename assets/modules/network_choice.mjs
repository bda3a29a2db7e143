/** The head of the Network page: which graph, which component, which time axis. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, setText } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";
import { fillHead } from "./graph_head.mjs";

export const COMPACT = matchMedia("(max-width: 1099px)");

/** Build the choice of graph and axis and return its `update(model, changed)`. */
export function createChoice(model) {
  const parts = { tasks: element("span", { class: "slot" }), settings: element("span", { class: "panel-settings" }) };
  const name = element("strong");
  const clear = element("button", { type: "button", class: "text-button", text: "clear", "aria-label": "Clear the selection", onclick: () => model.set({ component: null }) });
  const chosen = element("span", { class: "network-chosen", hidden: true }, name, clear);
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  byId("network-choice").replaceChildren(
    parts.tasks, parts.settings,
    element("span", { class: "panel-fact" }, chosen, reset, kinds.node),
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
    kinds.paint();
  }
  return { update };
}
