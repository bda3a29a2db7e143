/** Over the time axis: the components beside what a random walk would show, distances to references, and speed. */

import { OVER_TIME, axesOf, placesOf } from "./dynamics_model.mjs";
import { anyOf, panelBody } from "./network_panel.mjs";
import { element, setText, svg } from "./elements.mjs";
import { REFERENCE_SHAPES } from "./dynamics_marks.mjs";
import { createCurves } from "./network_curves.mjs";
import { number } from "./format.mjs";

/** Build the panel of components and return its `update(model, changed)`. */
export function createComponents(model, signal) {
  const body = panelBody("components", "Components over time", element("span", { text: "share of the variance, beside a random walk’s" }));
  const words = element("p", { class: "dynamics-words" });
  return rowsOf(model, signal, body, words, (ways) => {
    const width = ways.runs[0].scores.shape[1];
    setText(words, ways.words);
    return Array.from({ length: Math.min(OVER_TIME, axesOf(ways)) }, (_, k) => ({
      name: `PC${k + 1}`,
      unit: `${number(100 * ways.explained[k], 1)} %, walk ${number(100 * ways.walk[k], 1)} %`,
      bar: [ways.explained[k], ways.walk[k]],
      lines: [{ name: `PC${k + 1}`, kind: "way", values: columnOf(ways.runs[0].scores, k, width) }],
    }));
  });
}

/** Build the panel of distances and speed and return its `update(model, changed)`. */
export function createDistances(model, signal) {
  const body = panelBody("distances", "Distances and speed");
  return rowsOf(model, signal, body, element("p", { class: "dynamics-words", text: "Distances to references are exact, whatever the axes leave out. Speed is the distance from the measured checkpoint before, for each unit of ln(1 + step)." }), (ways) => {
    const run = ways.runs[0];
    const lines = ways.references.map((name, r) => ({ name, kind: `to-${r}`, r, values: columnOf(run.distances, r, ways.references.length) }));
    return [
      ...(lines.length ? [{ name: "distance to references", unit: ways.unit, tall: true, from: 0, lines }] : []),
      { name: "speed", unit: `${ways.unit} for each unit of ln(1 + step)`, from: 0, lines: [{ name: "speed", kind: "way", values: run.speed }] },
    ];
  });
}

function columnOf(table, k, width) {
  return Float32Array.from({ length: table.length / width }, (_, i) => table[i * width + k]);
}

/** Fill a body with rows over the time axis, that `make(ways)` names, and words below; return `update`. */
function rowsOf(model, signal, body, words, make) {
  let rows = [];

  function rebuild() {
    const { ways } = model.state;
    rows = ways ? make(ways).map((row) => createRow(model, signal, row)) : [];
    body.replaceChildren(...rows.map((row) => row.node), ...(ways ? [words] : []));
  }
  function update(_, changed) {
    if (changed.has("ways")) rebuild();
    if (anyOf(changed, "axis", "zoom", "payload")) for (const row of rows) row.draw();
    for (const row of rows) row.paint();
  }
  return { update };
}

/** A quantity over time: its name, unit and values at the step at the left, its curves over the slider. */
function createRow(model, signal, { name, unit, bar, lines, tall, from = null }) {
  const curves = createCurves(model, signal, { label: name, unit, lines, from });
  const values = lines.map(() => element("span", { class: "value" }));
  const places = placesOf(model.state.ways);
  const named = lines.map((line, k) => element("span", { class: "dynamics-reading" }, ...(lines.length > 1 ? [keyOf(line), element("span", { class: "reading-name", text: line.name })] : []), values[k]));
  const gutter = element("div", { class: "gutter" }, element("strong", { text: name }), element("span", { class: "lane-unit", text: unit }), ...named, ...(bar ? [barOf(bar)] : []), curves.ends);
  const node = element("div", { class: tall ? "time-row dynamics-row tall" : "time-row dynamics-row", "data-row": name }, gutter, curves.node);
  return {
    node,
    draw: curves.draw,
    paint() {
      curves.paint();
      lines.forEach((line, k) => {
        const v = line.values[model.state.index];
        setText(values[k], Number.isFinite(v) ? number(v, places) : "not measured");
      });
    },
  };
}

function keyOf({ kind, r }) {
  return svg("svg", { class: "way-key", viewBox: "0 0 28 10", "aria-hidden": "true" }, svg("path", { class: `curve ${kind}`, d: "M1 5h26" }), svg("path", { class: `reading-sign ${kind}`, d: REFERENCE_SHAPES[r % REFERENCE_SHAPES.length], transform: "translate(14 5) scale(3)" }));
}

/** The share of the variance as a bar, with a tick where a random walk's would end. */
function barOf([share, walk]) {
  const place = (v) => `${(100 * v).toFixed(1)}%`;
  return svg("svg", { class: "share-bar", "aria-hidden": "true" }, svg("rect", { class: "share-all", width: "100%", height: 4, y: 2, rx: 2 }), svg("rect", { class: "share-own", width: place(share), height: 4, y: 2, rx: 2 }), svg("line", { class: "share-walk", x1: place(walk), x2: place(walk), y1: 0, y2: 8 }));
}
