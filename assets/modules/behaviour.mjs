/** The Behaviour page: what the model does and how, in panels that all move with the one slider. */

import { createModel, loadDetails } from "./behaviour_model.mjs";
import { createChoice } from "./behaviour_choice.mjs";
import { createComposition } from "./behaviour_matrix.mjs";
import { createMultiples } from "./behaviour_multiples.mjs";
import { createNorms } from "./behaviour_norms.mjs";
import { createScores } from "./behaviour_scores.mjs";
import { createSpectra } from "./behaviour_spectra.mjs";
import { createTokens } from "./behaviour_tokens.mjs";
import { mountPage } from "./page.mjs";
import { placeDock } from "./dock.mjs";
import { stepAt } from "./network_panel.mjs";
import { summary } from "./behaviour_summary.mjs";

const OWN = { obstacle: "", score: "previous", composes: "k", details: null, detailsTrouble: "" };
const PAGE = {
  title: "behaviour",
  open: (opened, signal) => createModel(opened, { ...OWN }, signal),
  panels: [createChoice, createMultiples, createScores, createTokens, createComposition, createSpectra, createNorms],
  everything: ["payload", "graph", "axis", "zoom", "component", "scheme", ...Object.keys(OWN)],
  say: (model, changed) => (changed.has("index") || changed.has("component") ? `${stepAt(model, model.state.index)}. ${summary(model)}` : ""),
  load(model, signal) {
    placeDock(model, signal);
    loadDetails(model, signal);
  },
};

/** Fill the page under `root` until `signal` aborts. */
export function mountBehaviour(root, signal) {
  return mountPage(root, signal, PAGE);
}
