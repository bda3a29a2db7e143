/** Ranks over training: one line for each component, the selected one in front. */

import { byId, element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { createBands } from "./stage_bands.mjs";
import { number } from "./format.mjs";
import { placeOf } from "./payload.mjs";
import { rankAll } from "./ranking.mjs";
import { writeAddress } from "./address.mjs";

const SHOWN = 10;
const [TOP, RIGHT, LEFT] = [8, 64, 20];

/** Build the chart and return its `update(model, changed)`. */
export function createBump(model, signal) {
  const place = byId("rank-bump");
  const bands = svg("g", { class: "bump-bands" });
  const lines = svg("g", { class: "bump-lines" });
  const labels = svg("g", { class: "bump-labels" });
  const marks = svg("g", { class: "bump-marks" });
  const cursor = element("div", { class: "cursor" });
  const clip = svg("clipPath", { id: "bump-clip" }, svg("rect"));
  const picture = svg("svg", { role: "img", "aria-label": "Rank of each component over training" }, svg("defs", {}, clip), bands, marks, lines, labels);
  const which = element("span");
  const open = element("a", { class: "open-component", hidden: true });
  const title = element("div", { class: "bump-title" }, element("span", { text: "rank over training" }), which, open);
  place.replaceChildren(title, element("div", { class: "bump-canvas" }, createBands(model, "foot"), picture, cursor));
  const canvas = place.lastChild;
  let size = { width: 0, height: 0 };

  const observer = new ResizeObserver(([entry]) => {
    size = { width: entry.contentRect.width, height: entry.contentRect.height };
    rebuild();
    paint();
  });
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    model.go(model.axis.nearest((event.clientX - box.left - LEFT) / (size.width - LEFT - RIGHT)));
  }, { signal });

  function rebuild() {
    const graph = model.payload.graphs[model.state.graph];
    const metric = graph?.metrics.find((m) => m.id === model.state.metric);
    const { width, height } = size;
    setAttribute(picture, "viewBox", `0 0 ${width} ${height}`);
    Object.entries({ x: LEFT - 4, y: 0, width: Math.max(0, width - LEFT - RIGHT + 8), height }).forEach(([k, v]) => clip.firstChild.setAttribute(k, v));
    if (!metric || width < 80) {
      [bands, lines, labels, marks].forEach((g) => g.replaceChildren());
      return;
    }
    const drawn = drawLines(model, graph, metric, size, { bands, lines, labels, marks });
    const n = graph.components.length;
    setText(which, drawn < n ? `${number(drawn, 0)} of ${number(n, 0)} components: those that are ever among the first ${SHOWN}` : "");
  }

  function paint() {
    const x = LEFT + model.axis.fraction(model.state.index) * (size.width - LEFT - RIGHT);
    const inside = x >= LEFT - 1 && x <= size.width - RIGHT + 1;
    cursor.style.display = inside ? "" : "none";
    cursor.style.transform = `translateX(${x.toFixed(1)}px)`;
  }

  function update(_, changed) {
    if (["payload", "graph", "metric", "axis", "zoom", "component"].some((name) => changed.has(name))) rebuild();
    paint();
    paintLink(open, model);
  }
  return { update };
}

/** The way to the selected component's own page, at the same step. */
function paintLink(link, model) {
  const { component } = model.state;
  link.hidden = !component;
  setText(link, component ? `open ${component} →` : "");
  if (component) setAttribute(link, "href", `${model.prefix}component${writeAddress(model.state, model.payload)}`);
}

/** Draw the components that come into the picture, and the selected one; return how many. */
function drawLines(model, graph, metric, { width, height }, { bands, lines, labels, marks }) {
  const { payload, state, axis } = model;
  const n = graph.components.length;
  const shown = Math.min(SHOWN, n);
  const { rank } = rankAll(metric, n, payload.steps.length);
  const gap = (height - TOP) / (shown + 0.6);
  const x = (i) => LEFT + axis.fraction(i) * (width - LEFT - RIGHT);
  const y = (place) => TOP + (place - 1) * gap;
  const chosen = placeOf(graph, state.component);
  const seen = everAmong(rank, n, shown);
  const order = graph.components.map((_, c) => c).filter((c) => seen[c] || c === chosen).sort((a, b) => (a === chosen) - (b === chosen));
  for (const group of [bands, lines]) group.setAttribute("clip-path", "url(#bump-clip)");
  setClass(bands, "has-selection", chosen >= 0);
  bands.replaceChildren(
    ...order.map((c) => svg("path", { d: bandOf(metric, n, c, payload.steps.length, x, y), class: `${graph.components[c].kind}${c === chosen ? " selected" : ""}` })),
  );
  setClass(lines, "has-selection", chosen >= 0);
  lines.replaceChildren(
    ...order.map((c) => svg("path", { d: pathOf(rank, n, c, payload.steps.length, x, y), class: `${graph.components[c].kind}${c === chosen ? " selected" : ""}`, "data-component": graph.components[c].name })),
  );
  marks.replaceChildren(...[1, shown].map((p) => svg("text", { x: LEFT - 8, y: y(p) + 4, "text-anchor": "end", text: String(p) })));
  labels.replaceChildren(...endLabels(rank, n, graph, axis.window()[1], shown, chosen).map(({ c, place, text }) =>
    svg("text", { x: place > shown ? width : width - RIGHT + 6, y: y(place) + 4, class: `${c === chosen ? "selected" : ""}${place > shown ? " beyond" : ""}`, text, onclick: (event) => {
      event.stopPropagation();
      model.toggle(graph.components[c].name);
    } })));
  return order.length;
}

/** Return for each component whether its rank is ever among the first `most`. */
function everAmong(rank, n, most) {
  const seen = new Uint8Array(n);
  rank.forEach((place, i) => {
    if (place > 0 && place <= most) seen[i % n] = 1;
  });
  return seen;
}

/** Names at the right end, by the last rank in the window; a selected one below them says its rank. */
function endLabels(rank, n, graph, last, shown, chosen) {
  while (last > 0 && !rank.subarray(last * n, (last + 1) * n).some((r) => r > 0)) last--;
  const found = [];
  for (let c = 0; c < n; c++) {
    const place = rank[last * n + c];
    const name = graph.components[c].name;
    if (place > 0 && place <= shown) found.push({ c, place, text: name });
    else if (c === chosen && place > shown) found.push({ c, place: shown + 1, text: `${name} #${number(place, 0)}` });
  }
  return found;
}

/** The outline of a component's rank interval: one closed piece for each unbroken stretch. */
function bandOf(metric, n, c, steps, x, y) {
  const known = (i) => i < steps && Number.isFinite(metric.rankLow[i * n + c]);
  let path = "";
  for (let from = 0; from < steps; from++) {
    if (!known(from)) continue;
    let to = from;
    while (known(to + 1)) to++;
    const stretch = Array.from({ length: to - from + 1 }, (_, k) => from + k);
    const above = stretch.map((i) => `${x(i).toFixed(1)} ${y(metric.rankLow[i * n + c]).toFixed(1)}`);
    const below = stretch.reverse().map((i) => `${x(i).toFixed(1)} ${y(metric.rankHigh[i * n + c]).toFixed(1)}`);
    path += `M${[...above, ...below].join("L")}Z`;
    from = to;
  }
  return path;
}

function pathOf(rank, n, c, steps, x, y) {
  let path = "";
  let drawing = false;
  for (let i = 0; i < steps; i++) {
    const place = rank[i * n + c];
    const alone = !drawing && !rank[(i + 1) * n + c];
    if (place) path += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(place).toFixed(1)}${alone ? "h0" : ""}`;
    drawing = place > 0;
  }
  return path;
}
