/** The head of the Refined LLC page: which parts on which data, in which order, on which scale and time axis. */

import { byId, element, select, setAttribute, setText } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";
import { curvesOf } from "./refined_model.mjs";
import { refinementOptions } from "./refined_curves.mjs";

const AXES = [["log", "log"], ["linear", "linear"], ["index", "index"]];
const ORDERS = [["model", "by layer"], ["shapes", "by kind of curve"]];
const SCALES = [["common", "one scale"], ["own", "own scales"]];

/** Build the choice and return its `update(model, changed)`. */
export function createChoice(model) {
  const slot = element("span", { class: "slot" });
  const settings = element("span", { class: "panel-settings" });
  const name = element("strong");
  const clear = element("button", { type: "button", class: "text-button", text: "clear", "aria-label": "Clear the selection", onclick: () => model.set({ component: null }) });
  const chosen = element("span", { class: "network-chosen", hidden: true }, name, clear);
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const groups = [segments("Order of parts", "arrange", ORDERS, model), segments("Vertical scale", "scale", SCALES, model), segments("Time axis", "axis", AXES, model)];
  byId("refined-choice").replaceChildren(slot, settings, element("span", { class: "panel-fact" }, chosen, reset, ...groups.map((group) => group.node)));

  function choose() {
    const options = refinementOptions(model.payload);
    const menu = select({ class: "menu", "aria-label": "Parts and data", onchange: (e) => model.set({ refined: e.target.value }) }, options, model.state.refined);
    slot.replaceChildren(options.length > 1 ? menu : element("span", { class: "quiet", text: options[0]?.[1] ?? "" }));
    const [, ...chains] = (curvesOf(model)[0]?.settings ?? "").split(" · ");
    setText(settings, chains.join(" · "));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "refined")) choose();
    reset.hidden = !model.state.zoom;
    chosen.hidden = !model.state.component;
    setText(name, model.state.component ?? "");
    for (const group of groups) group.paint();
  }
  return { update };
}

function segments(label, field, options, model) {
  const buttons = options.map(([value, text]) => element("button", { type: "button", [`data-${field}`]: value, text, onclick: () => model.set({ [field]: value }) }));
  return {
    node: element("span", { class: "segments", role: "group", "aria-label": label }, ...buttons),
    paint() {
      for (const button of buttons) setAttribute(button, "aria-pressed", String(button.dataset[field] === model.state[field]));
    },
  };
}
