/** The rows of pictures that have one for each component: their order by layer, names, selection. */

import { element, setClass } from "./elements.mjs";
import { headOf, parse } from "./places.mjs";
import { placeOf } from "./payload.mjs";

const [ROW, MOST, LABEL] = [15, 480, 11];

/**
 * Return rows for the components of the chosen graph, input first: `order` names the component of
 * each row, `labels` is what stands beside them, `at(share)` the component at a share of the height.
 */
export function createRows(model, plane, canvas) {
  const labels = element("div", { class: "gutter row-labels" });
  const mark = element("div", { class: "row-mark", hidden: true });
  plane.node.append(mark);
  const rows = { labels, order: [], at, rebuild, paint };

  function at(share) {
    const row = Math.floor(share * rows.order.length);
    return rows.order[row] ?? -1;
  }

  function rebuild() {
    const components = model.payload.graphs[model.state.graph]?.components ?? [];
    rows.order = layerwise(components);
    const height = Math.max(1, Math.min(ROW * components.length, MOST));
    plane.node.style.height = `${height}px`;
    canvas.style.height = "100%";
    labels.replaceChildren(...(height / components.length >= LABEL ? componentLabels(components) : layerLabels(components, height)));
  }

  function componentLabels(components) {
    return rows.order.map((c) => {
      const { name, kind } = components[c];
      const button = element("button", { type: "button", class: "row-label", "data-component": name, onclick: () => model.toggle(name) }, element("span", { text: name }), element("i", { class: `dot ${kind}` }));
      return button;
    });
  }

  /** Of rows that are too low for names, the layers are named where each begins. */
  function layerLabels(components, height) {
    const seen = new Set();
    let last = -Infinity;
    return rows.order.flatMap((c, row) => {
      const name = layerName(components[c].name);
      const top = (row * height) / rows.order.length;
      if (seen.has(name) || top - last < LABEL) return [];
      seen.add(name);
      last = top;
      const label = element("span", { class: "row-layer", text: name });
      label.style.top = `${top}px`;
      return [label];
    });
  }

  function paint() {
    const chosen = placeOf(model.payload.graphs[model.state.graph], model.state.component);
    const row = rows.order.indexOf(chosen);
    mark.hidden = row < 0;
    if (row >= 0) {
      mark.style.top = `${(100 * row) / rows.order.length}%`;
      mark.style.height = `${100 / rows.order.length}%`;
    }
    for (const label of labels.children) setClass(label, "selected", label.dataset.component === model.state.component);
  }
  return rows;
}

/** Return the indices of components by layer, in their order within one; the output last. */
export function layerwise(components) {
  const layer = components.map(({ name }) => (name === "LOGITS" ? Infinity : parse(name).layer));
  return [...components.keys()].sort((a, b) => (layer[a] === layer[b] ? a - b : layer[a] < layer[b] ? -1 : 1));
}

/** Return what the layer of a component is called. */
export function layerName(name) {
  const { layer } = parse(name);
  return layer < 0 ? headOf(name) : `layer ${layer}`;
}
