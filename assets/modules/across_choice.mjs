/** The head of the Across runs page: which runs, how they are aligned, which curves, which time axis. */

import { createAxisChoice } from "./axis_choice.mjs";
import { RECIPE, WAYS, alignmentOf, placeOf, sharedCurves, shownCurves } from "./across_model.mjs";
import { byId, element, select, setAttribute, setText } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";

const MOST = 8;

/** Build the choice and return its `update(model, changed)`. */
export function createChoice(model) {
  const parts = {
    runs: element("span", { class: "slot" }),
    ways: Object.keys(WAYS).map((by) => element("button", { type: "button", "data-by": by, text: WAYS[by], "aria-describedby": "across-words", onclick: () => model.set({ by }) })),
    turns: element("span", { class: "slot" }),
    graphs: element("span", { class: "slot" }),
    curves: element("details", { class: "metric-menu" }, element("summary", { class: "menu", text: "curves" }), element("div", { class: "popover" })),
    reset: element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) }),
    axes: createAxisChoice(model),
  };
  parts.by = element("span", { class: "across-by" }, element("span", { class: "quiet", text: "align by" }), element("span", { class: "segments", role: "group", "aria-label": "Align by" }, ...parts.ways), parts.turns);
  byId("across-choice").replaceChildren(
    element("span", { class: "quiet", text: "beside" }), parts.runs, parts.by,
    element("span", { class: "panel-fact" }, parts.reset, parts.graphs, parts.curves, parts.axes.node),
  );

  function update(_, changed) {
    const { state } = model;
    if (anyOf(changed, "other", "payload")) fillRuns(parts.runs, model);
    if (anyOf(changed, "across", "turnsOf")) fillTurns(parts.turns, model);
    if (anyOf(changed, "across", "graph")) fillGraphs(parts.graphs, model);
    if (anyOf(changed, "across", "graph", "lanes")) fillCurves(parts.curves, model);
    parts.by.hidden = state.across?.mode !== "pair";
    parts.curves.hidden = !sharedCurves(model).length;
    for (const button of parts.ways) paintWay(button, model);
    setText(byId("across-words"), words(model));
    parts.reset.hidden = !state.zoom;
    parts.axes.paint();
  }
  return { update };
}

function fillRuns(slot, model) {
  const { group, others, recipe, family } = model.facts;
  const all = group.length > 1 ? [[RECIPE, `all ${group.length} runs of recipe ${recipe}`]] : [];
  const option = (o) => [o.name, o.seed === null ? o.name : `${o.name} (seed ${o.seed})`];
  const groups = [
    { label: "this recipe", options: [...all, ...others.filter((o) => recipe && o.recipe === recipe).map(option)] },
    { label: `other ${family} runs`, options: others.filter((o) => !(recipe && o.recipe === recipe) && o.family === family).map(option) },
    { label: "runs of another kind", options: others.filter((o) => o.family !== family).map(option) },
  ].filter(({ options }) => options.length);
  if (!groups.length) return slot.replaceChildren(element("span", { class: "quiet", text: "no other run" }));
  return slot.replaceChildren(select({ class: "menu strong-menu", "aria-label": "Beside this run", onchange: (e) => model.set({ other: e.target.value, across: null }) }, groups, model.state.other));
}

/** Boundaries are those of one curve: which one is asked only where there is a choice. */
export function fillTurns(slot, model) {
  const options = (model.state.across?.curves ?? []).map((c) => [placeOf(c), `of ${nameOf(c, model)}`]);
  const menu = select({ class: "menu", "aria-label": "Boundaries of which curve", onchange: (e) => model.set({ turnsOf: e.target.value }) }, options, model.state.turnsOf);
  slot.replaceChildren(...(options.length > 1 ? [menu] : []));
}

function fillGraphs(slot, model) {
  const names = [...new Set((model.state.across?.curves ?? []).map((c) => c.graph))].filter(Boolean);
  const label = (name) => { const graph = model.payload.graphs[name]; return graph ? `${graph.label}, ${graph.setting}` : name; };
  const menu = select({ class: "menu", "aria-label": "Graph of the graph metrics", onchange: (e) => model.set({ graph: e.target.value }) }, names.map((name) => [name, label(name)]), model.state.graph);
  slot.replaceChildren(...(names.length > 1 ? [menu] : []));
}

/** Fill the menu of curves that are shown. */
export function fillCurves(menu, model) {
  const shown = shownCurves(model).map((c) => c.id);
  const toggle = (id, on) => model.set({ lanes: on ? [...shown, id].slice(-MOST) : shown.filter((other) => other !== id) });
  menu.lastChild.replaceChildren(...sharedCurves(model).map((curve) => element("label", {},
    element("input", { type: "checkbox", value: curve.id, checked: shown.includes(curve.id), disabled: shown.length === 1 && shown[0] === curve.id, onchange: (e) => toggle(curve.id, e.target.checked) }),
    element("span", { text: nameOf(curve, model) }), element("small", { text: curve.unit }))));
}

/** A curve of another setting than the usual one says which. */
function nameOf(curve, model) {
  const setting = curve.id.includes("~") ? ` (${curve.runs[0].settings})` : "";
  const elsewhere = curve.graph && curve.graph !== model.state.graph ? ` (${curve.graph})` : "";
  return curve.name + setting + elsewhere;
}

/** Show whether runs can be aligned in a button's way, and whether they are. */
export function paintWay(button, model) {
  const { by } = button.dataset;
  const why = obstacle(model, by);
  button.disabled = why !== "";
  setAttribute(button, "title", why);
  setAttribute(button, "aria-pressed", String(model.state.by === by));
}

/** Return why runs cannot be aligned in a way, or "". */
function obstacle(model, by) {
  if (by === "boundary" && model.state.turnsTrouble) return model.state.turnsTrouble;
  const found = alignmentOf(model, by);
  if (!found) return by === "boundary" && model.state.across?.curves.length ? "Boundaries are being looked for …" : "There is no curve to find boundaries in.";
  return found.reason;
}

/** Say what the reader should know of the choice: why ways are closed, and what would open more. */
function words(model) {
  const { state, facts } = model;
  if (state.trouble) return state.trouble;
  const told = [];
  if (state.across?.mode === "pair") {
    const closed = ["tokens", "boundary"].map((by) => [by, obstacle(model, by)]).filter(([, why]) => why);
    told.push(...closed.map(([by, why]) => `By ${WAYS[by]}: ${why}`));
  }
  if (facts.others.length && facts.group.length < 2) told.push(facts.recipe ? `No other run of recipe ${facts.recipe} is here.` : "This run has no recipe, so it stands in no group of seeds: ontogeny add FOLDER --recipe NAME gives it one.");
  return told.join(" ");
}
