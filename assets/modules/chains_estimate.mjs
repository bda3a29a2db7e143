/** The head of the Chains page: the estimate at the step, its verdict in words, and the LLC over training. */

import { createAxisChoice } from "./axis_choice.mjs";
import { anyOf, createPlane, panelBody, stepAt, withInterval } from "./network_panel.mjs";
import { believedValues, createVerdict, HEALTHY, isDoubted, verdictLegend, verdictPath } from "./verdicts.mjs";
import { decimals, largest, number, spread } from "./format.mjs";
import { element, select, setClass, setText, svg } from "./elements.mjs";
import { createBands } from "./stage_bands.mjs";
import { curvesOf } from "./payload.mjs";

const MARGIN = 8;

/** Build the panel and return its `update(model, changed)` and `summary()`, the estimate in words. */
export function createEstimate(model, signal) {
  const parts = build(model);
  const picture = svg("svg", { "aria-hidden": "true" });
  const dot = element("i", { class: "lane-dot llc" });
  const plane = createPlane(model, signal, { label: "LLC over training", describe, draw }, createBands(model, "intervals"), picture, dot);
  const ends = element("span", { class: "curve-ends", "aria-hidden": "true" });
  const legend = element("div", { class: "estimate-legend" });
  parts.row.append(plane.node);
  parts.gutter.append(ends);
  parts.body.replaceChildren(parts.row, legend, parts.settings);
  let [curve, range, places] = [null, null, 2];
  const y = (v) => MARGIN + (plane.size.height - 2 * MARGIN) * (1 - (Math.min(range[1], Math.max(range[0], v)) - range[0]) / (range[1] - range[0]));

  function adopt() {
    curve = model.view.curve;
    range = rangeOf(curve);
    places = decimals(largest(curve.values));
    ends.replaceChildren(...[...(range ?? [])].reverse().map((v) => element("span", { text: number(v, Math.max(0, places - 1)) })));
    legend.replaceChildren(...[verdictLegend(curve)].filter(Boolean));
    fillSettings(parts.slot, model, curve);
    setText(parts.settings, curve.settings);
  }

  function draw() {
    if (!plane.size.width || !curve) return;
    model.place({ left: plane.node.getBoundingClientRect().left, width: plane.size.width });
    if (!range) return void picture.replaceChildren();
    const x = (i) => model.axis.fraction(i) * plane.size.width;
    const doubted = [...curve.values.keys()].filter((i) => isDoubted(curve, i));
    picture.replaceChildren(
      svg("path", { class: "curve-band llc", d: bandOf(curve, x, y) }),
      svg("path", { class: "curve llc", d: lineOf(believedValues(curve), x, y) }),
      ...doubted.map((i) => verdictPath(curve.verdicts[i], x(i), y(curve.values[i]))),
    );
  }

  function describe(i) {
    const verdict = curve.verdicts[i];
    return { title: verdict || "not computed", rows: [["LLC", withInterval(curve.values[i], curve.low[i], curve.high[i], places)]], words: curve.reasons[i], foot: stepAt(model, i) };
  }

  function paint() {
    const { index } = model.state;
    const value = curve.values[index];
    const known = Number.isFinite(value);
    setText(parts.value, known ? number(value, places) : "not computed");
    setClass(parts.value, "absent", !known);
    setClass(parts.value, "doubted", isDoubted(curve, index));
    const error = known ? spread(curve.low[index], curve.high[index], places) : "";
    setText(parts.error, error ? `± ${error}` : "");
    const verdict = known ? curve.verdicts[index] : "";
    parts.verdict.say(verdict, curve.reasons[index], curve.reasons[index]);
    const fraction = model.axis.fraction(index);
    const seen = known && range && fraction >= -0.001 && fraction <= 1.001;
    dot.style.display = seen ? "" : "none";
    setClass(dot, "doubted", verdict !== HEALTHY);
    if (seen) dot.style.transform = `translate(${(fraction * plane.size.width).toFixed(1)}px,${y(value).toFixed(1)}px)`;
    plane.paint();
  }

  function update(_, changed) {
    if (model.view.curve !== curve || anyOf(changed, "payload", "llc")) (adopt(), draw());
    else if (anyOf(changed, "axis", "zoom", "scheme")) draw();
    parts.reset.hidden = !model.state.zoom;
    parts.kinds.paint();
    paint();
  }
  const summary = () => [`LLC ${parts.value.textContent} ${parts.error.textContent}`, parts.verdict.node.hidden ? "" : parts.verdict.node.textContent].filter(Boolean).join(", ");
  return { update, summary };
}

function build(model) {
  const slot = element("span", { class: "slot" });
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  const body = panelBody("estimate", "Local learning coefficient", slot, reset, kinds.node);
  const [value, error] = [element("span", { class: "value llc" }), element("span", { class: "error" })];
  const verdict = createVerdict();
  const unit = element("span", { class: "lane-unit", text: "λ̂, ± 95 %" });
  const gutter = element("div", { class: "gutter" }, unit, element("div", { class: "readout-value" }, value, error), verdict.node);
  return { slot, reset, kinds, body, value, error, verdict, gutter, row: element("div", { class: "time-row estimate-row" }, gutter), settings: element("p", { class: "panel-settings" }) };
}

/** Offer the settings of which there are estimates, if there are several. */
function fillSettings(slot, model, curve) {
  const every = curvesOf(model.payload, "").filter((c) => /^llc(~\d+)?$/.test(c.id));
  const menu = select({ class: "menu", "aria-label": "Settings of the LLC", onchange: (event) => model.set({ llc: event.target.value }) }, every.map((c) => [c.id, c.settings]), curve.id);
  slot.replaceChildren(...(every.length > 1 ? [menu] : []));
}

/** Return the ends of the axis over the run: all that is believed, and not much more for the rest. */
function rangeOf(curve) {
  const [sure, unsure] = [[], []];
  curve.values.forEach((v, i) => {
    if (!Number.isFinite(v)) return;
    if (isDoubted(curve, i)) unsure.push(v);
    else sure.push(...[v, curve.low[i], curve.high[i]].filter(Number.isFinite));
  });
  const base = sure.length ? sure : unsure;
  if (!base.length) return null;
  let [low, high] = [Math.min(...base), Math.max(...base)];
  const span = high - low || Math.abs(high) || 1;
  low = Math.min(low, Math.max(low - span, Math.min(...unsure)));
  high = Math.max(high, Math.min(high + span, Math.max(...unsure)));
  return low > 0 && low < 0.6 * high ? [0, high] : high > low ? [low, high] : [low - 0.5, high + 0.5];
}

/** Return a path through the believed values; it breaks at every other, and one alone is a point. */
function lineOf(values, x, y) {
  let d = "";
  values.forEach((v, i) => {
    if (!Number.isFinite(v)) return;
    const begins = !Number.isFinite(values[i - 1]);
    d += `${begins ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}${begins && !Number.isFinite(values[i + 1]) ? "h0" : ""}`;
  });
  return d;
}

function bandOf(curve, x, y) {
  const known = (i) => Number.isFinite(curve.low[i]) && Number.isFinite(curve.high[i]) && !isDoubted(curve, i);
  let d = "";
  for (let i = 0; i < curve.values.length; i++) {
    if (!known(i)) continue;
    const stretch = [];
    for (; i < curve.values.length && known(i); i++) stretch.push(i);
    const at = (table) => (k) => `${x(k).toFixed(1)} ${y(table[k]).toFixed(1)}`;
    d += `M${stretch.map(at(curve.high)).join("L")}L${stretch.reverse().map(at(curve.low)).join("L")}Z`;
  }
  return d;
}
