/** The head of the Coincidence page: which graph, and which time axis. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, setText } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";
import { fillHead } from "./graph_head.mjs";


/** Build the choice and return its `update(model, changed)`. */
export function createChoice(model) {
  const parts = { tasks: element("span", { class: "slot" }), settings: element("span", { class: "panel-settings" }) };
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  byId("coincidence-choice").replaceChildren(
    parts.tasks, parts.settings,
    element("span", { class: "panel-fact" }, reset, kinds.node),
  );

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) {
      const graph = model.payload.graphs[model.state.graph];
      fillHead(parts, model);
      setText(parts.settings, graph ? `${graph.settings}; ${graph.nodeSettings}` : "no graph is measured yet");
    }
    reset.hidden = !model.state.zoom;
    kinds.paint();
  }
  return { update };
}
