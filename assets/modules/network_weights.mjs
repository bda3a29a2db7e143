/** How the weights of the edges are spread at the step: a histogram whose bins belong to the run. */

import { anyOf, createReason, hush, onSize, panelBody, stepAt, tell, withInterval } from "./network_panel.mjs";
import { decimals, largest, number } from "./format.mjs";
import { element, setText } from "./elements.mjs";
import { devicePixels, tokens } from "./heat.mjs";
import { findCurve } from "./payload.mjs";
import { paintedBy } from "./painters.mjs";

const BINS = 40;
const FLOOR = 1e-4;
const LINES = ["graph.weight_median", "graph.weight_p90"];
const WIDE = "This graph has too many edges to keep them all.";
const FACTS = [
  ["graph.weight_median", "median"], ["graph.weight_p90", "90th percentile"], ["graph.gini", "Gini"],
  ["graph.tail_exponent", "tail exponent"], ["graph.tail_misfit", "misfit of the tail"],
];

/** Build the panel and return its `update(model, changed)`. */
export function createDistribution(model, signal) {
  const fact = element("span");
  const body = panelBody("weights", "Weights of edges", fact);
  const canvas = paintedBy(element("canvas", { "aria-hidden": "true" }), paint);
  const plane = element("div", { class: "weights-plane", role: "img", "aria-label": "Histogram of the weights of all edges at the step" }, canvas);
  const [ticks, top] = [element("div", { class: "weights-ticks", "aria-hidden": "true" }), element("span", { class: "weights-top" })];
  const facts = element("dl", { class: "weights-facts" });
  body.replaceChildren(element("div", { class: "weights-frame" }, top, plane, ticks, element("span", { class: "axis-name", text: "weight, 1 − cosine; log axis" })), facts);
  const reason = createReason(body);
  let bins = null;
  let told = [];
  let colours = {};

  function rebuild() {
    const graph = model.payload.graphs[model.state.graph];
    const why = !graph ? "No graph is measured yet." : graph.table ? "" : WIDE;
    reason.say(why);
    bins = why ? null : binned(graph.table.weight, model.payload.steps.length);
    told = FACTS.flatMap(([id, label]) => {
      const curve = findCurve(model.payload, model.state.graph, id);
      return curve ? [{ curve, label, places: decimals(largest(curve.values)), value: element("dd") }] : [];
    });
    facts.replaceChildren(...told.flatMap(({ curve, label, value }) => [element("dt", {}, label, element("small", { text: ` ${curve.unit}` })), value]));
    if (!bins) return;
    setText(top, `${number(bins.most, 0)} edges`);
    ticks.replaceChildren(...powers(bins).map((power) => {
      const tick = element("span", { text: String(power) });
      tick.style.left = `${100 * shareOf(bins, power)}%`;
      return tick;
    }));
  }

  function paint() {
    const { index } = model.state;
    if (bins) {
      drawBars(canvas, plane, bins, index, markers(told, index), colours);
      const { below, known } = bins.at(index);
      setText(fact, known ? `${number(known, 0)} edges${below ? `, ${number(below, 0)} below ${number(bins.low, decimals(bins.low))} not drawn` : ""}` : "not measured here");
    }
    for (const { curve, places, value } of told) setText(value, withInterval(curve.values[index], curve.low[index], curve.high[index], places));
  }
  onSize(plane, signal, paint);
  plane.addEventListener("pointermove", (event) => bins && tell(model, event, describe(model, bins, event, plane)), { signal });
  plane.addEventListener("pointerleave", hush, { signal });

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) rebuild();
    if (changed.has("scheme")) colours = coloursOf(plane);
    if (anyOf(changed, "payload", "graph", "index", "scheme", "compact")) paint();
  }
  return { update };
}

/** Return bins that hold all weights of the run, and the counts at a checkpoint. */
function binned(weight, steps) {
  const count = weight.length / steps;
  let [least, most] = [Infinity, 0];
  for (const w of weight) if (w > 0) [least, most] = [Math.min(least, w), Math.max(most, w)];
  const low = Math.min(Math.max(FLOOR, least), most / 10 || FLOOR);
  const bins = { low, high: Math.max(most, 10 * low), most: 1, at };
  const table = Array.from({ length: steps }, (_, i) => countBins(bins, weight.subarray(i * count, (i + 1) * count)));
  bins.most = Math.max(1, ...table.map((row) => row.counts.reduce((a, b) => Math.max(a, b), 0)));
  function at(index) {
    return table[index];
  }
  return bins;
}

function countBins(bins, weights) {
  const counts = new Uint32Array(BINS);
  let [below, known] = [0, 0];
  for (const w of weights) {
    if (!Number.isFinite(w)) continue;
    known++;
    if (w < bins.low) below++;
    else counts[Math.min(BINS - 1, Math.floor(shareOf(bins, w) * BINS))]++;
  }
  return { counts, below, known };
}

function shareOf({ low, high }, weight) {
  return Math.log(weight / low) / Math.log(high / low);
}

function powers(bins) {
  const found = [];
  for (let k = -6; k <= 1; k++) {
    const power = Number(`1e${k}`);
    const share = shareOf(bins, power);
    if (share >= -1e-9 && share <= 1 + 1e-9) found.push(power);
  }
  return found;
}

/** Return the weights that get a line, with what they are called: the median and the ninth decile. */
function markers(told, index) {
  return told.filter(({ curve }) => LINES.includes(curve.id) && curve.values[index] > 0).map(({ curve, label }) => [curve.values[index], label]);
}

function coloursOf(plane) {
  const [bar, ink] = tokens("graph", "ink").map((c) => `rgb(${c.join(" ")})`);
  return { bar, ink, family: getComputedStyle(plane).fontFamily };
}

function drawBars(canvas, plane, bins, index, lines, { bar, ink, family }) {
  const [width, height] = [devicePixels(plane.clientWidth), devicePixels(plane.clientHeight)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.fillStyle = bar;
  bins.at(index).counts.forEach((count, k) => {
    const [x, next] = [Math.round((k * width) / BINS), Math.round(((k + 1) * width) / BINS)];
    const tall = Math.round((height * count) / bins.most);
    context.fillRect(x, height - tall, Math.max(1, next - x - 1), tall);
  });
  context.fillStyle = ink;
  const ratio = width / plane.clientWidth;
  context.font = `${11 * ratio}px ${family}`;
  for (const [w, label] of lines) {
    const x = Math.round(Math.min(1, Math.max(0, shareOf(bins, w))) * width);
    context.fillRect(x, 0, Math.ceil(ratio), height);
    context.textAlign = x > 0.6 * width ? "right" : "left";
    context.fillText(label, x + (x > 0.6 * width ? -4 : 5) * ratio, 10 * ratio);
  }
}

function describe(model, bins, event, plane) {
  const box = plane.getBoundingClientRect();
  const k = Math.min(BINS - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * BINS)));
  const edge = (j) => bins.low * (bins.high / bins.low) ** (j / BINS);
  const text = (w) => number(w, decimals(w));
  return { title: `${text(edge(k))} to ${text(edge(k + 1))}`, rows: [["edges", number(bins.at(model.state.index).counts[k], 0)]], foot: stepAt(model, model.state.index) };
}
