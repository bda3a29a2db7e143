/** How ways are marked: references and their labels, arrowheads, boundaries of stages, and the legend. */

import { LETTERS, beyond, referenceOf } from "./dynamics_model.mjs";
import { element, setClass, svg } from "./elements.mjs";
import { boundariesOf } from "./stages.mjs";
import { number, step as formatStep } from "./format.mjs";
import { placeAtStep } from "./dynamics_scale.mjs";

/** A shape of radius 1 for each reference. */
export const REFERENCE_SHAPES = ["M0-1.3 1.3 0 0 1.3-1.3 0Z", "M-1-1h2v2h-2Z", "M0-1.25 1.2.85h-2.4Z", "M-.4-1.2h.8v.8h.8v.8h-.8v.8h-.8v-.8h-.8v-.8h.8Z"];
/** A reference is hollow that lies farther off the plane than this share of what is drawn. */
const FAR = 0.1;
const ARROW = "M-3.5-3.5 3.5 0-3.5 3.5";
const BETWEEN = 64;
const CHARACTER = 6.1;

/** Return the references as they are drawn on some components: place, distance off, and whether that is far. */
export function referencesOn(ways, axes, bounds) {
  const most = Math.max(...bounds.map(([low, high]) => high - low));
  return ways.references.map((name, r) => {
    const off = beyond(ways.referenceScores, r, ways.referenceLeft[r], axes);
    return { name, off, far: off > FAR * most, at: referenceOf(ways, r, axes), shape: REFERENCE_SHAPES[r % REFERENCE_SHAPES.length] };
  });
}

/** Return arrowheads along a way, evenly in pixels: [x, y, degrees, index]. */
export function arrowheads(points) {
  const found = [];
  let walked = BETWEEN / 2;
  for (let k = 1; k < points.length; k++) {
    const [[, a], [index, b]] = [points[k - 1], points[k]];
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    walked += length;
    if (walked < BETWEEN || length < 3) continue;
    walked = 0;
    found.push([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (180 / Math.PI) * Math.atan2(b[1] - a[1], b[0] - a[0]), index]);
  }
  return found;
}

/** Return an arrowhead as an element. */
export function arrow([x, y, degrees]) {
  return svg("path", { class: "way-arrow", d: ARROW, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${degrees.toFixed(0)})` });
}

/** Return where the boundaries of stages that are shown lie on a run's way. */
export function boundariesOn(model, run, axes) {
  return boundariesOf(model).map((b) => ({ ...b, at: placeAtStep(run, b.step, axes) })).filter(({ at }) => at);
}

/** Return a label's box beside a point, where it hides least: boxes of labels before it, and points. */
export function placeLabel(x, y, text, taken, points, width, height, away = 9) {
  const wide = text.length * CHARACTER;
  const places = [[away, 4, "start"], [-away, 4, "end"], [0, -away - 2, "middle"], [0, away + 11, "middle"], [away, -away, "start"], [-away, -away, "end"], [away, away + 10, "start"], [-away, away + 10, "end"]];
  let [best, least] = [null, Infinity];
  for (const [dx, dy, anchor] of places) {
    const left = x + dx - (anchor === "end" ? wide : anchor === "middle" ? wide / 2 : 0);
    const box = [left, y + dy - 10, left + wide, y + dy + 3];
    const outside = Math.max(0, -box[0]) + Math.max(0, box[2] - width) + Math.max(0, 4 - box[1]) + Math.max(0, box[3] - height);
    const hidden = taken.filter((other) => overlap(box, other)).length;
    const covered = points.filter(([px, py]) => px > box[0] && px < box[2] && py > box[1] && py < box[3]).length;
    const cost = 20 * outside + 50 * hidden + covered;
    if (cost < least) [best, least] = [{ x: x + dx, y: y + dy, anchor, box }, cost];
  }
  taken.push(best.box);
  return best;
}

function overlap(a, b) {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

/** Return the legend of a drawing of ways. */
export function legendOf(model, references) {
  const { ways } = model.state;
  const { steps } = ways.runs[0];
  const line = (r) => svg("svg", { class: `way-key beside-${r}`, viewBox: "0 0 28 8", "aria-hidden": "true" }, svg("path", { d: "M1 4h26" }));
  const mark = (kind, d) => svg("svg", { class: "way-sign", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, svg("path", { class: kind, d, transform: "scale(4)" }));
  const key = (...children) => element("span", { class: "key" }, ...children);
  const time = key(element("span", { text: `step ${formatStep(steps[0])}` }), element("i", { class: "way-ramp" }), element("span", { text: formatStep(steps.at(-1)) }));
  const others = ways.runs.slice(1).map((run, k) => key(line(k + 1), element("span", { text: `${LETTERS[k + 1]} ${run.name}` })));
  const far = references.some((reference) => reference.far);
  const boundaries = boundariesOf(model).length > 0;
  const ring = svg("svg", { class: "way-sign", viewBox: "-6 -6 12 12", "aria-hidden": "true" }, svg("circle", { class: "way-boundary", r: 4.5 }));
  const node = element("div", { class: "way-legend" }, time, ...others, key(mark("way-reference", REFERENCE_SHAPES[0]), element("span", { text: "reference" })),
    ...(far ? [key(mark("way-reference far", REFERENCE_SHAPES[0]), element("span", { text: "far off the plane" }))] : []),
    ...(boundaries ? [key(ring, element("span", { text: "stage boundary" }))] : []));
  setClass(node, "joint", others.length > 0);
  return node;
}

/** Return what a label says of a reference: its name, and how far off it lies. */
export function referenceLabel({ name, off }, places) {
  return [name, `${number(off, places)} off`];
}
