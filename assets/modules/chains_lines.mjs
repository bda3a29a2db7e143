/** Two drawings of chains: their distance from the checkpoint, and how long they remember. */

import { chainClass, createDrawing, drawAxes, endsOf, pathOf, rowOf } from "./chains_frame.mjs";
import { anyOf, panelBody } from "./network_panel.mjs";
import { element, setClass, svg } from "./elements.mjs";

const LAGS = 40;

/** Build the panel of distances and return its `update(model, changed)`. */
export function createDistance(model, signal) {
  return createLines(model, signal, { id: "distance", title: "Distance from w*", fact: "axis of this step" }, (picture, width, height, { distance }) => {
    const ends = endsOf(distance);
    if (!ends) return picture.replaceChildren();
    const axes = drawAxes(picture, width, height, { x: [0, distance.shape[1] - 1 || 1], y: ends, xName: "draw, after burn-in", yName: "Euclidean, all weights" });
    return addLines(axes, distance, model.lit);
  });
}

/** Build the panel of autocorrelations and return its `update(model, changed)`. */
export function createAutocorrelation(model, signal) {
  return createLines(model, signal, { id: "autocorrelation", title: "Autocorrelation", fact: "axis fixed" }, (picture, width, height, { autocorrelation, draws }) => {
    const axes = drawAxes(picture, width, height, { x: [0, LAGS], y: [-0.5, 1], xName: "lag, draws", yName: "of nβ times the difference of losses" });
    const noise = 1.96 / Math.sqrt(draws.shape[1]);
    axes.layer.append(
      svg("rect", { class: "chain-noise", x: 0, y: axes.y(noise), width: axes.width, height: axes.y(-noise) - axes.y(noise) }),
      svg("line", { class: "chain-base", x1: 0, x2: axes.width, y1: axes.y(0), y2: axes.y(0) }),
    );
    return addLines(axes, autocorrelation, model.lit);
  });
}

function createLines(model, signal, { id, title, fact }, draw) {
  const body = panelBody(id, title, element("span", { class: "quiet", text: fact }));
  const drawing = createDrawing(signal, title, (picture, width, height) => model.view?.record && draw(picture, width, height, model.view.record));
  body.replaceChildren(drawing.node);
  let [drawn, lit] = [null, null];
  function update(_, changed) {
    const { record } = model.view;
    setClass(body, "stale", !record);
    if (!record || (record === drawn && lit === model.lit && !anyOf(changed, "scheme"))) return;
    [drawn, lit] = [record, model.lit];
    drawing.redraw();
  }
  return { update };
}

function addLines(axes, table, lit) {
  for (let i = 0; i < table.shape[0]; i++) {
    axes.layer.append(svg("path", { class: chainClass(i, lit), d: pathOf(rowOf(table, i), axes.x, axes.y, axes.width) }));
  }
}
