/** The way of the graph through the space of its weights: the first two principal components. */

import { anyOf, createReason, hush, lacking, onSize, panelBody, stepAt, tell } from "./network_panel.mjs";
import { between, devicePixels, tokens } from "./heat.mjs";
import { decimals, number } from "./format.mjs";
import { element } from "./elements.mjs";
import { paintedBy } from "./painters.mjs";

const MARGIN = 14;
const NEAR = 24;

/** Build the panel and return its `update(model, changed)`. */
export function createSpace(model, signal) {
  const body = panelBody("space", "Graph space", element("span", { class: "key" }, element("i", { class: "ring" }), element("span", { text: "phase boundary" })), timeKey());
  const canvas = paintedBy(element("canvas", { "aria-hidden": "true" }), draw);
  const mark = element("i", { class: "space-mark" });
  const plane = element("div", { class: "space-plane", role: "img", "aria-label": "Trajectory of the graph: first and second principal component of its weights" }, canvas, mark);
  const [across, up] = [element("span", { class: "axis-name" }), element("span", { class: "axis-name up" })];
  body.replaceChildren(element("div", { class: "space-frame" }, up, plane, across));
  const reason = createReason(body);
  let places = [];

  function draw() {
    const found = model.state.structure?.edges?.space;
    const [width, height] = [plane.clientWidth, plane.clientHeight];
    if (!found || !width) return void (places = []);
    places = placesOf(found.scores, width, height);
    across.textContent = axisName("PC1", found.explained[0]);
    up.textContent = axisName("PC2", found.explained[1]);
    drawWay(canvas, places, width, height, model.state.structure.phases?.boundaries ?? []);
  }

  function paint() {
    const place = places[model.state.index];
    mark.hidden = !place;
    if (place) mark.style.transform = `translate(${place[0].toFixed(1)}px,${place[1].toFixed(1)}px)`;
  }

  /** Return the checkpoint nearest to the pointer, or -1 if none is near. */
  function under(event) {
    const box = plane.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, found] = [NEAR, -1];
    places.forEach((place, i) => {
      const away = place ? Math.hypot(place[0] - x, place[1] - y) : Infinity;
      if (away < best) [best, found] = [away, i];
    });
    return found;
  }
  plane.addEventListener("pointermove", (event) => {
    const i = under(event);
    tell(model, event, i < 0 ? null : describe(model, i));
  }, { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  plane.addEventListener("click", (event) => {
    const i = under(event);
    if (i >= 0) model.go(i);
  }, { signal });
  onSize(plane, signal, () => (draw(), paint()));

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "structure")) reason.say(lacking(model, "edges"));
    if (anyOf(changed, "payload", "graph", "structure", "scheme", "compact")) draw();
    paint();
  }
  return { update };
}

function timeKey() {
  return element("span", { class: "key" }, element("span", { text: "first" }), element("i", { class: "time-ramp" }), element("span", { text: "last step" }));
}

function axisName(name, explained) {
  return `${name}, ${number(100 * explained, 0)} % of the variance`;
}

/** Return where each checkpoint stands, null for one that is not measured. */
function placesOf(scores, width, height) {
  const dims = scores.shape[1];
  const count = scores.shape[0];
  const column = (k) => Array.from({ length: count }, (_, i) => scores[i * dims + k]);
  const scale = (values, from, to) => {
    const known = values.filter(Number.isFinite);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    return (v) => from + ((v - low) / (high - low || 1)) * (to - from);
  };
  const [first, second] = [column(0), dims > 1 ? column(1) : column(0).map((v) => 0 * v)];
  const [x, y] = [scale(first, MARGIN, width - MARGIN), scale(second, height - MARGIN, MARGIN)];
  return first.map((v, i) => (Number.isFinite(v) ? [x(v), y(second[i])] : null));
}

/** Draw the way, coloured by time; boundaries of phases are ringed. */
function drawWay(canvas, places, width, height, boundaries) {
  const ratio = devicePixels(width) / width;
  [canvas.width, canvas.height] = [devicePixels(width), devicePixels(height)];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const colours = tokens("line", "accent", "ink");
  const shade = (i) => `rgb(${between(colours, [-0.35, 0.5, 1], i / Math.max(1, places.length - 1)).map(Math.round).join(" ")})`;
  context.lineWidth = 2;
  context.lineCap = "round";
  let last = null;
  places.forEach((place, i) => {
    if (!place) return;
    context.strokeStyle = context.fillStyle = shade(i);
    context.beginPath();
    if (last) {
      context.moveTo(...last);
      context.lineTo(...place);
      context.stroke();
    }
    context.beginPath();
    context.arc(...place, 2.5, 0, 2 * Math.PI);
    context.fill();
    last = place;
  });
  const [ring] = tokens("sel");
  context.strokeStyle = `rgb(${ring.join(" ")})`;
  context.lineWidth = 1.5;
  for (const { index } of boundaries) {
    if (!places[index]) continue;
    context.beginPath();
    context.arc(...places[index], 6, 0, 2 * Math.PI);
    context.stroke();
  }
}

function describe(model, i) {
  const { scores, explained } = model.state.structure.edges.space;
  const dims = scores.shape[1];
  const places = decimals(Math.max(...Array.from(scores).filter(Number.isFinite).map(Math.abs)));
  const rows = Array.from({ length: dims }, (_, k) => [`PC${k + 1} (${number(100 * explained[k], 0)} %)`, number(scores[i * dims + k], places)]);
  return { title: stepAt(model, i), rows, foot: "click: go there" };
}
