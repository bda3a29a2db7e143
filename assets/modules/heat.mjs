/** Colour for numbers: scales that belong to the whole run, cells on a canvas, and their legend. */

import { decimals, number } from "./format.mjs";
import { element } from "./elements.mjs";

const SHADES = 256;
const SKEWED = 8;
const SAMPLE = 20_000;
/** Tokens from the least to the most; a signed scale has 0 at the middle one. */
const RAMPS = { plain: ["hair", "accent", "ink"], signed: ["ink", "head", "hair", "failed", "ink"] };
const STOPS = { plain: [0, 0.66, 1.2], signed: [-0.55, 0.12, 0.5, 0.88, 1.55] };

/** Return the colours of tokens as they are now: [red, green, blue], 0 to 255. */
export function tokens(...names) {
  const probe = element("i", { hidden: true });
  document.body.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  });
  probe.remove();
  return found;
}

/** Return a colour as canvases hold it: a number, little-endian, opaque. */
export function packed([red, green, blue]) {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

/**
 * Return the scale of all values of a run: `share(value)` from 0 to 1 and `valueAt(share)`.
 *
 * A `signed` scale reaches as far below 0 as above. One whose largest value dwarfs the middle one,
 * or that is told to (`root`), goes by the square root, so that small values can be told apart.
 */
export function scaleOf(values, { signed = false, root = null, low = null, high = null } = {}) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (least > most) [least, most] = [0, 1];
  const reach = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const from = signed ? -reach : (low ?? Math.min(least, least > 0 && least < 0.5 * most ? 0 : least));
  const to = signed ? reach : Math.max(high ?? most, from + 1e-9);
  const bent = !signed && (root ?? (from >= 0 && to / middle(values) > SKEWED));
  const share = (value) => Math.min(1, Math.max(0, (value - from) / (to - from)));
  return {
    low: from, high: to, signed, root: bent,
    share: bent ? (value) => Math.sqrt(share(value)) : share,
    valueAt: (s) => from + (bent ? s * s : s) * (to - from),
  };
}

/** Return the middle one of some of the values that are above 0. */
function middle(values) {
  const stride = Math.ceil(values.length / SAMPLE);
  const some = [];
  for (let i = 0; i < values.length; i += stride) if (values[i] > 0) some.push(values[i]);
  return some.sort((a, b) => a - b)[some.length >> 1] ?? 1;
}

/** Return the colours of a scale from its low to its high end, packed, in the scheme in force. */
export function shadesOf(scale) {
  const colourAt = rampOf(scale);
  return Uint32Array.from({ length: SHADES }, (_, i) => packed(colourAt(i / (SHADES - 1))));
}

/** Return the colour at each share of a scale, 0 to 1, in the scheme in force. */
export function rampOf({ signed }) {
  const kind = signed ? "signed" : "plain";
  const colours = tokens(...RAMPS[kind]);
  return (share) => between(colours, STOPS[kind], share);
}

/** Return the colour at a share of a ramp of colours that stand at `stops`. */
export function between(colours, stops, share) {
  const after = Math.max(1, stops.findIndex((s) => s >= share));
  const t = (share - stops[after - 1]) / (stops[after] - stops[after - 1]);
  return colours[after].map((c, k) => colours[after - 1][k] + t * (c - colours[after - 1][k]));
}

/** Return a function from a value to its packed colour; 0, which is clear, for none. */
export function shader(scale, shades) {
  return (value) => (Number.isFinite(value) ? shades[Math.round(scale.share(value) * (SHADES - 1))] : 0);
}

/**
 * Paint a canvas pixel by pixel. `columns` and `rows` name for each pixel the column and the row
 * of the table it shows, -1 for none; `shade(column, row)` is a packed colour.
 */
export function paintCells(canvas, columns, rows, shade) {
  const [width, height] = [columns.length, rows.length];
  if (!width || !height) return;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    if (y && rows[y] === rows[y - 1]) pixels.copyWithin(start, start - width, start);
    else if (rows[y] >= 0) paintRow(pixels, start, columns, rows[y], shade);
  }
  context.putImageData(image, 0, 0);
}

function paintRow(pixels, start, columns, row, shade) {
  for (let x = 0; x < columns.length; x++) {
    const again = x && columns[x] === columns[x - 1];
    pixels[start + x] = again ? pixels[start + x - 1] : columns[x] < 0 ? 0 : shade(columns[x], row);
  }
}

/** Return for each of `length` pixels along the time axis the checkpoint nearest to it. */
export function timeCells(axis, length) {
  return Int32Array.from({ length }, (_, x) => axis.nearest((x + 0.5) / length));
}

/** Return for each of `length` pixels which of `count` equal cells it lies in. */
export function evenCells(count, length) {
  return Int32Array.from({ length }, (_, y) => Math.floor(((y + 0.5) * count) / length));
}

/** Return how many device pixels a length in the page has. */
export function devicePixels(length) {
  return Math.max(1, Math.round(length * Math.min(devicePixelRatio, 2)));
}

/** Return a legend of a scale: its colours, the values at both ends and in the middle, its unit. */
export function legendOf(scale, unit, whole = false) {
  const bar = element("canvas", { class: "ramp", "aria-hidden": "true" });
  const shades = shadesOf(scale);
  paintCells(bar, Int32Array.from(shades.keys()), new Int32Array(1), (x) => shades[x]);
  const places = whole ? 0 : decimals(Math.max(Math.abs(scale.low), Math.abs(scale.high)));
  const marks = (whole ? [0, 1] : [0, 0.5, 1]).map((s) => element("span", { text: number(scale.valueAt(s), scale.low === 0 && s === 0 ? 0 : places) }));
  return element("div", { class: "scale" }, bar, element("div", { class: "scale-marks" }, ...marks),
    element("span", { class: "scale-unit", text: unit + (scale.root ? " · square-root scale" : "") }));
}
