/** The Network page: network science over training, in panels that all move with the one slider. */

import { COMPACT, createChoice } from "./network_choice.mjs";
import { createModel, loadStructure } from "./network_model.mjs";
import { createCommunities } from "./network_communities.mjs";
import { createDistribution } from "./network_weights.mjs";
import { createHeat } from "./network_heat.mjs";
import { createMatrix } from "./network_matrix.mjs";
import { createPhases } from "./network_phases.mjs";
import { createSpace } from "./network_space.mjs";
import { createStability } from "./network_stability.mjs";
import { createTable } from "./network_table.mjs";
import { mountPage } from "./page.mjs";
import { stepAt } from "./network_panel.mjs";

const PAGE = {
  title: "network",
  open: (opened, signal) => createModel(opened, { compact: COMPACT.matches, structure: null, trouble: "" }, signal),
  panels: [createChoice, createPhases, createMatrix, createStability, createSpace, createDistribution, createHeat, createCommunities, createTable],
  everything: ["payload", "graph", "metric", "axis", "zoom", "component", "structure", "scheme", "compact"],
  say: (model, changed) => (changed.has("index") ? `${stepAt(model, model.state.index)}.` : ""),
  load(model, signal) {
    COMPACT.addEventListener("change", () => model.set({ compact: COMPACT.matches }), { signal });
    loadStructure(model, signal);
  },
};

/** Fill the page under `root` until `signal` aborts. */
export function mountNetwork(root, signal) {
  return mountPage(root, signal, PAGE);
}
