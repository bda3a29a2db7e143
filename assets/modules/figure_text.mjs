/** The text of a page as text of a drawing: line by line, where the browser has set it. */

import { attributes, escaped, painting, short } from "./figure_colour.mjs";

const MORE = "…";
const TURN = { "vertical-rl": 90, "vertical-lr": 90, "sideways-rl": 90, "sideways-lr": -90 };
let ruler = null;

/** Return the font of a computed style as canvases take it. */
export function fontOf(style) {
  return `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
}

/** Return how wide `text` is in a font, and how far it reaches above and below its line. */
export function measured(text, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  if (ruler.font !== font) ruler.font = font;
  const found = ruler.measureText(text);
  return { width: found.width, ascent: found.fontBoundingBoxAscent, descent: found.fontBoundingBoxDescent };
}

/** Return the longest beginning of `text` that with an ellipsis is at most so wide. */
export function shortened(text, font, width) {
  if (measured(text, font).width <= width + 0.5) return text;
  let [fits, most] = [0, text.length];
  while (fits < most) {
    const middle = (fits + most + 1) >> 1;
    if (measured(text.slice(0, middle).trimEnd() + MORE, font).width <= width) fits = middle;
    else most = middle - 1;
  }
  return fits ? text.slice(0, fits).trimEnd() + MORE : "";
}

/** Return the attributes by which text looks as a computed style says. */
export function lettering(style) {
  return (
    attributes({
      "font-family": style.fontFamily.replaceAll('"', "'"),
      "font-size": parseFloat(style.fontSize),
      "font-weight": style.fontWeight === "400" ? null : style.fontWeight,
      "font-style": style.fontStyle === "normal" ? null : style.fontStyle,
      "letter-spacing": style.letterSpacing === "normal" ? null : parseFloat(style.letterSpacing),
      "text-decoration": style.textDecorationLine === "none" ? null : style.textDecorationLine,
    }) + painting("fill", style.color)
  );
}

/** Return the drawing of a text node of an element of that style; `at` is what figure_tree.mjs hands down. */
export function drawText(node, style, at) {
  const data = node.data;
  const start = data.length - data.trimStart().length;
  const end = data.trimEnd().length;
  if (end <= start) return "";
  return linesOf(node, start, end).map(([text, box]) => drawLine(cased(text, style), box, style, at)).join("");
}

/** Return the lines that a text node is set in, each with its box. */
function linesOf(node, start, end) {
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, end);
  const boxes = range.getClientRects();
  const whole = node.data.slice(start, end).replace(/\s+/g, " ");
  if (boxes.length < 2) return boxes.length ? [[whole, boxes[0]]] : [];
  const lines = [];
  for (const match of node.data.slice(start, end).matchAll(/\S+/g)) {
    range.setStart(node, start + match.index);
    range.setEnd(node, start + match.index + match[0].length);
    for (const box of range.getClientRects()) {
      const last = lines.at(-1);
      // A word that is broken over lines stands on the first of them.
      if (last && Math.abs(last.top - box.top) < 2) Object.assign(last, { text: last.word === match.index ? last.text : `${last.text} ${match[0]}`, right: box.right, word: match.index });
      else if (!lines.some((line) => line.word === match.index)) lines.push({ text: match[0], left: box.left, top: box.top, right: box.right, height: box.height, word: match.index });
    }
  }
  return lines.map((line) => [line.text, { left: line.left, top: line.top, right: line.right, bottom: line.top + line.height, width: line.right - line.left, height: line.height }]);
}

function cased(text, style) {
  if (style.textTransform === "uppercase") return text.toUpperCase();
  return style.textTransform === "capitalize" ? text.replace(/\b\w/g, (letter) => letter.toUpperCase()) : text;
}

function drawLine(text, box, style, at) {
  if (!box.width || !box.height || outside(box, at.clip)) return "";
  const font = fontOf(style);
  const { ascent, descent } = measured("x", font);
  const turn = at.turn + (TURN[style.writingMode] ?? 0);
  if (turn % 360) return turned(text, box, turn, { ascent, descent }, style, at);
  let [shown, right] = [text, box.right];
  if (at.ellipsis && right > at.ellipsis + 0.5) {
    shown = shortened(text, font, at.ellipsis - box.left);
    right = box.left + measured(shown, font).width;
  }
  if (!shown) return "";
  const y = box.top - at.top + (box.height - ascent - descent) / 2 + ascent;
  const anchor = anchored(style);
  const x = { start: box.left, middle: (box.left + right) / 2, end: right }[anchor] - at.left;
  return `<text${attributes({ x, y, "text-anchor": anchor === "start" ? null : anchor, textLength: shown.length > 1 ? right - box.left : null, lengthAdjust: shown.length > 1 ? "spacingAndGlyphs" : null })}${lettering(style)}>${escaped(shown)}</text>`;
}

/** Return where text is held, so that another typeface than the browser's stays in line. */
function anchored(style) {
  if (/right|end/.test(style.textAlign)) return "end";
  return style.textAlign.includes("center") ? "middle" : "start";
}

function turned(text, box, turn, { ascent, descent }, style, at) {
  const [x, y] = [(box.left + box.right) / 2 - at.left, (box.top + box.bottom) / 2 - at.top];
  return `<text${attributes({ x: 0, y: (ascent - descent) / 2, "text-anchor": "middle", transform: `translate(${short(x)} ${short(y)}) rotate(${short(turn % 360)})` })}${lettering(style)}>${escaped(text)}</text>`;
}

/** Say whether nothing of a box can be seen. */
export function outside(box, clip) {
  return Boolean(clip) && (box.right <= clip.left + 0.5 || box.left >= clip.right - 0.5 || box.bottom <= clip.top + 0.5 || box.top >= clip.bottom - 0.5);
}

/** Return the drawing of a line of text in the middle of a field's box. */
export function drawField(text, box, style, at) {
  const font = fontOf(style);
  const [ascent, descent] = Object.values(measured("x", font)).slice(1).map(Math.round);
  const [left, right] = [box.left + parseFloat(style.paddingLeft), box.right - parseFloat(style.paddingRight)];
  const free = box.bottom - box.top - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom) - ascent - descent;
  const shown = shortened(text, font, Math.min(right, at.ellipsis || right) - left);
  const y = box.top - at.top + parseFloat(style.paddingTop) + Math.floor(free / 2) + ascent;
  const x = { start: left, middle: (left + right) / 2, end: right }[anchored(style)] - at.left;
  return `<text${attributes({ x, y, "text-anchor": anchored(style) === "start" ? null : anchored(style) })}${lettering(style)}>${escaped(shown)}</text>`;
}
