/** Components: how the refined LLC of each goes with its strength over training, and all of them at the step. */

import { anyOf, createReason, listenToPoints, onSize, panelBody } from "./network_panel.mjs";
import { chance, interval, saveButton, value, verdictNode } from "./coincidence_text.mjs";
import { element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { createCloud } from "./coincidence_cloud.mjs";
import { GO_TOGETHER } from "./coincidence_model.mjs";

const LOADING = "Computing over all checkpoints …";
const COLUMNS = [
  ["component", ""], ["over training", "correlation of the smoothed slopes at the same steps, −1 to 1, and its 95 % interval"], ["r", ""],
  ["left", "what is left of r without the stretch of training on which it rests most"],
  ["stretches", "how many independent stretches the changes of the two are worth; fewer than 4 tell nothing"],
  ["p", "share of independent curves as smooth as these of whose correlation as much is left"], ["after Holm", "corrected for the components of this table"], ["", ""],
];
const FILE = ["component", "r", "low", "high", "least", "rho", "stretches", "points", "p", "adjusted", "verdict", "reason"];

/** Build the panel and return its `update(model, changed)`. */
export function createComponents(model, signal) {
  const slot = element("span", { class: "slot" });
  const save = saveButton(() => `${model.run}-${model.state.graph}-${model.state.strength}.csv`, () => [FILE, ...model.state.parts.overTime.map((part) => [part.name, ...FILE.slice(1).map((field) => part[field])])]);
  const body = panelBody("together", "Components: refined LLC and strength", slot, save);
  const cloud = createCloud(model);
  const [inside, whole, now] = ["p", "p", "p"].map((tag) => element(tag, { class: "panel-words" }));
  setClass(now, "now", true);
  const list = element("div", { class: "coincidence-scroll", tabindex: "0", role: "region", "aria-label": "Table of components" });
  body.replaceChildren(element("div", { class: "together-table" }, inside, list, whole), element("div", { class: "together-now" }, cloud.node, now));
  const reason = createReason(body);
  let rows = [];
  onSize(cloud.plane, signal, (width, height) => (cloud.draw(width, height), cloud.paint()));
  listenToPoints(cloud, model, signal);

  function rebuild() {
    const { parts, tests, strength } = model.state;
    reason.say(lacking(model));
    const courses = tests?.courses ?? [];
    slot.replaceChildren(...(courses.length > 1 ? [select({ class: "menu", "aria-label": "Strength", onchange: (e) => model.set({ strength: e.target.value }) }, courses.map((c) => [c.strength, c.name]), strength)] : []));
    save.hidden = !parts;
    rows = (parts?.overTime ?? []).map((part) => ({ part, node: row(model, part) }));
    const head = element("tr", {}, ...COLUMNS.map(([text, title]) => element("th", { scope: "col", text, title: title || null })));
    list.replaceChildren(...(parts ? [element("table", { class: "coincidence-table choosable" }, element("thead", {}, head), element("tbody", {}, ...rows.map(({ node }) => node)))] : []));
    setText(inside, courses.find((c) => c.strength === strength)?.words ?? "");
    setText(whole, parts?.overTimeWords ?? "");
    cloud.rebuild();
  }

  function paint() {
    const { parts, index, component } = model.state;
    cloud.paint();
    setText(now, parts?.across.words[index] ?? "");
    for (const { part, node } of rows) {
      setClass(node, "selected", part.name === component);
      setAttribute(node.querySelector("button"), "aria-pressed", String(part.name === component));
    }
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "tests", "trouble", "parts", "partsTrouble", "strength")) rebuild();
    paint();
  }
  return { update };
}

function lacking(model) {
  const { state } = model;
  if (state.trouble || state.partsTrouble) return state.trouble || state.partsTrouble;
  if (!state.tests) return LOADING;
  if (!state.graph) return `No graph is measured yet, so no component has a strength: ontogeny compute ${model.run} --kinds graph,network.`;
  if (!state.refined) return model.state.obstacle || `No refined LLC is measured yet: ontogeny compute ${model.run} --kinds refined.`;
  if (!state.tests.courses.length) return "No part with a refined LLC is a component of this graph: choose another graph, or measure refined LLCs of heads.";
  return state.parts ? "" : LOADING;
}

function row(model, part) {
  const cell = (text, small = "") => element("td", {}, element("span", { text }), ...(small ? [element("small", { text: small })] : []));
  const choose = element("button", { type: "button", text: part.name, "aria-pressed": "false", onclick: () => model.toggle(part.name) });
  return element("tr", { "data-part": part.name, "data-verdict": part.verdict, title: part.reason || null }, element("th", { scope: "row" }, choose),
    element("td", { class: "rho-bar" }, bar(part)), cell(value(part.r, 2), interval(part.low, part.high)), cell(value(part.least, 2)),
    cell(value(part.stretches, 1)), cell(chance(part.p)), cell(chance(part.adjusted)), element("td", {}, verdictNode(part.verdict, GO_TOGETHER)));
}

/** Draw a correlation between −1 and 1 with its interval, to the scale of the column. */
function bar({ r, low, high }) {
  const at = (v) => `${50 + 50 * v}%`;
  const line = (x1, x2, kind) => svg("line", { class: kind, x1: at(x1), x2: at(x2), y1: 8, y2: 8 });
  return svg("svg", { "aria-hidden": "true", height: 16 },
    svg("line", { class: "lag-zero", x1: "50%", x2: "50%", y1: 0, y2: 16 }),
    ...(low === null ? [] : [line(low, high, "lag-whisker")]),
    ...(r === null ? [] : [svg("circle", { class: "rho-dot", cx: at(r), cy: 8, r: 3.5 })]));
}
