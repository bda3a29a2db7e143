/** The graph panel's other face, a matrix of all edges, and the whole page for either. */

import { anyOf } from "./network_panel.mjs";
import { buildMatrix, drawMatrix, edgeView, paintMatrix } from "./matrix_view.mjs";
import { byId, element, setAttribute, setClass, svg } from "./elements.mjs";

const LARGE = "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9";
const SMALL = "M13.5 6.5h-4v-4M2.5 9.5h4v4M9.5 6.5l4.5-4.5M6.5 9.5 2 14";

/** Add the matrix and its buttons to the graph's panel; return `update(model, changed)`. */
export function createGraphMatrix(parts, model, signal) {
  const face = (matrix, text) => element("button", { type: "button", "data-face": text, text, onclick: () => model.set({ matrix }) });
  let shown = null;
  const faces = [face(false, "graph"), face(true, "matrix")];
  const icon = svg("path");
  const large = element("button", { type: "button", class: "icon large", onclick: () => model.set({ large: !model.state.large }) }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, icon));
  byId("graph-head").append(element("span", { class: "segments", role: "group", "aria-label": "Drawn as" }, ...faces), large);
  const matrix = buildMatrix(model, signal, () => shown);
  const place = element("div", { class: "graph-matrix", hidden: true }, matrix.frame, matrix.foot);
  parts.canvas.insertBefore(place, parts.state);
  const observer = new ResizeObserver(() => shown && (drawMatrix(matrix, shown), paintMatrix(matrix, shown, model)));
  observer.observe(place);
  signal.addEventListener("abort", () => (observer.disconnect(), setClass(document.body, "one-panel", false)));

  function paintButtons({ matrix: on, large: whole }) {
    faces.forEach((button, i) => setAttribute(button, "aria-pressed", String(on === Boolean(i))));
    const words = whole ? "Back to the page" : "Fill the page with the graph";
    setAttribute(large, "aria-label", words);
    setAttribute(large, "title", `${words} (F)`);
    setAttribute(icon, "d", whole ? SMALL : LARGE);
    setClass(document.body, "one-panel", whole);
    setClass(parts.canvas, "as-matrix", on);
    setClass(byId("graph-tools"), "as-matrix", on);
    place.hidden = !on;
  }
  function update({ state, payload }, changed) {
    if (anyOf(changed, "payload", "graph", "matrix", "large")) paintButtons(state);
    if (!state.matrix) return (shown = null);
    const graph = payload.graphs[state.graph];
    if (!shown || anyOf(changed, "payload", "graph", "scheme", "compact")) {
      shown = graph ? edgeView(graph) : null;
      if (shown) drawMatrix(matrix, shown);
    }
    if (shown) paintMatrix(matrix, shown, model);
    return shown;
  }
  return { update };
}
