/** The estimate over step size, a line for each n beta and gamma: what can be trusted is flat. */

import { HEALTHY, verdictPath } from "./verdicts.mjs";
import { between, tokens } from "./heat.mjs";
import { byId, element, setClass, svg } from "./elements.mjs";
import { digits, isAt, settingText } from "./calibration_model.mjs";
import { step as formatStep } from "./format.mjs";

const MARGIN = { left: 44, right: 100, top: 12, bottom: 24 };
const HEIGHT = 300;
const ALONE = 400;
const LABEL = 13;
const NEAR = 18;
const DASHES = ["none", "6 3", "2 3", "8 3 2 3"];
const NARROW = 420;

/** Build the panel and return its `update(changed)`. */
export function createFlatness(model, signal) {
  const body = byId("flatness-body");
  byId("flatness-head").replaceChildren(element("h2", { text: "Estimate over step size" }), element("span", { class: "panel-words", text: "flat where the step size does not matter · bars: ± 1 standard error" }));
  let plots = [];
  const sizes = new ResizeObserver(() => draw());
  sizes.observe(body);
  signal.addEventListener("abort", () => sizes.disconnect());

  function draw() {
    const sweep = model.sweep();
    if (!sweep || !body.clientWidth) return;
    const steps = model.steps();
    const columns = Math.max(1, Math.min(steps.length, Math.floor(body.clientWidth / NARROW)));
    body.style.setProperty("--plots", columns);
    const width = Math.floor((body.clientWidth - 16 * (columns - 1)) / columns);
    plots = steps.map((step) => plotOf(model, sweep, step, { width, height: steps.length > 1 ? HEIGHT : ALONE }, signal));
    body.replaceChildren(...plots.map((plot) => plot.node));
    mark();
  }

  function mark() {
    const cell = model.sweep()?.cells[model.shown()];
    for (const plot of plots) plot.mark(cell, model.choice().setting);
  }

  function update(changed) {
    if (!model.sweep()) return;
    if (["file", "sweep", "step", "scheme"].some((name) => changed.has(name))) draw();
    else if (changed.has("hover") || changed.has("pinned")) mark();
  }
  return { update };
}

function plotOf(model, sweep, step, size, signal) {
  const points = model.cellsAt(step)
    .filter((i) => Number.isFinite(sweep.values.llc[i]))
    .map((i) => ({ i, cell: sweep.cells[i], value: sweep.values.llc[i], error: sweep.values.error[i] || 0 }));
  const place = placesFor(sweep, points, size);
  for (const p of points) Object.assign(p, { x: place.x(p.cell.step_size), y: place.y(p.value), bar: [place.y(p.value - p.error), place.y(p.value + p.error)] });
  const lines = linesOf(sweep, points);
  const picture = svg("svg", { ...size, role: "img", "aria-label": `Estimate over step size at step ${formatStep(step)}` },
    ...axes(sweep, place, size), ...lines.flatMap(drawLine), ...labels(lines, size));
  const ring = svg("circle", { class: "flat-ring", r: 8, visibility: "hidden" });
  picture.append(ring);
  const near = (event) => {
    const box = picture.getBoundingClientRect();
    const away = (p) => Math.hypot(p.x - event.clientX + box.left, p.y - event.clientY + box.top);
    const best = points.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
    return best && away(best) < NEAR ? best.i : null;
  };
  picture.addEventListener("pointermove", (event) => model.set({ hover: near(event) }), { signal });
  picture.addEventListener("pointerleave", () => model.set({ hover: null }), { signal });
  picture.addEventListener("click", (event) => model.set({ pinned: near(event) }), { signal });
  const title = model.sweep().steps.length > 1 ? `step ${formatStep(step)}` : "";

  function mark(cell, setting) {
    for (const line of lines) {
      const on = Boolean(cell) && cell.nbeta === line.nbeta && cell.gamma === line.gamma;
      for (const node of line.nodes) setClass(node, "on", on);
      if (on) for (const node of line.nodes) ring.before(node);
    }
    const best = points.find((p) => isAt(p.cell, setting));
    ring.setAttribute("visibility", best ? "visible" : "hidden");
    if (best) for (const [name, value] of [["cx", best.x], ["cy", best.y]]) ring.setAttribute(name, value.toFixed(1));
  }
  return { node: element("figure", { class: "flat-plot" }, element("figcaption", { text: `${title}${title ? " · " : ""}${place.log ? "log scales" : "ε on a log scale"}` }), picture), mark };
}

/** Return where values stand. Equal shares of the estimate are equal heights, unless some are not above 0. */
function placesFor(sweep, points, { width, height }) {
  const calm = points.filter(({ cell }) => cell.verdict !== "diverged" && cell.verdict !== "frozen");
  const ends = (calm.length ? calm : points).flatMap(({ value, error }) => [value - error, value + error]);
  const log = points.every(({ value }) => value > 0);
  const scale = log ? (v) => Math.log(Math.max(v, 1e-9)) : (v) => v;
  const least = log ? Math.min(...points.map((p) => p.value)) : -Infinity;
  const [low, high] = ends.length ? [scale(Math.max(Math.min(...ends), 0.8 * least)), scale(Math.max(...ends))] : [0, 1];
  const xs = sweep.stepSizes.map(Math.log);
  const across = width - MARGIN.left - MARGIN.right;
  const up = height - MARGIN.top - MARGIN.bottom;
  const share = (v) => (scale(v) - low) / (high - low || 1);
  return {
    log, low: log ? Math.exp(low) : low, high: log ? Math.exp(high) : high,
    x: (v) => MARGIN.left + 8 + (xs.length > 1 ? ((Math.log(v) - xs[0]) / (xs.at(-1) - xs[0])) * (across - 16) : across / 2),
    y: (v) => MARGIN.top + up * (1 - Math.min(1.03, Math.max(-0.03, share(v)))),
  };
}

/** Return the lines: points of one n beta and gamma, with colour by gamma and dash by n beta. */
function linesOf(sweep, points) {
  const colours = tokens("llc", "head", "graph", "behaviour");
  const found = [];
  sweep.gammas.forEach((gamma, g) => sweep.nbetas.forEach((nbeta, b) => {
    const own = points.filter(({ cell }) => cell.gamma === gamma && cell.nbeta === nbeta).sort((a, c) => a.x - c.x);
    const colour = colours.length >= sweep.gammas.length ? colours[g] : between([colours[0], colours[2]], [0, 1], g / (sweep.gammas.length - 1)).map(Math.round);
    if (own.length) found.push({ gamma, nbeta, points: own, colour: `rgb(${colour.join(" ")})`, dash: DASHES[b % DASHES.length], nodes: [] });
  }));
  return found;
}

/** Draw a line: faint where one of two points is not healthy; each point has its verdict's shape. */
function drawLine(line) {
  const healthy = ({ cell }) => cell.verdict === HEALTHY;
  const segments = line.points.slice(1).map((p, k) => {
    const q = line.points[k];
    return svg("path", { class: healthy(p) && healthy(q) ? "flat-line" : "flat-line faint", d: `M${q.x.toFixed(1)} ${q.y.toFixed(1)}L${p.x.toFixed(1)} ${p.y.toFixed(1)}`, "stroke-dasharray": line.dash });
  });
  const marks = line.points.flatMap((p) => {
    const shape = verdictPath(p.cell.verdict, p.x, p.y);
    shape.dataset.point = p.i;
    return [svg("path", { class: "flat-bar", d: `M${p.x.toFixed(1)} ${p.bar[0].toFixed(1)}V${p.bar[1].toFixed(1)}` }), shape];
  });
  const group = svg("g", { class: "flat-group" }, ...segments, ...marks);
  group.style.color = line.colour;
  line.nodes.push(group);
  return [group];
}

/** Return the names of the lines at their right ends, moved apart where they would touch. */
function labels(lines, { width, height }) {
  const places = lines.map((line) => ({ line, at: line.points.at(-1) })).sort((a, b) => a.at.y - b.at.y);
  const most = height - MARGIN.bottom;
  places.forEach((p, k) => (p.y = Math.max(p.at.y, k ? places[k - 1].y + LABEL : MARGIN.top)));
  for (let k = places.length - 1, limit = most; k >= 0; k--, limit = places[k + 1].y - LABEL) places[k].y = Math.min(places[k].y, limit);
  return places.map(({ line, at, y }) => {
    const x = width - MARGIN.right + 12;
    const leader = svg("path", { class: "flat-leader", d: `M${(at.x + 6).toFixed(1)} ${at.y.toFixed(1)}L${x - 4} ${y.toFixed(1)}` });
    const text = svg("text", { class: "flat-label", x, y: (y + 3.5).toFixed(1) }, `${settingText(line.nbeta)} · ${settingText(line.gamma)}`);
    text.style.fill = line.colour;
    const group = svg("g", { class: "flat-group flat-name" }, leader, text);
    group.style.color = line.colour;
    line.nodes.push(group);
    return group;
  });
}

function axes(sweep, place, { width, height }) {
  const bottom = height - MARGIN.bottom;
  return [
    svg("path", { class: "flat-axis", d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${width - MARGIN.right}` }),
    ...ticksOf(place).map((v) => svg("text", { class: "flat-tick up", x: MARGIN.left - 6, y: (place.y(v) + 3.5).toFixed(1) }, digits(v))),
    ...sweep.stepSizes.map((v) => svg("text", { class: "flat-tick", x: place.x(v).toFixed(1), y: bottom + 16 }, settingText(v))),
    svg("text", { class: "flat-tick name", x: width - MARGIN.right + 12, y: bottom + 16 }, "nβ · γ"),
  ];
}

/** Return round values within the range: 1, 2 and 5 times powers of ten on a log scale. */
function ticksOf({ log, low, high }) {
  if (!log) {
    const size = 10 ** Math.floor(Math.log10((high - low) / 2 || 1));
    const stride = [1, 2, 5, 10].map((k) => k * size).find((width) => (high - low) / width <= 5);
    return Array.from({ length: 6 }, (_, k) => (Math.ceil(low / stride) + k) * stride).filter((v) => v <= high);
  }
  const powers = Array.from({ length: 12 }, (_, k) => 10 ** (k - 3));
  const every = powers.flatMap((power) => [1, 2, 5].map((k) => k * power)).filter((v) => v >= low && v <= high);
  return every.length > 1 ? every : [low, high];
}
