/** Curves on a plane over the time axis, with a dot on each at the step. */

import { decimals, largest, number } from "./format.mjs";
import { element, svg } from "./elements.mjs";
import { createPlane, stepAt, withInterval } from "./network_panel.mjs";

const MARGIN = 4;

/**
 * Return a drawing of lines `{name, kind, values, low, high}` of one unit: `node`, `ends` (the two
 * ends of its scale, which no step moves), `draw()` for another axis, `paint()` for another step.
 */
export function createCurves(model, signal, { label, unit, lines, from = null }) {
  const picture = svg("svg", { "aria-hidden": "true" });
  const dots = lines.map((line) => element("i", { class: `lane-dot ${line.kind}` }));
  const range = rangeOf(lines, from);
  const places = decimals(Math.max(...lines.map((line) => largest(line.values))));
  const describe = (i) => ({
    title: lines.length > 1 ? label : lines[0].name,
    rows: lines.map((line) => [lines.length > 1 ? line.name : unit, withInterval(line.values[i], line.low?.[i], line.high?.[i], places)]),
    foot: stepAt(model, i),
  });
  const plane = createPlane(model, signal, { label, describe, draw }, picture, ...dots);
  const y = (v) => MARGIN + (plane.size.height - 2 * MARGIN) * (1 - (v - range.low) / (range.high - range.low));

  function draw() {
    if (!plane.size.width) return;
    const x = (i) => model.axis.fraction(i) * plane.size.width;
    picture.replaceChildren(...lines.flatMap((line) => [
      ...(line.low ? [svg("path", { class: `curve-band ${line.kind}`, d: bandOf(line, x, y) })] : []),
      svg("path", { class: `curve ${line.kind}`, d: lineOf(line.values, x, y) }),
    ]));
    paintDots();
  }
  function paint() {
    plane.paint();
    paintDots();
  }
  function paintDots() {
    const x = model.axis.fraction(model.state.index);
    lines.forEach(({ values }, k) => {
      const v = values[model.state.index];
      const seen = Number.isFinite(v) && x >= -0.001 && x <= 1.001;
      dots[k].style.display = seen ? "" : "none";
      if (seen) dots[k].style.transform = `translate(${(x * plane.size.width).toFixed(1)}px,${y(v).toFixed(1)}px)`;
    });
  }
  const ends = element("span", { class: "curve-ends", "aria-hidden": "true" }, ...[range.high, range.low].map((v) => element("span", { text: number(v, places) })));
  return { node: plane.node, ends, draw, paint, places };
}

function rangeOf(lines, from) {
  let [least, most] = [from ?? Infinity, -Infinity];
  for (const { values, low, high } of lines) {
    for (const v of [...values, ...(low ?? []), ...(high ?? [])]) {
      if (Number.isFinite(v)) [least, most] = [Math.min(least, v), Math.max(most, v)];
    }
  }
  if (most === -Infinity) return { low: 0, high: 1 };
  return most > least ? { low: least, high: most } : { low: least - 0.5, high: least + 0.5 };
}

/** Return a path through the known values; a gap stays one. */
function lineOf(values, x, y) {
  let [d, pen] = ["", "M"];
  values.forEach((v, i) => {
    if (Number.isFinite(v)) d += `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = Number.isFinite(v) ? "L" : "M";
  });
  return d;
}

function bandOf({ low, high }, x, y) {
  const known = [...low.keys()].filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
  if (known.length < 2) return "";
  const there = known.map((i) => `${x(i).toFixed(1)} ${y(high[i]).toFixed(1)}`);
  const back = known.reverse().map((i) => `${x(i).toFixed(1)} ${y(low[i]).toFixed(1)}`);
  return `M${there.join("L")}L${back.join("L")}Z`;
}
