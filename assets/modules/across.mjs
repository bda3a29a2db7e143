/** The Across runs page: two runs on one time axis, or the runs of a recipe as a band. */

import { createModel, loadRuns, ownAddress, readOwn } from "./across_model.mjs";
import { createValues, summary } from "./across_values.mjs";
import { createChoice } from "./across_choice.mjs";
import { createLanes } from "./across_lanes.mjs";
import { createTurns } from "./across_turns.mjs";
import { mountPage } from "./page.mjs";

const PAGE = {
  title: "across runs",
  open,
  panels: [createChoice, createLanes, createValues, createTurns],
  everything: ["payload", "graph", "axis", "zoom", "lanes", "scheme", "other", "by", "across", "trouble", "turns", "turnsOf"],
  say: (model, changed) => (changed.has("index") ? summary(model) : ""),
  load: loadRuns,
  own: ownAddress,
};

/** Fill the page under `root` until `signal` aborts. */
export function mountAcross(root, signal) {
  return mountPage(root, signal, PAGE);
}

function open(opened, signal) {
  const facts = JSON.parse(document.querySelector("[data-facts]").dataset.facts);
  return createModel(opened, facts, readOwn(location.search, opened, facts), signal);
}
