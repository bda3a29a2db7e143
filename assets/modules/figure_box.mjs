/** The boxes of a page as shapes: backgrounds, hatching, ramps of colour, borders, round corners. */

import { attributes, colourOf, painting, short } from "./figure_colour.mjs";

const SIDES = ["Top", "Right", "Bottom", "Left"];

/** Return the drawing of an element's own box, without what is in it. */
export function drawBox(node, style, at) {
  const box = node.getBoundingClientRect();
  const turn = at.turn % 90 ? at.turn : 0;
  let place = { x: box.left - at.left, y: box.top - at.top, width: box.width, height: box.height };
  let transform = null;
  if (turn) {
    // A turned box: its own size about the middle of the room it takes.
    const [x, y] = [place.x + place.width / 2, place.y + place.height / 2];
    const scale = at.scale;
    const [width, height] = [node.offsetWidth * scale, node.offsetHeight * scale];
    place = { x: x - width / 2, y: y - height / 2, width, height };
    transform = `rotate(${short(turn)} ${short(x)} ${short(y)})`;
  }
  return drawnBox(place, style, at, transform);
}

/** Return the drawing of a box at a place. */
function drawnBox(place, style, at, transform = null) {
  if (place.width <= 0 || place.height <= 0) return "";
  const radius = cornerOf(style, place);
  const shape = { ...place, rx: radius || null, transform };
  const parts = [];
  if (colourOf(style.backgroundColor)[1] > 0.001) parts.push(`<rect${attributes(shape)}${painting("fill", style.backgroundColor)}/>`);
  if (style.backgroundImage !== "none") parts.push(...images(style).map((image) => drawImage(image, shape, at)));
  return parts.join("") + drawBorders(place, style, radius, transform);
}

function cornerOf(style, { width, height }) {
  const text = style.borderTopLeftRadius.split(" ")[0];
  const radius = text.endsWith("%") ? (parseFloat(text) / 100) * Math.min(width, height) : parseFloat(text);
  return Math.min(radius || 0, Math.min(width, height) / 2);
}

function drawBorders(place, style, radius, transform) {
  const sides = SIDES.map((side) => ({
    side,
    width: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]),
    colour: style[`border${side}Color`],
    kind: style[`border${side}Style`],
  }));
  const shown = sides.filter(({ width, colour }) => width > 0 && colourOf(colour)[1] > 0.001);
  if (!shown.length) return "";
  const [first] = shown;
  const alike = shown.length === 4 && shown.every((s) => s.width === first.width && s.colour === first.colour && s.kind === first.kind);
  if (!alike) return shown.map((side) => borderLine(place, side, transform)).join("");
  const half = first.width / 2;
  const inside = { x: place.x + half, y: place.y + half, width: Math.max(0, place.width - first.width), height: Math.max(0, place.height - first.width), rx: Math.max(0, radius - half) || null, transform };
  return `<rect${attributes({ ...inside, "stroke-width": first.width, "stroke-dasharray": dashes(first) })} fill="none"${painting("stroke", first.colour)}/>`;
}

function dashes({ kind, width }) {
  if (kind === "dashed") return `${short(3 * width)} ${short(2 * width)}`;
  return kind === "dotted" ? `${short(width)} ${short(2 * width)}` : null;
}

function borderLine({ x, y, width, height }, side, transform) {
  const half = side.width / 2;
  const ends = {
    Top: [x, y + half, x + width, y + half],
    Right: [x + width - half, y, x + width - half, y + height],
    Bottom: [x, y + height - half, x + width, y + height - half],
    Left: [x + half, y, x + half, y + height],
  }[side.side];
  const [x1, y1, x2, y2] = ends;
  return `<line${attributes({ x1, y1, x2, y2, "stroke-width": side.width, "stroke-dasharray": dashes(side), transform })}${painting("stroke", side.colour)}/>`;
}

/** Return the gradients of a background, the topmost last, each with the room that it takes. */
function images(style) {
  const split = (text) => text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const sizes = split(style.backgroundSize);
  const texts = [];
  let [depth, from] = [0, 0];
  const text = style.backgroundImage;
  for (let k = 0; k <= text.length; k++) {
    if (text[k] === "(") depth++;
    if (text[k] === ")") depth--;
    if (k === text.length || (text[k] === "," && depth === 0)) {
      texts.push(text.slice(from, k).trim());
      from = k + 1;
    }
  }
  return texts.map((t, k) => ({ ...parsed(t), size: sizes[k % sizes.length] })).filter((image) => image.stops).reverse();
}

/** Return a gradient's kind, direction, and stops: colour and place, in pixels or shares. */
function parsed(text) {
  const found = /^(repeating-)?linear-gradient\((.*)\)$/s.exec(text);
  if (!found) return {};
  const parts = found[2].split(/,(?![^(]*\))/).map((part) => part.trim());
  const directed = /^(-?[\d.]+deg|to )/.test(parts[0]);
  const direction = directed ? parts.shift().replace(/\s*in oklab/, "") : "180deg";
  const stops = parts.map((part) => {
    const [, colour, place = ""] = /^((?:[a-z-]+\([^)]*\)|#\w+|[a-z]+))\s*(.*)$/s.exec(part) ?? [];
    return { colour, places: place.match(/calc\([^)]*\)|[\d.]+(?:px|%)/g) ?? [] };
  });
  return { repeating: Boolean(found[1]), direction, stops };
}

function drawImage({ repeating, direction, stops, size }, shape, at) {
  if (repeating) return hatched(direction, stops, shape, at);
  if (/^to (top|bottom|left|right) (right|left|top|bottom)/.test(direction)) return diagonal(direction, stops, shape);
  const colours = stops.map(({ colour }) => colour);
  if (new Set(colours).size === 1) return bar(colours[0], size, shape);
  const id = at.define((name) => `<linearGradient id="${name}"${/^(90deg|to right)/.test(direction) ? "" : ' x2="0" y2="1"'}>${stops.map(({ colour }, k) => ramp(colour, k / (stops.length - 1))).join("")}</linearGradient>`);
  return `<rect${attributes(shape)} fill="url(#${id})"/>`;
}

function ramp(colour, offset) {
  const [shown, alpha] = colourOf(colour);
  return `<stop${attributes({ offset, "stop-color": shown, "stop-opacity": alpha < 1 ? alpha : null })}/>`;
}

/** A bar of one colour in the middle of a box. */
function bar(colour, size, { x, y, width, height }) {
  const [, tall] = size.split(" ").map(parseFloat);
  const thick = size.includes("px") ? tall : height;
  return `<rect${attributes({ x, y: y + (height - thick) / 2, width, height: thick })}${painting("fill", colour)}/>`;
}

/** A line from corner to corner. */
function diagonal(direction, stops, { x, y, width, height }) {
  const line = stops.find(({ colour }) => colourOf(colour)[1] > 0.001);
  if (!line) return "";
  // The line of a colour runs across the direction in which colours change.
  const down = /top/.test(direction) === /right/.test(direction);
  return `<line${attributes({ x1: x, y1: down ? y : y + height, x2: x + width, y2: down ? y + height : y, "stroke-width": 1.2 })}${painting("stroke", line.colour)}/>`;
}

/** Lines of one width, again and again. */
function hatched(direction, stops, shape, at) {
  const places = stops.flatMap(({ places: found }) => found.map(parseFloat));
  const period = Math.max(...places);
  if (!(period > 0)) return "";
  const bands = stops.map(({ colour, places: found }, k) => {
    const [from, to] = found.length > 1 ? found.map(parseFloat) : [k ? parseFloat(stops[k - 1].places.at(-1) ?? 0) : 0, parseFloat(found[0] ?? period)];
    return { colour, from, to };
  }).filter(({ colour, from, to }) => to > from && colourOf(colour)[1] > 0.001);
  const angle = parseFloat(direction) + 90;
  const id = at.define((name) => `<pattern id="${name}" patternUnits="userSpaceOnUse" width="${short(period)}" height="${short(period)}" patternTransform="translate(${short(shape.x)} ${short(shape.y)}) rotate(${short(angle - 180)})">${bands.map(({ colour, from, to }) => `<rect${attributes({ x: from, y: 0, width: to - from, height: period })}${painting("fill", colour)}/>`).join("")}</pattern>`);
  return `<rect${attributes(shape)} fill="url(#${id})"/>`;
}

/** Return the drawing of what a style sheet puts before or after an element's own, if it has a place. */
export function drawPseudo(node, which, at) {
  const style = getComputedStyle(node, which);
  if (style.content === "none" || style.content === "normal" || style.position !== "absolute" || style.display === "none") return "";
  const box = node.getBoundingClientRect();
  const [width, height] = [parseFloat(style.width) || 0, parseFloat(style.height) || 0];
  const edge = (side) => parseFloat(style[`border${side}Width`]) || 0;
  const around = style.boxSizing === "border-box" ? [0, 0] : [edge("Left") + edge("Right"), edge("Top") + edge("Bottom")];
  const place = {
    x: box.left + node.clientLeft + (parseFloat(style.left) || 0) - at.left,
    y: box.top + node.clientTop + (parseFloat(style.top) || 0) - at.top,
    width: width + around[0],
    height: height + around[1],
  };
  const seen = SIDES.filter((side) => edge(side) > 0 && colourOf(style[`border${side}Color`])[1] > 0.001);
  if (seen.length === 2 && seen.length < SIDES.filter((side) => edge(side) > 0).length) return corner(place, style.borderBottomColor);
  return drawnBox(place, style, at);
}

/** The lower left half of a box, which style sheets make of borders. */
function corner({ x, y, width, height }, colour) {
  return `<path d="M${short(x)} ${short(y)}V${short(y + height)}H${short(x + width)}Z"${painting("fill", colour)}/>`;
}
