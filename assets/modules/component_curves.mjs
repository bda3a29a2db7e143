/** Everything measured of one component over training: small multiples on the page's time axis. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { curvesOfComponent, placesOf, rangeOf, textAt } from "./component_values.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";
import { number, step as formatStep } from "./format.mjs";
import { absence } from "./coverage.mjs";
import { createBands } from "./stage_bands.mjs";
import { believed, verdictMarks } from "./refined_marks.mjs";

const HEIGHT = 64;
const PAD = 4;

/** Build the panel and return its `update(model, changed)`. */
export function createCurves(model, signal) {
  const head = buildHead(model);
  const grid = byId("component-curves");
  let cells = [];
  let width = 0;

  const sizes = new ResizeObserver(() => {
    const wide = cells[0]?.plane.clientWidth ?? 0;
    if (wide && wide !== width) redraw();
  });
  sizes.observe(grid);
  signal.addEventListener("abort", () => sizes.disconnect());
  const point = (index) => {
    for (const cell of cells) paintGhost(cell, model, index, width);
  };

  function rebuild() {
    cells = curvesOfComponent(model).map((curve) => buildCell(curve, model, point));
    grid.replaceChildren(...cells.map((cell) => cell.node));
  }

  function redraw() {
    width = cells[0]?.plane.clientWidth ?? 0;
    for (const cell of cells) drawCurve(cell, model, width);
    paint();
  }

  function paint() {
    for (const cell of cells) paintCell(cell, model, width);
  }

  function update(_, changed) {
    const other = ["payload", "graph", "component"].some((name) => changed.has(name));
    if (other) rebuild();
    if (other || changed.has("axis") || changed.has("zoom")) redraw();
    else paint();
    paintHead(head, model);
  }
  return { update };
}

function buildHead(model) {
  const ends = element("span", { class: "quiet" });
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  byId("component-curves-head").replaceChildren(
    element("h2", { text: "Over training" }), element("span", { class: "panel-step", "data-step": "curves" }), ends,
    element("span", { class: "panel-fact" }, reset, kinds.node),
  );
  return { ends, reset, kinds };
}

function paintHead({ ends, reset, kinds }, { axis, payload, state }) {
  const [first, last] = axis.window().map((i) => formatStep(payload.steps[i] ?? 0));
  setText(ends, `each from step ${first} to ${last}`);
  reset.hidden = !state.zoom;
  kinds.paint();
}

function buildCell(curve, model, point) {
  const cell = {
    curve,
    range: rangeOf(curve),
    picture: svg("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }),
    cursor: element("div", { class: "cursor" }),
    ghost: element("div", { class: "ghost", hidden: true }),
    dot: element("i", { class: `lane-dot ${curve.group}` }),
    value: element("span", { class: `value ${curve.group}` }),
    error: element("span", { class: "error" }),
  };
  const ends = cell.range ? [...cell.range].reverse().map((v) => element("span", { text: number(v, placesOf(curve)) })) : [];
  cell.plane = element("div", { class: "multiple-plane", role: "img", "aria-label": `${curve.name} over training` }, createBands(model), cell.picture, cell.ghost, cell.cursor, cell.dot, element("div", { class: "multiple-ends", "aria-hidden": "true" }, ...ends));
  if (!cell.range) cell.plane.append(element("div", { class: "multiple-none" }, element("span", { text: "not computed" })));
  cell.node = element(
    "figure", { class: "multiple", "data-curve": curve.id },
    element("figcaption", { title: `${curve.name}${curve.unit && `, ${curve.unit}`}; ${curve.settings}` },
      element("span", { class: "lane-name", text: curve.name }),
      element("span", { class: "multiple-value" }, cell.value, cell.error),
      element("span", { class: "lane-unit", text: curve.unit || curve.settings })),
    cell.plane,
  );
  listen(cell, model, point);
  return cell;
}

/** A click goes to the nearest checkpoint; the pointer tells the number there, in all curves the place. */
function listen({ plane, curve }, model, point) {
  const indexAt = (event) => {
    const box = plane.getBoundingClientRect();
    return model.axis.nearest((event.clientX - box.left) / box.width);
  };
  plane.addEventListener("click", (event) => model.go(indexAt(event)));
  plane.addEventListener("pointermove", (event) => {
    const index = indexAt(event);
    point(index);
    const { value, error } = textAt(curve, index);
    const told = value ? [value, error].filter(Boolean).join(" ") : "not computed";
    showTooltip(event.clientX, event.clientY, { title: curve.name, rows: [[curve.unit || "value", told]], foot: `step ${formatStep(model.payload.steps[index])} · ${curve.settings}` });
  });
  plane.addEventListener("pointerleave", () => (point(null), hideTooltip()));
}

function drawCurve({ curve, range, picture }, { axis, payload }, width) {
  setAttribute(picture, "viewBox", `0 0 ${width} ${HEIGHT}`);
  if (!range || !width) return picture.replaceChildren();
  const x = (i) => axis.fraction(i) * width;
  const y = heightOf(range);
  const steps = payload.steps.length;
  const shown = believed(curve);
  const zero = curve.signed ? [svg("line", { class: "multiple-zero", x1: 0, x2: width, y1: y(0), y2: y(0) })] : [];
  return picture.replaceChildren(
    ...zero,
    svg("path", { class: `multiple-band ${curve.group}`, d: bandPath(shown, steps, x, y) }),
    svg("path", { class: `multiple-line ${curve.group}`, d: linePath(shown.values, steps, x, y) }),
    ...verdictMarks(curve, x, y, range),
  );
}

function heightOf([low, high]) {
  return (value) => PAD + (HEIGHT - 2 * PAD) * (1 - (value - low) / (high - low));
}

/** Return the line through the known values: a gap stays a gap, a value alone is a point. */
export function linePath(values, steps, x, y) {
  let path = "";
  for (let i = 0; i < steps; i++) {
    if (!Number.isFinite(values[i])) continue;
    const begins = !Number.isFinite(values[i - 1]);
    const alone = begins && !Number.isFinite(values[i + 1]);
    path += `${begins ? "M" : "L"}${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}${alone ? "h0" : ""}`;
  }
  return path;
}

/** Return the area between both ends of the intervals, one piece for each stretch without a gap. */
export function bandPath({ low, high }, steps, x, y) {
  let path = "";
  for (let i = 0; i < steps; i++) {
    if (!known(low, high, i)) continue;
    let end = i;
    while (end + 1 < steps && known(low, high, end + 1)) end++;
    const stretch = Array.from({ length: end - i + 1 }, (_, k) => i + k);
    const at = (table) => (k) => `${x(k).toFixed(1)} ${y(table[k]).toFixed(1)}`;
    path += `M${stretch.map(at(high)).join("L")}L${stretch.reverse().map(at(low)).join("L")}Z`;
    i = end;
  }
  return path;
}

function known(low, high, i) {
  return Number.isFinite(low[i]) && Number.isFinite(high[i]);
}

function paintCell(cell, model, width) {
  const { index } = model.state;
  const fraction = model.axis.fraction(index);
  const inside = fraction >= -0.001 && fraction <= 1.001;
  const x = (fraction * width).toFixed(1);
  cell.cursor.style.display = inside ? "" : "none";
  cell.cursor.style.transform = `translateX(${x}px)`;
  const value = cell.curve.values[index];
  cell.dot.style.display = inside && Number.isFinite(value) ? "" : "none";
  if (Number.isFinite(value)) cell.dot.style.transform = `translate(${x}px,${heightOf(cell.range)(value).toFixed(1)}px)`;
  const text = textAt(cell.curve, index);
  setText(cell.value, text.value || "not computed");
  setClass(cell.value, "absent", !text.value);
  setAttribute(cell.value, "title", text.value ? "" : absence(model, cell.curve.kind));
  setText(cell.error, text.error);
}

function paintGhost({ ghost }, model, index, width) {
  ghost.hidden = index === null;
  if (index !== null) ghost.style.transform = `translateX(${(model.axis.fraction(index) * width).toFixed(1)}px)`;
}
