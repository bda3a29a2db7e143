/** Stages in the dock: their bands behind the slider, and below it the way to boundaries, the stage of the step, and what is shown. */

import { boundaryList, CHOICES, goToBoundary, stageWords } from "./stages.mjs";
import { element, select, setAttribute, setText } from "./elements.mjs";
import { createBands } from "./stage_bands.mjs";
import { curvesOf } from "./payload.mjs";
import { debounce } from "./page_model.mjs";

const PAUSE = 600;
const NOW = "stage-now";

/** Build the parts: `bands` for the slider, `row` for below its ticks, and `update(model, changed)`. */
export function createDockStages(model, signal) {
  const [whole, short] = [element("span", { class: "whole" }), element("span", { class: "short", "aria-hidden": "true" })];
  const now = element("span", { class: "stage-now", id: NOW }, whole, short);
  const spoken = element("p", { class: "spoken", "aria-live": "polite" });
  const slot = element("span", { class: "slot" });
  const button = (key, label, way) => element("button", { type: "button", class: "stage-key", "aria-label": label, title: `${label} (${key})`, text: key, onclick: () => goToBoundary(model, way) });
  const keys = [button("[", "Previous boundary of stages", -1), button("]", "Next boundary of stages", 1)];
  const row = element("div", { class: "stage-row" }, ...keys, now, slot, spoken);
  const announce = debounce((text) => setText(spoken, text), PAUSE, signal);

  function update(_, changed) {
    if (["payload", "llc", "boundaries"].some((name) => changed.has(name))) fillChoice(slot, model);
    if (["payload", "axis", "stages", "boundaries"].some((name) => changed.has(name))) setAttribute(now, "title", boundaryList(model));
    const words = stageWords(model);
    setText(whole, words.whole);
    setText(short, words.short);
    for (const key of keys) key.hidden = model.state.boundaries === "off";
    if (changed.has("index") || changed.has("stages")) announce(words.spoken && `${words.spoken}.`);
  }
  return { bands: createBands(model, "dock"), row, update, describedBy: NOW };
}

/** Offer what to show of stages, of each setting of which there are LLCs. */
function fillChoice(slot, model) {
  const { llc, boundaries } = model.state;
  const every = curvesOf(model.payload, "").filter((curve) => /^llc(~\d+)?$/.test(curve.id));
  const kinds = (id) => ["critical", "slopes"].map((kind) => [`${id} ${kind}`, CHOICES[kind]]);
  const options = every.length > 1 ? every.map((curve) => ({ label: curve.settings, options: kinds(curve.id) })) : kinds(llc);
  const choose = (event) => {
    const [id, kind] = event.target.value.split(" ");
    model.set(kind === "off" ? { boundaries: kind } : { llc: id, boundaries: kind });
  };
  const off = boundaries === "off" ? "- off" : `${llc} ${boundaries}`;
  slot.replaceChildren(select({ class: "menu", "aria-label": "Stages of the LLC", onchange: choose }, [...options, ["- off", CHOICES.off]], off));
}
