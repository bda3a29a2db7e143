/**
 * Components as SVG, in two ways with one face: `paint(index, metric, colour, shown)`,
 * `raise(out, found)`, `point(i)` and `radius(i)`; `colour` is a `colouring`, or null where the kind
 * gives the colour, `shown` a mask, or null for all, `out` what stands out (pins.mjs), and `found`
 * the numbers of those that were looked for.
 *
 * Up to some hundreds have an element each, which can be clicked and reached by the keyboard. A
 * crowd shares one path for each kind; one movable mark stands for the component that has the focus.
 */

import { SHAPES } from "./marks.mjs";
import { largest } from "./format.mjs";
import { CROWD, neighbour, parse } from "./places.mjs";
import { setAttribute, setClass, svg } from "./elements.mjs";
import { togglePin } from "./pins.mjs";

const REACH = 16;
/** So many of a crowd are ringed at most when they were looked for. */
const RINGS = 24;

/** Fill `group` with the components of a graph. */
export function createNodes(group, graph, layout, model) {
  return (graph.components.length > CROWD ? crowd : single)(group, graph, layout, model);
}

/** Return how large each component is drawn at a checkpoint, and -1 where the metric has no value. */
function sizes(graph, { radius }, metric, index) {
  const n = graph.components.length;
  const top = metric ? (metric.top ??= largest(metric.values)) : 0;
  return Float32Array.from({ length: n }, (_, i) => {
    const value = metric ? metric.values[index * n + i] : 0;
    if (metric && !(Number.isFinite(value) && top > 0)) return -1;
    return radius(top > 0 ? Math.sqrt(Math.max(0, value) / top) : 0);
  });
}

function single(group, graph, layout, model) {
  const items = graph.components.map((component, i) => buildNode(component, i, layout, model, group));
  group.replaceChildren(...items.map((item) => item.node));

  function paint(index, metric, colour, shown) {
    const found = sizes(graph, layout, metric, index);
    items.forEach((item, i) => {
      const hidden = shown !== null && !shown[i];
      if (hidden !== item.hidden) item.node.style.display = (item.hidden = hidden) ? "none" : "";
      setClass(item.node, "unknown", found[i] < 0);
      setClass(item.node, "doubted", colour?.isDoubted(i, index) ?? false);
      const fill = colour?.fillOf(i, index) ?? "";
      if (fill !== item.fill) item.shape.style.fill = item.fill = fill;
      const radius = found[i] < 0 ? layout.radius(0) : Math.round(found[i] * 10) / 10;
      if (radius === item.radius) return;
      item.radius = radius;
      item.shape.setAttribute("transform", `scale(${radius})`);
      if (layout.labels === "below") item.label.setAttribute("y", radius + 12);
      else item.label.setAttribute("x", radius * item.wide + (layout.labels === "parts" ? 3 : 5));
    });
  }

  function raise({ chosen, pins }, found) {
    const looked = new Set(found);
    items.forEach(({ node }, i) => {
      setClass(node, "selected", i === chosen);
      setClass(node, "pinned", pins.has(i));
      setClass(node, "found", looked.has(i));
      setAttribute(node, "aria-pressed", String(i === chosen));
      setAttribute(node, "aria-label", graph.components[i].name + (pins.has(i) ? ", pinned" : ""));
    });
  }
  return { paint, raise, point: () => {}, radius: (i) => items[i].radius };
}

function buildNode(component, i, layout, model, group) {
  const place = layout.places[i];
  const shape = svg("path", { d: SHAPES[component.kind], class: "shape" });
  const text = layout.labels === "parts" ? parse(component.name).part || component.name : component.name;
  const label = svg("text", layout.labels === "below" ? { "text-anchor": "middle" } : { y: 4 }, text);
  const walk = (event) => {
    if (isPress(event)) choose(event, model, component.name);
    const next = step(event, layout.places, i, (k) => group.children[k].style.display === "none");
    if (next >= 0) group.children[next].focus();
  };
  const node = svg(
    "g",
    {
      class: `node ${component.kind}`, transform: `translate(${place.x} ${place.y})`, tabindex: 0, role: "button", "aria-label": component.name,
      "data-component": component.name, "aria-pressed": "false", onclick: (event) => choose(event, model, component.name), onkeydown: walk,
    },
    svg("circle", { r: Math.min(REACH, layout.room / 2), class: "target" }), shape, label,
  );
  return { node, shape, label, wide: component.kind === "layer" ? 1.25 : 1, radius: -1, fill: "", hidden: false };
}

/** Say whether a key presses a button; Space then does not play. */
function isPress(event) {
  if (event.key !== "Enter" && event.key !== " ") return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

/** Select a component, or pin it where a key that adds to a choice is held. */
export function choose(event, model, name) {
  if (event.shiftKey || event.ctrlKey || event.metaKey) togglePin(model, name);
  else model.toggle(name);
}

/** Return where an arrow key leads from a component: along the list, or with Shift to another layer; hidden ones are passed over. */
function step(event, places, i, isHidden) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by) return -1;
  event.preventDefault();
  let next = i;
  for (let tries = 0; tries < places.length; tries++) {
    next = neighbour(places, next, by, event.shiftKey);
    if (next < 0 || !isHidden(next)) return next;
  }
  return -1;
}

function crowd(group, graph, layout, model) {
  const paths = new Map();
  const marks = svg("g");
  const ring = mark(graph, layout, "selected");
  const focus = mark(graph, layout, "focus");
  const hover = mark(graph, layout, "hover");
  const ends = graph.components.flatMap(({ kind }, i) => (kind === "io" ? [{ i, ...mark(graph, layout, "end") }] : []));
  Object.entries({ tabindex: 0, role: "button", "aria-label": "Components" }).forEach(([k, v]) => focus.node.setAttribute(k, v));
  const rings = svg("g");
  const more = [];
  let [found, at, chosen, mask, marked] = [new Float32Array(graph.components.length), 0, -1, null, []];
  focus.node.addEventListener("keydown", (event) => {
    if (isPress(event)) choose(event, model, graph.components[at].name);
    const next = step(event, layout.places, at, (i) => mask !== null && !mask[i]);
    if (next >= 0) move(next);
  });
  group.replaceChildren(marks, ...ends.map((end) => end.node), rings, hover.node, ring.node, focus.node);

  /** Return the path that all components of a kind and a colour share. */
  function shared(kind, fill) {
    const key = `${kind} ${fill}`;
    if (!paths.has(key)) {
      const node = svg("path", { class: "shape" });
      node.style.fill = fill;
      marks.append(svg("g", { class: `crowd ${kind}` }, node));
      paths.set(key, { node, d: "", next: "" });
    }
    return paths.get(key);
  }

  function move(i) {
    at = i;
    focus.put(i, found[i]);
    setAttribute(focus.node, "aria-label", graph.components[i].name);
    setAttribute(focus.node, "aria-pressed", String(i === chosen));
  }

  function paint(index, metric, colour, shown) {
    found = sizes(graph, layout, metric, index);
    mask = shown;
    graph.components.forEach(({ kind }, i) => {
      if (mask && !mask[i]) return;
      const { x, y } = layout.places[i];
      const path = shared(found[i] < 0 ? "unknown" : kind, colour?.fillOf(i, index) ?? "");
      path.next += outline(kind, x, y, found[i] < 0 ? layout.radius(0) : found[i]);
    });
    for (const path of paths.values()) {
      if (path.d !== path.next) path.node.setAttribute("d", path.next);
      Object.assign(path, { d: path.next, next: "" });
    }
    ring.put(mask && !mask[chosen] ? -1 : chosen, found[chosen]);
    focus.put(at, found[at]);
    for (const end of ends) end.put(mask && !mask[end.i] ? -1 : end.i, found[end.i]);
    marked.forEach(({ i }, k) => more[k].put(mask && !mask[i] ? -1 : i, found[i]));
  }

  function raise(out, looked) {
    chosen = out.chosen;
    marked = [...[...out.pins].map((i) => ({ i, name: "pinned" })), ...looked.slice(0, RINGS).map((i) => ({ i, name: "found" }))];
    while (more.length < marked.length) {
      more.push(mark(graph, layout, "found"));
      rings.append(more.at(-1).node);
    }
    more.forEach((one, k) => {
      setAttribute(one.node, "class", `node-mark ${marked[k]?.name ?? "found"}`);
      one.put(marked[k]?.i ?? -1, found[marked[k]?.i] ?? 0);
    });
    ring.put(chosen, found[chosen]);
    move(chosen >= 0 ? chosen : at);
  }
  return { paint, raise, point: (i) => hover.put(i, found[i]), radius: (i) => Math.max(found[i], layout.radius(0)) };
}

/** A ring with a name, to be put on a component; on none it is not there. */
function mark(graph, { places, box }, name) {
  const ring = svg("circle", { class: "ring" });
  const label = svg("text", { y: 4 });
  const node = svg("g", { class: `node-mark ${name}` }, ring, label);
  node.style.display = "none";
  let shown = "";
  function put(i, size) {
    const key = i >= 0 ? `${i} ${size}` : "";
    if (key === shown) return;
    shown = key;
    node.style.display = key ? "" : "none";
    if (!key) return;
    const radius = Math.max(size, 1) + 2.5;
    node.setAttribute("transform", `translate(${places[i].x} ${places[i].y})`);
    node.dataset.component = graph.components[i].name;
    ring.setAttribute("r", radius);
    const right = places[i].x < box.right - 48;
    label.setAttribute("x", right ? radius + 4 : -radius - 4);
    label.setAttribute("text-anchor", right ? "start" : "end");
    label.textContent = graph.components[i].name;
  }
  return { node, put };
}

/** Return a mark as part of a path: its kind's shape, with corners where they would not be seen. */
function outline(kind, x, y, size) {
  const [s, d] = [r(size), r(2 * size)];
  if (kind === "head") return `M${r(x - s)} ${r(y)}a${s} ${s} 0 1 0 ${d} 0a${s} ${s} 0 1 0 ${-d} 0`;
  if (kind === "mlp") return `M${r(x - s)} ${r(y - s)}h${d}v${d}h${-d}z`;
  const [wide, high] = kind === "layer" ? [1.2 * size, 0.62 * size] : [1.2 * size, 1.2 * size];
  if (kind === "layer") return `M${r(x - wide)} ${r(y - high)}h${r(2 * wide)}v${r(2 * high)}h${r(-2 * wide)}z`;
  return `M${r(x)} ${r(y - high)}L${r(x + wide)} ${r(y)} ${r(x)} ${r(y + high)} ${r(x - wide)} ${r(y)}z`;
}

function r(value) {
  return Math.round(value * 10) / 10;
}
