/** The Coincidence page: what happens together in a run, by how much, and what cannot be told. */

import { createModel, loadTests } from "./coincidence_model.mjs";
import { byId } from "./elements.mjs";
import { createChart } from "./coincidence_chart.mjs";
import { createChoice } from "./coincidence_choice.mjs";
import { createComponents } from "./coincidence_components.mjs";
import { createLags } from "./coincidence_lags.mjs";
import { createTable } from "./coincidence_table.mjs";
import { createVerdict } from "./coincidence_verdict.mjs";
import { mountPage } from "./page.mjs";
import { placeDock } from "./dock.mjs";
import { stepAt } from "./network_panel.mjs";

const OWN = { obstacle: "", tests: null, trouble: "", parts: null, partsTrouble: "", every: false, curve: "", strength: "out_strength" };
const PAGE = {
  title: "coincidence",
  open: (opened, signal) => createModel(opened, { ...OWN }, signal),
  panels: [createChoice, createVerdict, createChart, createTable, createLags, createComponents],
  everything: ["payload", "graph", "axis", "zoom", "component", "scheme", ...Object.keys(OWN)],
  say: (model, changed) => (changed.has("index") ? `${stepAt(model, model.state.index)}.` : ""),
  built: unstep,
  load(model, signal) {
    placeDock(model, signal);
    loadTests(model, signal);
  },
};

/** Fill the page under `root` until `signal` aborts. */
export function mountCoincidence(root, signal) {
  return mountPage(root, signal, PAGE);
}

/** All panels but the chart and the scatter are of the whole run: they name no step. */
function unstep() {
  for (const id of ["verdict", "distances", "lags"]) byId(`${id}-head`).querySelector("[data-step]").remove();
}
