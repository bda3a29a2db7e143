/** The Compare page: two checkpoints of one run, or of two runs, side by side, and what differs. */

import { anyOf } from "./network_panel.mjs";
import { createModel, loadBeside, ownAddress, readOwn } from "./compare_model.mjs";
import { createChoice } from "./compare_choice.mjs";
import { createGraphs } from "./compare_graphs.mjs";
import { createLanes } from "./across_lanes.mjs";
import { createRanks } from "./compare_ranks.mjs";
import { createSlider } from "./compare_slider.mjs";
import { createSlopes } from "./compare_slopes.mjs";
import { createWords } from "./compare_words.mjs";
import { element, setClass } from "./elements.mjs";
import { mountPage } from "./page.mjs";
import { shareOf } from "./across_lines.mjs";

const PAGE = {
  title: "compare",
  open,
  panels: [createSlider, createChoice, createGraphs, createWords, createRanks, createSlopes, createCurves],
  everything: ["payload", "graph", "metric", "axis", "zoom", "lanes", "scheme", "component", "other", "beside", "by", "across", "trouble", "turns", "turnsOf"],
  say: (model, changed, panels) => (changed.has("index") || changed.has("against") ? panels[3].summary() : ""),
  load: loadBeside,
  own: ownAddress,
};

/** Fill the page under `root` until `signal` aborts. */
export function mountCompare(root, signal) {
  return mountPage(root, signal, PAGE);
}

function open(opened, signal) {
  const facts = JSON.parse(document.querySelector("[data-facts]").dataset.facts);
  const model = createModel(opened, facts, readOwn(location.search, opened, facts), signal);
  model.emptyLanes = ({ state }) => [element("p", { text: state.trouble || (state.across ? "No curve is measured on both sides. Measure them alike: ontogeny compute RUN" : "Loading the curves …") })];
  return model;
}

/** The lanes of the Across runs page, with a line where B stands. */
function createCurves(model, signal) {
  const lanes = createLanes(model, signal);
  const body = document.getElementById("across-lanes-body");
  const line = element("div", { class: "cursor-b", "aria-hidden": "true" });
  body.append(line);
  let left = body.getBoundingClientRect().left;
  function update(_, changed) {
    setClass(document.getElementById("main"), "same-run", !model.state.other);
    lanes.update(model, changed);
    const share = model.sharesOfB?.[model.state.against] ?? shareOf(model.axis, NaN);
    if (anyOf(changed, "payload", "plot", "lanes", "compact")) left = body.getBoundingClientRect().left;
    line.style.display = share >= -0.001 && share <= 1.001 && model.plot.width ? "" : "none";
    line.style.transform = `translateX(${(model.plot.left - left + share * model.plot.width).toFixed(1)}px)`;
  }
  return { update };
}
