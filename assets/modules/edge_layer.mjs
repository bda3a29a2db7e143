/**
 * Edges as SVG, in two ways with one face: `paint(index, drawn, isOn, signed)`, `raise(isOn)`, and
 * `slim`, by which edges are thinner where marks stand close together. `isOn(from, to)` says which
 * edges stand out; `signed` ones tell by their colour whether ablating what they leave hurts.
 *
 * A few edges have an element each: a frame then sets a width and an opacity and nothing else. Of
 * many, those of about the same weight share one path: a frame writes a dozen paths, however many
 * edges there are.
 */

import { edgeCount, edgeEnds, edgeValue } from "./edges.mjs";
import { edgePath } from "./places.mjs";
import { setClass, svg } from "./elements.mjs";
import { strokeOpacity, strokeWidth } from "./marks.mjs";

const MANY = 1500;
const CLASSES = 12;
const ON_TOP = 0.8;

/** Fill `group` with the edges of a graph and return their `paint` and `raise`. */
export function createEdges(group, graph, layout) {
  const many = !graph.table || edgeCount(graph, 0) > MANY;
  return many ? bundled(group, graph, layout) : single(group, graph, layout);
}

function single(group, graph, layout) {
  const { places } = layout;
  const heaviest = graph.heaviest || 1;
  const items = Array.from({ length: edgeCount(graph, 0) }, (_, e) => {
    const [from, to] = edgeEnds(graph, 0, e);
    return { from, to, node: svg("path", { d: edgePath(places[from], places[to], layout).d, class: "edge" }), width: -1, shown: true, frame: 0, sign: "" };
  });
  group.replaceChildren(...items.map((item) => item.node));
  let frame = 0;

  function paint(index, drawn, isOn, signed) {
    frame++;
    for (const e of drawn.edges) items[e].frame = frame;
    items.forEach((item, e) => {
      show(item, item.frame === frame, edgeValue(graph, index, e) / heaviest);
      const sign = signed ? signOf(graph, index, item.from) : "";
      if (sign === item.sign) return;
      if (item.sign) item.node.classList.remove(item.sign);
      if (sign) item.node.classList.add(sign);
      item.sign = sign;
    });
  }

  /** Put the edges that stand out on top. */
  function raise(isOn) {
    for (const item of items) {
      const on = isOn(item.from, item.to);
      setClass(item.node, "on", on);
      if (on) group.append(item.node);
    }
  }
  return { paint, raise, slim: 1 };
}

/** Return whether ablating what the edge leaves hurts or helps, "" where its 95 % interval holds both. */
function signOf(graph, index, from) {
  const at = index * graph.components.length + from;
  const change = graph.lossChange[at];
  return Math.abs(change) > graph.lossError[at] ? (change > 0 ? "more" : "less") : "";
}

function show(item, shown, share) {
  if (item.shown !== shown) {
    item.node.style.display = shown ? "" : "none";
    item.shown = shown;
  }
  const width = shown ? strokeWidth(share) : item.width;
  if (width === item.width) return;
  item.width = width;
  item.node.style.strokeWidth = `${width}px`;
  item.node.style.strokeOpacity = strokeOpacity(share);
}

function bundled(group, graph, layout) {
  const { places, room } = layout;
  const heaviest = graph.heaviest || 1;
  const slim = Math.min(1, Math.max(0.35, room / 30));
  const sides = ["edge", "edge less", "edge more", "edge on"];
  const bundles = sides.map((name) =>
    Array.from({ length: CLASSES }, (_, level) => {
      const share = ((level + 0.5) / CLASSES) ** 2;
      const width = slim * strokeWidth(share) + (name === "edge on" ? ON_TOP * (1 - slim) : 0);
      const node = svg("path", { class: slim < 0.5 ? `${name} slim` : name, "stroke-width": width.toFixed(2), "stroke-opacity": strokeOpacity(share, slim) });
      return { node, d: "" };
    }),
  );
  group.replaceChildren(...bundles.flat().map((bundle) => bundle.node));

  function paint(index, drawn, isOn, signed) {
    const paths = bundles.map((side) => side.map(() => ""));
    for (const e of drawn.edges) {
      const [from, to] = edgeEnds(graph, index, e);
      const level = Math.min(CLASSES - 1, Math.floor(CLASSES * Math.sqrt(edgeValue(graph, index, e) / heaviest)));
      const side = isOn(from, to) ? 3 : signed ? ["", "less", "more"].indexOf(signOf(graph, index, from)) : 0;
      paths[side][level] += edgePath(places[from], places[to], layout).d;
    }
    bundles.forEach((side, s) => side.forEach((bundle, level) => {
      if (bundle.d === paths[s][level]) return;
      bundle.d = paths[s][level];
      bundle.node.setAttribute("d", bundle.d);
    }));
  }
  return { paint, raise: () => {}, slim };
}
