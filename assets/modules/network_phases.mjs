/** Phases of the graph's development: bands with their boundaries, over the metrics they are read from. */

import { anyOf, createPlane, createReason, lacking, onSize, panelBody, stepAt, withInterval } from "./network_panel.mjs";
import { decimals, largest, number, step as formatStep } from "./format.mjs";
import { element, setAttribute, setClass, setText } from "./elements.mjs";
import { createCurves } from "./network_curves.mjs";
import { findCurve } from "./payload.mjs";

const FIRST = ["graph.mean_strength", "graph.gini", "graph.modularity"];
const NONE = "No boundary stands out against noise of this autocorrelation: the graph's metrics drift, but do not change their course at one step more than such noise would.";
const MORE = "More boundaries would still stand out; no more are looked for.";

/** Build the panel and return its `update(model, changed)`. */
export function createPhases(model, signal) {
  const menu = element("details", { class: "metric-menu" }, element("summary", { class: "menu", text: "metrics" }), element("div", { class: "popover" }));
  const every = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "all phases", onclick: showEvery });
  const body = panelBody("phases", "Phases", every, menu);
  const bands = element("div", { class: "bands" });
  const strip = createPlane(model, signal, { label: "Phases over training", describe: (index, share) => describePhase(model, index, share), draw: () => drawBands(model, bands, strip.size), stages: "lines" }, bands);
  const fact = element("div", { class: "gutter" });
  const rows = element("div", { class: "metric-rows" });
  const list = element("ol", { class: "phase-list" });
  const found = element("div", { class: "phase-strip time-row" }, fact, strip.node);
  body.replaceChildren(found, rows, list);
  const reason = createReason(found);
  onSize(strip.node, signal, () => {
    const box = strip.node.getBoundingClientRect();
    model.place({ left: box.left, width: box.width });
  });
  let chosen = FIRST;
  let curves = [];

  function showEvery() {
    setClass(list, "every", !list.classList.contains("every"));
    setAttribute(every, "aria-pressed", String(list.classList.contains("every")));
  }

  function choose() {
    const known = (model.payload.graphCurves[model.state.graph] ?? []).filter((c) => !c.component && !c.id.includes("~"));
    if (!chosen.some((id) => known.some((c) => c.id === id))) chosen = known.slice(0, 3).map((c) => c.id);
    menu.lastChild.replaceChildren(...known.map((curve) =>
      element("label", {}, element("input", { type: "checkbox", value: curve.id, checked: chosen.includes(curve.id), onchange: (event) => {
        chosen = event.target.checked ? [...chosen, curve.id] : chosen.filter((id) => id !== curve.id);
        rebuild();
      } }), element("span", { text: curve.name }), element("small", { text: curve.unit }))));
    rebuild();
  }

  function rebuild() {
    curves = chosen.map((id) => findCurve(model.payload, model.state.graph, id)).filter(Boolean).map((curve) => metricRow(model, signal, curve));
    rows.replaceChildren(...curves.map((row) => row.node));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) choose();
    if (anyOf(changed, "payload", "graph", "structure")) {
      reason.say(lacking(model, "phases"));
      fillList(model, list, fact);
    }
    if (anyOf(changed, "payload", "graph", "structure", "axis", "zoom")) {
      drawBands(model, bands, strip.size);
      for (const row of curves) row.draw();
    }
    strip.paint();
    markPhase(model, list);
    for (const row of curves) row.paint();
  }
  return { update };
}

/** Mark the phase of the step; the others are told on request. */
function markPhase({ state }, list) {
  state.structure?.phases?.list.forEach(({ first, last }, k) => setClass(list.children[k], "here", state.index >= first && state.index <= last));
}

function drawBands(model, bands, { width }) {
  const phases = model.state.structure?.phases;
  if (!phases) return bands.replaceChildren();
  const x = (i) => model.axis.fraction(i) * width;
  const made = phases.list.map(({ name, first, last }, k) => {
    const [left, right] = [k ? x(first) : 0, k < phases.list.length - 1 ? x(last + 1) : width];
    const band = element("div", { class: "band" }, element("span", { text: right - left < 7 * name.length + 16 ? String(k + 1) : name }));
    band.style.left = `${left}px`;
    band.style.width = `${Math.max(0, right - left)}px`;
    return band;
  });
  const whiskers = phases.boundaries.flatMap(({ index, low, high }) => {
    const line = element("i", { class: "boundary" });
    const reach = element("i", { class: "whisker" });
    line.style.left = `${x(index)}px`;
    reach.style.left = `${x(low)}px`;
    reach.style.width = `${Math.max(1, x(high) - x(low))}px`;
    return [line, reach];
  });
  return bands.replaceChildren(...made, ...whiskers);
}

/** Tell of the boundary near the pointer in the lower half, else of the phase. */
function describePhase(model, index, share) {
  const phases = model.state.structure?.phases;
  if (!phases) return null;
  const near = share > 0.6 && phases.boundaries.find((b) => index >= b.low && index <= b.high);
  if (near) return { title: `boundary at ${stepAt(model, near.index)}`, rows: boundaryRows(model, near), foot: stepAt(model, index) };
  const phase = phases.list.find(({ first, last }) => index >= first && index <= last);
  return phase && { title: phase.name, rows: [["steps", stepsOf(model, phase)]], words: phase.why, foot: stepAt(model, index) };
}

function boundaryRows({ payload }, { low, high, agreement }) {
  const step = (i) => formatStep(payload.steps[i]);
  const rows = [["95 % interval", low === high ? `step ${step(low)}` : `${step(low)} to ${step(high)}`]];
  if (agreement !== null) rows.push(["groups of prompts that agree", `${number(100 * agreement, 0)} %`]);
  return rows;
}

function stepsOf({ payload }, { first, last }) {
  return `${formatStep(payload.steps[first])} to ${formatStep(payload.steps[last])}`;
}

function fillList(model, list, fact) {
  const phases = model.state.structure?.phases;
  const count = phases?.boundaries.length ?? 0;
  fact.replaceChildren(...(phases ? [element("strong", { text: `${count + 1} phase${count ? "s" : ""}` }), element("span", { text: `of ${phases.metrics.length} graph metrics`, title: phases.metrics.join(", ") })] : []));
  if (!phases) return list.replaceChildren();
  const items = phases.list.map((phase, k) => {
    const start = phases.boundaries[k - 1];
    const words = start ? boundaryRows(model, start).map((row) => row.join(" ")).join("; ") : "";
    return element("li", {}, element("strong", { text: phase.name }), element("span", { text: ` steps ${stepsOf(model, phase)}. ${phase.why}` }), element("small", { text: words && `Begins at ${stepAt(model, start.index)}: ${words}.` }));
  });
  const words = [count ? "" : NONE, phases.limited ? MORE : "", `Read from ${phases.metrics.join(", ")}.`];
  const note = element("li", { class: "phase-note", text: words.filter(Boolean).join(" ") });
  return list.replaceChildren(...items, note);
}

/** One metric of the graph over training, its value at the step beside it. */
function metricRow(model, signal, curve) {
  const places = decimals(largest(curve.values));
  const value = element("span", { class: "value graph" });
  const drawing = createCurves(model, signal, { label: `${curve.name} over training`, unit: curve.unit, lines: [{ ...curve, kind: "graph" }] });
  const readout = element("div", { class: "gutter" },
    element("strong", { text: curve.name }), element("span", { class: "lane-unit", text: curve.unit, title: curve.unit }), value, drawing.ends);
  function paint() {
    const { index } = model.state;
    drawing.paint();
    setText(value, withInterval(curve.values[index], curve.low[index], curve.high[index], places));
  }
  return { node: element("div", { class: "time-row metric-row" }, readout, drawing.node), draw: drawing.draw, paint };
}
