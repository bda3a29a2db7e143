/** The head of the graph panel: what is shown, which prompts and ablation, and what is left out. */

import { byId, element, select, setAttribute, setText } from "./elements.mjs";
import { colourIds, ROLE } from "./component_sources.mjs";
import { decimals, number } from "./format.mjs";
import { headOf, parse } from "./places.mjs";
import { lightestKept } from "./edges.mjs";

/** Build the head and return its parts. */
export function buildHead() {
  const parts = {
    approximate: element("span", { class: "approximate", hidden: true }),
    count: element("span"),
    ofWeight: element("span", { class: "of-weight", text: " of weight" }),
    tasks: element("span", { class: "slot" }),
    settings: element("span", { class: "panel-settings" }),
    colours: element("span", { class: "choice graph-colours", hidden: true }),
  };
  parts.approximate.append(element("strong", { text: "approximation" }), element("span"));
  parts.abbreviated = parts.approximate.lastChild;
  byId("graph-head").replaceChildren(
    element("h2", { text: "Ablation graph" }),
    element("span", { class: "panel-step", "data-step": "graph" }),
    parts.approximate,
    element("span", { class: "panel-fact graph-count" }, parts.count, parts.ofWeight),
  );
  byId("graph-choice").replaceChildren(parts.tasks, parts.settings, parts.colours);
  return parts;
}

/** Fill the menus of prompts and ablations; a menu that has the focus keeps it. */
export function fillHead(parts, model) {
  const { graphs } = model.payload;
  const graph = graphs[model.state.graph];
  const focused = document.activeElement?.dataset.menu;
  const tasks = [...new Map(Object.values(graphs).map((g) => [g.task, g.label]))];
  const settings = Object.entries(graphs).filter(([, g]) => g.task === graph?.task).map(([name, g]) => [name, g.setting]);
  const choices = [menu("Prompts", tasks, graph?.task, (task) => chooseTask(model, task))];
  if (Object.keys(graphs).length > tasks.length) {
    const ablations = menu("Ablation", settings, model.state.graph, (name) => chooseGraph(model, name));
    choices.push(element("span", { class: "choice" }, element("span", { class: "quiet", text: "ablation" }), ablations));
  }
  parts.tasks.replaceChildren(...choices);
  if (focused) parts.tasks.querySelector(`[data-menu=${focused}]`)?.focus();
  setAttribute(parts.settings, "title", graph?.meaning ?? "");
}

function menu(name, options, value, choose) {
  if (options.length < 2) return element("span", { class: "quiet", text: options[0]?.[1] ?? "" });
  const attributes = { class: "menu", "data-menu": name.toLowerCase(), "aria-label": name, onchange: (event) => choose(event.target.value) };
  return select(attributes, options, value);
}

/** Go to other prompts, with the same ablation if it was measured on them. */
function chooseTask(model, task) {
  const { graphs } = model.payload;
  const now = graphs[model.state.graph];
  const names = Object.keys(graphs).filter((name) => graphs[name].task === task);
  chooseGraph(model, names.find((name) => graphs[name].setting === now.setting) ?? names[0]);
}

function chooseGraph(model, name) {
  const { graphs, graphCurves, curves } = model.payload;
  const graph = graphs[name];
  const known = new Set((graphCurves[name] ?? []).concat(curves).map((c) => c.id));
  const lanes = model.state.lanes.filter((id) => known.has(id));
  const metrics = graph.metrics.map((m) => m.id);
  model.set({
    graph: name,
    threshold: graph.threshold,
    top: graph.top,
    metric: metrics.includes(model.state.metric) ? model.state.metric : (metrics[0] ?? ""),
    component: counterpart(graph, model.state.component),
    pins: [...new Set(model.state.pins.map((pin) => counterpart(graph, pin)).filter(Boolean))],
    onlyPins: false,
    size: metrics.includes(model.state.size) ? model.state.size : "",
    colour: colourIds(model.payload, graph).includes(model.state.colour) ? model.state.colour : ROLE,
    lanes: lanes.length ? lanes : ["loss"],
  });
}

/** Return what stands for a component in another graph: a head's output for the head, and back. */
function counterpart(graph, name) {
  if (!name) return null;
  const head = headOf(name);
  const stands = { MLP: name.replace("MLP", "POST"), POST: name.replace("POST", "MLP") }[parse(name).part];
  return [name, stands, head, `${head}Z`].find((other) => graph.components.some((c) => c.name === other)) ?? null;
}

/** Say what is drawn at this step and what is not; `drawn` is null while there is no graph. */
export function paintHead(parts, model, drawn) {
  const { payload, state } = model;
  const graph = payload.graphs[state.graph];
  const there = drawn?.measured ?? false;
  setText(parts.count, there ? `${number(drawn.edges.length, 0)} of ${number(drawn.all, 0)} edges · ${shareOf(drawn)} %` : "");
  parts.ofWeight.hidden = !there;
  setText(parts.settings, (graph?.settings ?? "") + (there ? keptWords(graph, state.index) : ""));
  parts.approximate.hidden = !graph?.approximate;
  if (!graph?.approximate) return;
  const { short, long } = agreementWords(graph.agreement, state.index);
  setText(parts.abbreviated, there ? `, ${short}` : "");
  setAttribute(parts.approximate, "title", there ? `${graph.meaning} ${long}` : graph.meaning);
}

/** Return the share of the weight that is drawn, in per cent, with a digit that is not 0. */
function shareOf({ kept, total }) {
  const share = total > 0 ? (100 * kept) / total : 0;
  return number(share, share >= 10 || share === 0 ? 0 : Math.max(1, decimals(share) - 2));
}

function keptWords(graph, index) {
  const least = lightestKept(graph, index);
  return least ? `; the ${number(graph.lists.kept, 0)} heaviest are kept, here down to ${number(least, decimals(least))}` : "";
}

/** Return how well the approximation orders the edges, in a few words and in more. */
export function agreementWords(agreement, index) {
  const rho = agreement.rho[index];
  if (!agreement.edges[index]) return { short: "rank correlation —, no exact graph here", long: "There is no exact graph of this step to compare it with." };
  if (!Number.isFinite(rho)) return { short: "rank correlation —, no order", long: "Too few edges, or all of one weight: there is no order to compare." };
  const over = `${number(agreement.edges[index], 0)} edges${agreement.sampled ? " drawn at random" : ""}`;
  return {
    short: `rank correlation ${number(rho, 2)} with exact`,
    long: `Spearman’s rank correlation of the weights with those of the exact graph of this step is ${number(rho, 3)}, over ${over}.`,
  };
}
