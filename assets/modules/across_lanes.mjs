/** The lanes: one for each quantity, every run's curve on the slider's time axis. */

import { RECIPE, shownCurves } from "./across_model.mjs";
import { anyOf, onSize, panelBody } from "./network_panel.mjs";
import { element, setText } from "./elements.mjs";
import { createLane, lineKey } from "./across_lane.mjs";
import { createRuler } from "./across_ruler.mjs";
import { besideText, letter } from "./across_lines.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createLanes(model, signal) {
  const legend = element("span", { class: "across-legend" });
  const body = panelBody("across-lanes", "Curves", legend);
  const ruler = createRuler(model, signal);
  const rows = element("div", { class: "across-rows" });
  const state = element("div", { class: "across-empty", hidden: true });
  body.replaceChildren(state, rows, ruler.node);
  onSize(ruler.plane, signal, () => {
    const { left, width } = ruler.plane.getBoundingClientRect();
    model.place({ left, width });
    ruler.draw();
  });
  let lanes = [];

  function rebuild() {
    const curves = model.state.across ? shownCurves(model) : [];
    lanes = curves.map((curve) => createLane(model, signal, curve));
    rows.replaceChildren(...lanes.map((lane) => lane.node));
    state.replaceChildren(...(lanes.length ? [] : (model.emptyLanes ?? emptyState)(model)));
    state.hidden = lanes.length > 0;
    legend.replaceChildren(...legendOf(model));
  }

  function update(_, changed) {
    const other = anyOf(changed, "across", "lanes", "graph", "other", "trouble");
    if (other) rebuild();
    if (other || anyOf(changed, "by", "turns", "axis", "zoom")) {
      for (const lane of lanes) lane.draw();
      ruler.draw();
    }
    for (const lane of lanes) lane.paint();
    ruler.paint();
    const beside = legend.querySelector("[data-beside]");
    if (beside) setText(beside, besideText(model));
  }
  return { update };
}

function legendOf(model) {
  const { across } = model.state;
  if (!across) return [];
  const key = (kind, ...words) => element("span", { class: "key" }, lineKey(kind), ...words);
  const named = (k) => `${letter(k)} ${across.runs[k].name}`;
  if (across.mode === "pair") return [key("run-a", named(0)), key("run-b", named(1), element("span", { class: "across-beside", "data-beside": "" }))];
  return [key("mean", "mean, 95 % by Student’s t"), key("own", named(0)), key("other", `${across.runs.length - 1} other run${across.runs.length > 2 ? "s" : ""}`)];
}

/** What stands where there is nothing to draw: why, and what to type. */
function emptyState(model) {
  const { facts, state } = model;
  const code = (text) => element("code", { text });
  if (state.trouble) return [element("p", { text: state.trouble })];
  if (!facts.others.length) {
    return [
      element("p", {}, element("strong", { text: "Only one run is here." })),
      element("p", { text: "This page sets runs side by side: two of them on one time axis, or all seeds of one recipe as a mean with its interval. It needs another run:" }),
      element("p", {}, code("ontogeny add FOLDER --recipe NAME"), " your own; runs of one recipe differ in nothing but their seed"),
      element("p", {}, code("ontogeny train icl_regression_seed2"), " a second seed of a development that this project trains"),
      element("p", {}, "then ", code("ontogeny compute RUN"), " and reload this page."),
    ];
  }
  if (!state.across) return [element("p", { text: "Loading the runs …" })];
  const whom = state.other === RECIPE ? "These runs share" : `This run and ${state.other} share`;
  return [
    element("p", {}, element("strong", { text: `${whom} no measured curve.` })),
    element("p", {}, "Measure them alike: ", code(`ontogeny compute ${state.other === RECIPE ? "RUN" : state.other}`)),
  ];
}
