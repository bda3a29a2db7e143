/** Refined LLC against what ablating the same component does: a point for each part, and how their orders go together. */

import { anyOf, createReason, listenToPoints, onSize, panelBody } from "./network_panel.mjs";
import { element, select, setClass, setText } from "./elements.mjs";
import { createCloud } from "./refined_cloud.mjs";
import { createCurves } from "./network_curves.mjs";
import { curvesOf } from "./refined_model.mjs";
import { effectOf, effectsOf } from "./refined_values.mjs";
import { fillHead } from "./graph_head.mjs";
import { number } from "./format.mjs";

const LOADING = "Computing over all checkpoints …";

/** Build the panel and return its `update(model, changed)`. */
export function createEffects(model, signal) {
  const parts = { tasks: element("span", { class: "slot" }), settings: element("span", { class: "panel-settings" }) };
  const menu = element("span", { class: "slot" });
  const body = panelBody("effects", "Refined LLC and ablation", menu, parts.tasks, parts.settings);
  const cloud = createCloud(model);
  const readout = { value: element("span", { class: "value llc" }), interval: element("span", { class: "error" }), words: element("p", { class: "panel-words" }) };
  const curve = element("div", { class: "rho-row" });
  const side = element("div", { class: "effects-side" },
    element("span", { class: "lane-name", text: "rank correlation" }), element("span", { class: "lane-unit", text: "Spearman’s ρ over the parts, 95 % by bootstrap" }),
    element("div", { class: "readout-value" }, readout.value, readout.interval), readout.words, curve);
  body.replaceChildren(cloud.node, side);
  const reason = createReason(body);
  let drawing = null;
  onSize(cloud.plane, signal, (width, height) => (cloud.draw(width, height), cloud.paint()));
  listenToPoints(cloud, model, signal);

  function rebuild() {
    const options = effectsOf(model);
    menu.replaceChildren(...(options.length > 1 ? [select({ class: "menu", "aria-label": "Effect of ablation", onchange: (e) => model.set({ effect: e.target.value }) }, options.map((o) => [o.id, o.label]), effectOf(model)?.id)] : []));
    reason.say(lacking(model));
    cloud.rebuild();
    const found = togetherOf(model);
    const lines = found?.rho.some(Number.isFinite) ? [{ name: "ρ", kind: "llc", values: found.rho, low: found.low, high: found.high }] : [];
    drawing = lines.length ? createCurves(model, signal, { label: "ρ over training", unit: "Spearman’s ρ", from: 0, lines }) : null;
    curve.replaceChildren(...(drawing ? [drawing.ends, drawing.node] : []));
  }

  function paint() {
    cloud.paint();
    drawing?.paint();
    const found = togetherOf(model);
    const { index } = model.state;
    const known = found && Number.isFinite(found.rho[index]);
    setText(readout.value, known ? number(found.rho[index], 2) : "–");
    setText(readout.interval, known ? `${number(found.low[index], 2)} to ${number(found.high[index], 2)}` : "");
    setText(readout.words, wordsOn(found, index, model));
    setClass(readout.value, "undecided", Boolean(known) && found.sign[index] === 0);
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) fillHead(parts, model);
    if (anyOf(changed, "payload", "graph")) setText(parts.settings, model.payload.graphs[model.state.graph]?.settings ?? "");
    if (anyOf(changed, "payload", "graph", "refined", "effect", "effects", "effectsTrouble", "clusters")) rebuild();
    else if (anyOf(changed, "axis", "zoom")) drawing?.draw();
    paint();
  }
  return { update };
}

function togetherOf({ state }) {
  return state.effects?.settings[state.refined]?.[state.effect];
}

function lacking(model) {
  const { state } = model;
  if (!curvesOf(model).length) return "";
  if (!state.graph) return "No graph is measured yet, so there is no ablation to compare with.";
  if (!effectsOf(model).length) return "None of these parts is a component of this graph: there is nothing to compare with.";
  if (state.effectsTrouble) return state.effectsTrouble;
  return state.effects ? "" : LOADING;
}

/** Return what the rank correlation of a step says, in words. */
function wordsOn(found, index, model) {
  if (!found || !found.parts[index]) return "One of the two is not measured at this step.";
  const over = `${number(found.parts[index], 0)} parts`;
  if (!Number.isFinite(found.rho[index])) return `No order to compare: ${over}.`;
  const chance = `of random orders, ${number(100 * found.p[index], 1)} % are as far from 0`;
  if (found.sign[index] === 0) return `Cannot tell whether they go together: ${over}; ${chance}.`;
  const more = found.sign[index] > 0 ? "more" : "less";
  return `${model.state.effect === "loss_change" ? `Parts with a higher refined LLC matter ${more} to the loss` : `Parts with a higher refined LLC change ${more} of what comes after`}: ${over}; ${chance}.`;
}
