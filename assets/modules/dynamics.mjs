/** The Dynamics page: the way of the model's outputs, in panels that all move with the one slider. */

import { createComponents, createDistances } from "./dynamics_curves.mjs";
import { createModel, loadWays, ownAddress, readOwn } from "./dynamics_model.mjs";
import { createChoice } from "./dynamics_choice.mjs";
import { createPlane } from "./dynamics_plane.mjs";
import { createPoints } from "./dynamics_points.mjs";
import { createTurn } from "./dynamics_turn.mjs";
import { mountPage } from "./page.mjs";
import { stepAt } from "./network_panel.mjs";
import { summary } from "./dynamics_words.mjs";

const PAGE = {
  title: "dynamics",
  open: (opened, signal) => createModel(opened, readOwn(location.search), signal),
  panels: [createChoice, createPlane, createTurn, createComponents, createDistances, createPoints],
  everything: ["payload", "axis", "zoom", "scheme", "beside", "pcs", "facts", "ways", "trouble", "obstacle", "job", "stages"],
  say: (model, changed) => (changed.has("index") ? `${stepAt(model, model.state.index)}. ${summary(model)}` : ""),
  load: loadWays,
  own: ownAddress,
};

/** Fill the page under `root` until `signal` aborts. */
export function mountDynamics(root, signal) {
  return mountPage(root, signal, PAGE);
}
