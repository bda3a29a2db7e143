/** The Chains page: the draws behind one estimate of the LLC, in panels that move with the one slider. */

import { createAutocorrelation, createDistance } from "./chains_lines.mjs";
import { createChainsModel } from "./chains_model.mjs";
import { createChecks } from "./chains_checks.mjs";
import { createDraws } from "./chains_draws.mjs";
import { createEstimate } from "./chains_estimate.mjs";
import { mountPage } from "./page.mjs";
import { stepAt } from "./network_panel.mjs";

const PAGE = {
  title: "chains",
  open: createChainsModel,
  panels: [createEstimate, createDraws, createDistance, createAutocorrelation, createChecks],
  everything: ["payload", "axis", "zoom", "index", "chains", "record", "llc", "scheme"],
  before: (model) => model.look(),
  say: (model, changed, [estimate]) => (changed.has("index") ? `${stepAt(model, model.state.index)}. ${estimate.summary()}` : ""),
};

/** Fill the page under `root` until `signal` aborts. */
export function mountChains(root, signal) {
  return mountPage(root, signal, PAGE);
}
