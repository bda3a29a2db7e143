/** The head of the Behaviour page: what the model does at the step in a line, the selected head, the time axis. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, setAttribute, setText } from "./elements.mjs";
import { summary } from "./behaviour_summary.mjs";


/** Build the head and return its `update(model, changed)`. */
export function createChoice(model) {
  const words = element("span", { class: "behaviour-summary" });
  const name = element("strong");
  const clear = element("button", { type: "button", class: "text-button", text: "clear", "aria-label": "Clear the selection", onclick: () => model.set({ component: null }) });
  const chosen = element("span", { class: "network-chosen", hidden: true }, name, clear);
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  byId("behaviour-choice").replaceChildren(
    element("span", { class: "panel-step", "data-step": "choice" }), words,
    element("span", { class: "panel-fact" }, chosen, reset, kinds.node),
  );

  function update() {
    const { state } = model;
    setText(words, summary(model));
    setAttribute(words, "title", words.textContent);
    reset.hidden = !state.zoom;
    chosen.hidden = !state.component;
    setText(name, state.component ?? "");
    kinds.paint();
  }
  return { update };
}
