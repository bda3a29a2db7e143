/** One behaviour over training: its curve or its bundle of curves, what it is compared with, and its value at the step. */

import { absence, failureAt } from "./coverage.mjs";
import { bandPath, linePath } from "./component_curves.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { findCurve } from "./payload.mjs";
import { headOf } from "./places.mjs";
import { hush, stepAt, tell } from "./network_panel.mjs";
import { decimals, largest, number, spread } from "./format.mjs";
import { rangeOf, textAt } from "./component_values.mjs";

const HEIGHT = 64;
const PAD = 4;
const MOST_TOLD = 16;
/** From here on numbers are written in thousands: their digits would have no room. */
const MANY = 1e5;

/** Return the cell: `node`, `plane`, `draw(width)` for another axis or selection, `paint(width, inside)` for another step. */
export function createCell(cell, model) {
  const { group } = cell.curves[0];
  const range = rangeOf(joined(cell));
  const places = decimals(Math.max(...cell.curves.map((curve) => Math.max(largest(curve.values), largest(curve.high)))));
  for (const curve of cell.curves) curve.places = places;
  const parts = {
    picture: svg("svg", { "aria-hidden": "true" }),
    dot: element("i", { class: `lane-dot ${group}` }),
    ownDot: element("i", { class: "lane-dot selected" }),
    value: element("span", { class: `value ${group}` }),
    error: element("span", { class: "error" }),
    beside: element("span", { class: "behaviour-beside" }),
  };
  const ends = [...range].reverse().map((v) => element("span", { text: shortened(v, v ? places : 0) }));
  const plane = element("div", { class: "multiple-plane", role: "img", "aria-label": `${cell.name} over training` },
    parts.picture, element("div", { class: "cursor" }), parts.dot, parts.ownDot, element("div", { class: "multiple-ends", "aria-hidden": "true" }, ...ends));
  const node = element("figure", { class: "multiple behaviour-cell", "data-curve": cell.id },
    element("figcaption", { title: `${cell.name}, ${cell.unit}; ${cell.settings}` },
      element("span", { class: "lane-name", text: cell.heading.name }),
      element("span", { class: "multiple-value" }, parts.value, parts.error),
      element("span", { class: "lane-unit", text: cell.heading.unit }), parts.beside),
    plane);
  const y = (v) => PAD + (HEIGHT - 2 * PAD) * (1 - (Math.min(range[1], Math.max(range[0], v)) - range[0]) / (range[1] - range[0]));
  let own = null;
  listen(plane, cell, model, () => own);

  function draw(width) {
    own = ownCurve(cell, model);
    setAttribute(parts.picture, "viewBox", `0 0 ${width} ${HEIGHT}`);
    const steps = model.payload.steps.length;
    const x = (i) => model.axis.fraction(i) * width;
    const line = (values, kind) => svg("path", { class: `multiple-line ${kind}`, d: linePath(values, steps, x, y) });
    parts.picture.replaceChildren(
      ...(cell.compare ? [svg("path", { class: "behaviour-compare", d: linePath(cell.compare.values, steps, x, y) })] : []),
      ...cell.curves.flatMap((curve) => [svg("path", { class: `multiple-band ${group}`, d: bandPath(curve, steps, x, y) }), line(curve.values, cell.bundle ? `${group} thin` : group)]),
      ...(own ? [line(own.values, "selected")] : []),
    );
  }

  function paint(width, inside) {
    const { index } = model.state;
    const x = model.axis.fraction(index) * width;
    const value = cell.bundle ? NaN : cell.curves[0].values[index];
    place(parts.dot, x, inside ? value : NaN);
    place(parts.ownDot, x, inside && own ? own.values[index] : NaN);
    const text = valueText(cell, index, places);
    const failure = text.value ? "" : failureAt(model, cell.kind);
    setText(parts.value, text.value || (failure ? "failed" : "not measured"));
    setClass(parts.value, "absent", !text.value);
    setAttribute(parts.value, "title", text.value ? "" : absence(model, cell.kind));
    setText(parts.error, text.error);
    setText(parts.beside, besideText(cell, own, index, places));
    setClass(parts.beside, "selected", Boolean(own));
  }

  function place(dot, x, value) {
    dot.style.display = Number.isFinite(value) ? "" : "none";
    if (Number.isFinite(value)) dot.style.transform = `translate(${x.toFixed(1)}px,${y(value).toFixed(1)}px)`;
  }
  return { node, plane, draw, paint };
}

/** Return all values that a cell's axis must hold as one curve; it is the same whatever is selected. */
function joined({ curves, compare, beside = [] }) {
  const all = (name) => curves.flatMap((curve) => [...curve[name]]);
  const lines = [...beside.flatMap((curve) => [...curve.values]), ...(compare?.values ?? [])];
  return { values: [...all("values"), ...lines], low: all("low"), high: all("high") };
}

/** Return the selected head's own curve of the cell's quantity, if there is one. */
function ownCurve({ id, bundle }, { payload, state }) {
  if (!state.component || bundle) return null;
  return findCurve(payload, state.graph, `${id}@${headOf(state.component)}`) ?? null;
}

/** Return a value with its interval; of a bundle, from the lowest to the highest. */
function valueText({ curves, bundle }, index, places) {
  if (!bundle) {
    const { values, low, high } = curves[0];
    if (!(Math.abs(values[index]) >= MANY)) return textAt(curves[0], index);
    return { value: shortened(values[index], places), error: Number.isFinite(low[index]) ? `± ${spread(low[index] / 1000, high[index] / 1000, 0)} k` : "" };
  }
  const values = curves.map((curve) => curve.values[index]).filter(Number.isFinite);
  if (!values.length) return { value: "", error: "" };
  return { value: `${number(Math.min(...values), places)} to ${number(Math.max(...values), places)}`, error: "" };
}

function shortened(value, places) {
  return Math.abs(value) >= MANY ? `${number(value / 1000, 0)} k` : number(value, places);
}

function besideText({ compare }, own, index, places) {
  if (own) return Number.isFinite(own.values[index]) ? `${own.name} ${number(own.values[index], places)}` : "";
  const value = compare?.values[index];
  return Number.isFinite(value) ? `${compare.label} ${number(value, Number.isInteger(value) ? 0 : places)}` : "";
}

/** A click goes to the nearest checkpoint; the pointer tells the numbers there, and how they were measured. */
function listen(plane, cell, model, ownNow) {
  const at = (event) => {
    const box = plane.getBoundingClientRect();
    return model.axis.nearest((event.clientX - box.left) / box.width);
  };
  plane.addEventListener("click", (event) => model.go(at(event)));
  plane.addEventListener("pointerleave", hush);
  plane.addEventListener("pointermove", (event) => {
    const index = at(event);
    const told = (curve) => {
      const { value, error } = textAt(curve, index);
      return value ? [value, error].filter(Boolean).join(" ") : "not measured";
    };
    const rows = cell.bundle ? cell.curves.slice(0, MOST_TOLD).map((curve) => [curve.name.split(":")[0], told(curve)]) : [[cell.unit.split(", ±")[0], told(cell.curves[0])]];
    const own = ownNow();
    if (own) rows.push([own.name, told(own)]);
    const { compare } = cell;
    if (compare) rows.push([compare.label, number(compare.values[index], Number.isInteger(compare.values[index]) ? 0 : cell.curves[0].places)]);
    tell(model, event, { title: cell.name, rows, words: cell.settings, foot: stepAt(model, index) });
  });
}
