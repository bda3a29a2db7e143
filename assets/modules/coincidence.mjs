/** The Coincidence page: what happens together in a run, by how much, and what cannot be told. */

import { byId, element, setText } from "./elements.mjs";
import { createModel, loadTests } from "./coincidence_model.mjs";
import { createChart } from "./coincidence_chart.mjs";
import { createChoice } from "./coincidence_choice.mjs";
import { createComponents } from "./coincidence_components.mjs";
import { createDock, placeDock } from "./dock.mjs";
import { createLags } from "./coincidence_lags.mjs";
import { createPlayback } from "./playback.mjs";
import { createTable } from "./coincidence_table.mjs";
import { createVerdict } from "./coincidence_verdict.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { fillHead } from "./head.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";

const PANELS = [createChoice, createVerdict, createChart, createTable, createLags, createComponents];
const OWN = { obstacle: "", tests: null, trouble: "", parts: null, partsTrouble: "", every: false, curve: "", strength: "out_strength" };
const EVERYTHING = ["payload", "graph", "axis", "zoom", "component", "scheme", ...Object.keys(OWN)];

/** Fill the page under `root` until `signal` aborts. */
export async function mountCoincidence(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createModel(opened, { ...OWN }, signal);
  assemble(model, model.store, signal);
  if (opened.notes.length) note(opened.notes.join(" "));
}

function assemble(model, store, signal) {
  const playback = createPlayback(model, signal);
  const spoken = element("p", { class: "spoken", role: "status", "aria-live": "polite" });
  byId("main").append(spoken);
  model.speak = debounce((text) => setText(spoken, text), 400, signal);
  const panels = [createDock(model, playback, signal), ...PANELS.map((create) => create(model, signal))];
  // All but the chart and the scatter are of the whole run: they name no step.
  for (const id of ["verdict", "distances", "lags"]) byId(`${id}-head`).querySelector("[data-step]").remove();
  const marks = byId("main").querySelectorAll("[data-step]");
  const update = (_, changed) => {
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, stepAt(model, model.state.index));
    if (changed.has("index")) model.speak(`${stepAt(model, model.state.index)}.`);
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, coincidence · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  placeDock(model, signal);
  loadTests(model, signal);
  model.listen();
}
