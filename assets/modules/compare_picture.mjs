/** One of the three pictures: components and edges as on the Development page, by the same layers. */

import { createEdges } from "./edge_layer.mjs";
import { createNodes } from "./node_layer.mjs";
import { placeComponents, layerStride } from "./places.mjs";
import { setAttribute, setClass, svg } from "./elements.mjs";
import { standingOut } from "./pins.mjs";
import { verdictOn } from "./compare_edges.mjs";

/** Edges that cannot be told from no change lie below, those that are heavier in B on top. */
const LAYERS = { a: ["edges"], b: ["edges"], difference: ["unsure", "lower", "higher"] };
const LABELS = { a: "Ablation graph at A", b: "Ablation graph at B", difference: "Difference of the two graphs" };

/** Return a picture: `lay(graph, width, height)`, `paint(..)` or `paintChanges(..)`, `raise(component)`, `clear()`, and `drawing`. */
export function createPicture(canvas, model, side) {
  const rows = svg("g", { class: "rows" });
  const groups = LAYERS[side].map((name) => svg("g", { class: `edges ${name}` }));
  const nodes = svg("g", { class: "nodes" });
  const node = svg("svg", { role: "group", "aria-label": LABELS[side] }, rows, ...groups, nodes);
  canvas.append(node);
  const picture = { node, drawing: null, lay, paint, paintChanges, raise, clear };

  function lay(graph, width, height) {
    picture.drawing = null;
    for (const group of [rows, ...groups, nodes]) group.replaceChildren();
    if (!graph) return;
    const layout = placeComponents(graph.components, graph.order, width, height);
    setAttribute(node, "viewBox", `0 0 ${width} ${height}`);
    setClass(node, "sparse", layout.labels === "none");
    rows.replaceChildren(...layerLines(layout, width));
    picture.drawing = { graph, layout, layers: groups.map((group) => createEdges(group, graph, layout)), nodes: createNodes(nodes, graph, layout, model) };
    raise();
  }

  function paint(index, drawn, metric, colour) {
    const { drawing } = picture;
    if (!drawing) return;
    drawing.layers[0].paint(index, drawn, drawing.out.edge, false);
    drawing.nodes.paint(index, metric, colour, null);
    node.style.display = "";
  }

  function paintChanges(changes, drawn, metric, rowsOfComponents) {
    const { drawing } = picture;
    if (!drawing) return;
    fill(drawing.graph, changes);
    const sorted = [[], [], []];
    for (const e of drawn.edges) sorted[layerOf(changes.change[e], changes.half[e])].push(e);
    sorted.forEach((edges, k) => drawing.layers[k].paint(0, { edges }, drawing.out.edge, false));
    drawing.nodes.paint(0, metric, signs(rowsOfComponents), null);
    node.style.display = "";
  }

  function raise() {
    const { drawing } = picture;
    if (!drawing) return;
    drawing.out = standingOut(drawing.graph, model.state);
    setClass(node, "has-selection", drawing.out.any);
    for (const layer of drawing.layers) layer.raise(drawing.out.edge);
    drawing.nodes.raise(drawing.out, []);
  }

  function clear() {
    node.style.display = "none";
  }
  return picture;
}

/** Put the sizes of changes where the layers read weights. */
function fill(graph, changes) {
  if (graph.table) return changes.change.forEach((change, e) => (graph.table.weight[e] = Math.abs(change)));
  const lists = { offsets: [0, changes.from.length], source: changes.from, target: changes.to, weight: changes.change.map(Math.abs) };
  return Object.assign(graph.lists, lists);
}

function layerOf(change, half) {
  const verdict = verdictOn(change, half);
  return verdict === 0 ? 0 : change < 0 ? 1 : 2;
}

/** Colours of components by the sign of their change; grey where it cannot be told. */
function signs(rows) {
  const colour = (change) => (!Number.isFinite(change?.value) || change.verdict === 0 ? "var(--io)" : change.value < 0 ? "var(--run-a)" : "var(--run-b)");
  return { fillOf: (i) => colour(rows[i]?.change), isDoubted: () => false };
}

function layerLines({ layers, row, box, room }, width) {
  const crowded = room < 24;
  const lines = [];
  for (let layer = 0; layer < layers; layer += crowded ? layerStride(row) : 1) {
    const y = box.bottom - (layer + 1) * row;
    lines.push(svg("line", { x1: box.narrow ? 0 : 72, x2: width, y1: y, y2: y, class: "layer-line" }));
    lines.push(svg("text", { x: 4, y: y + 4, text: box.narrow ? layer : `layer ${layer}`, class: "layer-name" }));
  }
  return lines;
}
