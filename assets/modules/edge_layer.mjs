/**
 * Edges as SVG, in two ways with one face: `paint(index, drawn, chosen)`, `raise(chosen)`, and
 * `slim`, by which edges are thinner where marks stand close together.
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
    return { from, to, node: svg("path", { d: edgePath(places[from], places[to], layout).d, class: "edge" }), width: -1, shown: true, frame: 0 };
  });
  group.replaceChildren(...items.map((item) => item.node));
  let frame = 0;

  function paint(index, drawn) {
    frame++;
    for (const e of drawn.edges) items[e].frame = frame;
    items.forEach((item, e) => show(item, item.frame === frame, edgeValue(graph, index, e) / heaviest));
  }

  /** Put the edges of the selected component on top. */
  function raise(chosen) {
    for (const item of items) {
      const on = item.from === chosen || item.to === chosen;
      setClass(item.node, "on", on);
      if (on) group.append(item.node);
    }
  }
  return { paint, raise, slim: 1 };
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
  const bundles = ["edge", "edge on"].map((name) =>
    Array.from({ length: CLASSES }, (_, level) => {
      const share = ((level + 0.5) / CLASSES) ** 2;
      const width = slim * strokeWidth(share) + (name === "edge" ? 0 : ON_TOP * (1 - slim));
      const node = svg("path", { class: slim < 0.5 ? `${name} slim` : name, "stroke-width": width.toFixed(2), "stroke-opacity": strokeOpacity(share, slim) });
      return { node, d: "" };
    }),
  );
  group.replaceChildren(...bundles.flat().map((bundle) => bundle.node));

  function paint(index, drawn, chosen) {
    const paths = bundles.map((side) => side.map(() => ""));
    for (const e of drawn.edges) {
      const [from, to] = edgeEnds(graph, index, e);
      const level = Math.min(CLASSES - 1, Math.floor(CLASSES * Math.sqrt(edgeValue(graph, index, e) / heaviest)));
      paths[from === chosen || to === chosen ? 1 : 0][level] += edgePath(places[from], places[to], layout).d;
    }
    bundles.forEach((side, s) => side.forEach((bundle, level) => {
      if (bundle.d === paths[s][level]) return;
      bundle.d = paths[s][level];
      bundle.node.setAttribute("d", bundle.d);
    }));
  }
  return { paint, raise: () => {}, slim };
}
