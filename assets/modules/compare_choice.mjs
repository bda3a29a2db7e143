/** The head of the Compare page: what A and B are, how they are aligned, and which graph, curves and time axis are shown. */

import { createAxisChoice } from "./axis_choice.mjs";
import { WAYS } from "./across_model.mjs";
import { anyOf } from "./network_panel.mjs";
import { byId, element, select, setAttribute, setText } from "./elements.mjs";
import { fillCurves, fillTurns, paintWay } from "./across_choice.mjs";
import { nearestIndex } from "./axis.mjs";
import { step as formatStep } from "./format.mjs";

/** Build the choice and return its `update(model, changed)`. */
export function createChoice(model) {
  const parts = build(model);
  byId("compare-choice").replaceChildren(
    element("div", { class: "compare-line" }, parts.a, parts.swap, parts.b, parts.pin),
    element("div", { class: "compare-line compare-settings" }, parts.by, parts.graphs, parts.end),
    parts.words,
  );

  function update(_, changed) {
    const { state } = model;
    if (anyOf(changed, "other", "payload")) fillRuns(parts.run, model);
    if (anyOf(changed, "payload", "beside", "graph", "metric")) fillGraphs(parts.graphs, model);
    if (anyOf(changed, "across", "turnsOf")) fillTurns(parts.turns, model);
    if (anyOf(changed, "across", "graph", "lanes")) fillCurves(parts.curves, model);
    paintSteps(parts, model);
    parts.by.hidden = !state.other || state.across?.mode !== "pair";
    if (!parts.by.hidden) for (const button of parts.ways) paintWay(button, model);
    setAttribute(parts.follow, "aria-pressed", String(state.follow));
    parts.reset.hidden = !state.zoom;
    parts.axes.paint();
    setText(parts.words, warning(model));
  }
  return { update };
}

function build(model) {
  const button = (text, label, act, extra = {}) => element("button", { type: "button", class: "text-button compare-button", text, title: label, onclick: act, ...extra });
  const typed = (side) => element("input", { class: "step-box", type: "text", inputmode: "numeric", "aria-label": `Step of ${side.toUpperCase()}`, onfocus: (e) => e.target.select(), onchange: (e) => typeStep(e.target, model, side) });
  const parts = {
    runA: element("strong", { text: model.payload.run.name }), typedA: typed("a"), typedB: typed("b"), run: element("span", { class: "slot" }),
    swap: button("⇄ swap", "A becomes B and B becomes A (x)", () => model.swap(), { "aria-label": "Swap A and B" }),
    pin: button("pin A’s step as B", "B goes to the step of A (b)", () => model.pin()),
    ways: Object.keys(WAYS).map((by) => element("button", { type: "button", "data-by": by, text: WAYS[by], onclick: () => model.set({ by }) })),
    turns: element("span", { class: "slot" }), graphs: element("span", { class: "slot compare-graph-menus" }),
    follow: element("button", { type: "button", class: "text-button toggle", text: "B follows A", title: "B stands where it is aligned with A, until it is moved by itself", onclick: () => model.set({ follow: !model.state.follow }) }),
    curves: element("details", { class: "metric-menu" }, element("summary", { class: "menu", text: "curves" }), element("div", { class: "popover" })),
    reset: button("whole run", "Show all of the time axis (0)", () => model.set({ zoom: null })),
    axes: createAxisChoice(model),
    words: element("p", { class: "panel-words" }),
  };
  const side = (name, ...inside) => element("span", { class: "compare-side" }, element("i", { class: `compare-letter ${name}`, "aria-hidden": "true" }), element("strong", { text: name.toUpperCase() }), ...inside);
  parts.a = side("a", parts.runA, element("label", { class: "quiet" }, "step ", parts.typedA));
  parts.b = side("b", parts.run, element("label", { class: "quiet" }, "step ", parts.typedB));
  parts.by = element("span", { class: "across-by" }, parts.follow, element("span", { class: "quiet", text: "align by" }), element("span", { class: "segments", role: "group", "aria-label": "Align by" }, ...parts.ways), parts.turns);
  parts.end = element("span", { class: "panel-fact" }, parts.reset, parts.curves, parts.axes.node);
  return parts;
}

function typeStep(input, model, side) {
  const { state, payload } = model;
  const steps = (side === "a" ? payload : state.beside)?.steps ?? [];
  const asked = Number(input.value.replaceAll(/[\s,]/g, ""));
  if (input.value.trim() && Number.isFinite(asked) && steps.length) {
    const index = nearestIndex(steps, asked);
    if (steps[index] !== asked) model.tell(`No checkpoint at step ${formatStep(asked)}: this is the nearest, ${formatStep(steps[index])}.`);
    if (side === "a") model.go(index);
    else model.goAgainst(index);
  }
  input.blur();
  paintStep(input, steps, side === "a" ? model.state.index : model.state.against);
}

function paintSteps({ typedA, typedB }, { state, payload }) {
  paintStep(typedA, payload.steps, state.index);
  paintStep(typedB, state.beside?.steps ?? [], state.against);
}

function paintStep(input, steps, index) {
  const text = steps.length && index >= 0 ? formatStep(steps[index]) : "";
  if (document.activeElement !== input && input.value !== text) input.value = text;
}

function fillRuns(slot, model) {
  const { others, family } = model.facts;
  const option = (o) => [o.name, o.seed === null ? o.name : `${o.name} (seed ${o.seed})`];
  const groups = [
    ["", `${model.payload.run.name}, the same run`],
    { label: `other ${family} runs`, options: others.filter((o) => o.family === family).map(option) },
    { label: "runs of another kind", options: others.filter((o) => o.family !== family).map(option) },
  ].filter((group) => Array.isArray(group) || group.options.length);
  const choose = (e) => model.set({ other: e.target.value, across: null, turns: null, by: "step", beside: null, against: -1, asked: null, prompts: {}, follow: Boolean(e.target.value) });
  slot.replaceChildren(select({ class: "menu strong-menu", "aria-label": "Run of B", onchange: choose }, groups, model.state.other));
}

/** Offer the graphs that both runs have, and by what components are ranked. */
function fillGraphs(slot, model) {
  const { payload, state } = model;
  const shared = Object.entries(payload.graphs).filter(([name]) => !state.beside || name in state.beside.graphs);
  const focused = slot.contains(document.activeElement) && document.activeElement.dataset.menu;
  const graphs = select({ class: "menu", "data-menu": "graph", "aria-label": "Graph", onchange: (e) => chooseGraph(model, e.target.value) }, shared.map(([name, g]) => [name, `${g.label}, ${g.setting}`]), state.graph);
  const metrics = (payload.graphs[state.graph]?.metrics ?? []).map((m) => [m.id, m.name]);
  const by = select({ class: "menu", "data-menu": "metric", "aria-label": "Rank components by", onchange: (e) => model.set({ metric: e.target.value }) }, metrics, state.metric);
  slot.replaceChildren(...(shared.length ? [element("span", { class: "quiet", text: "graph" }), graphs] : []), ...(metrics.length ? [element("span", { class: "quiet", text: "rank by" }), by] : []));
  if (focused) slot.querySelector(`[data-menu=${focused}]`)?.focus();
}

function chooseGraph(model, name) {
  const graph = model.payload.graphs[name];
  const metrics = graph.metrics.map((m) => m.id);
  const { metric } = model.state;
  model.set({ graph: name, threshold: graph.threshold, top: graph.top, metric: metrics.includes(metric) ? metric : (metrics[0] ?? "") });
}

/** Say what the reader should know of comparing these two. */
function warning(model) {
  const { state, payload } = model;
  if (state.trouble) return state.trouble;
  const told = [];
  const [a, b] = [payload.graphs[state.graph], state.beside?.graphs[state.graph]];
  if (a && b && a.settings !== b.settings) told.push(`The graphs were measured otherwise: A ${a.settings}; B ${b.settings}.`);
  const runs = state.across?.runs ?? [];
  if (state.other && runs[1] && runs[0].data !== runs[1].data) told.push("The runs are measured on different data, so what depends on it (loss, LLC, graphs on text) need not be comparable.");
  if (state.beside && !state.other && state.index === state.against) told.push("A and B are the same checkpoint: move the slider, or the one of B below it.");
  return told.join(" ");
}
