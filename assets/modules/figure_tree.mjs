/** A part of the page as shapes and text, in the order in which the browser paints them. */

import { attributes, short } from "./figure_colour.mjs";
import { drawBox, drawPseudo } from "./figure_box.mjs";
import { drawCanvas } from "./figure_canvas.mjs";
import { drawSvg } from "./figure_shapes.mjs";
import { drawField, drawText, outside } from "./figure_text.mjs";

/** What a page has for its reader's hand, and what is said only: no part of a picture. */
const LEFT_OUT = "details, summary, dialog, .icon, .segments, .action, .tooltip, .spoken, .ghost, .zoom-box, .command, .open-component, .component-title select, [data-figure=out], input[type=range], input[type=checkbox], input[type=radio], input[type=file], script, style, template, iframe";

/**
 * Return what is needed to draw a part of the page whose upper left corner is at `left`, `top`:
 * `define(make)` and `copied(id, make)` take definitions up and return their names.
 */
export function startAt(left, top) {
  const definitions = [];
  const names = new Map();
  const define = (make) => {
    const name = `d${definitions.length + 1}`;
    definitions.push("");
    definitions[Number(name.slice(1)) - 1] = make(name);
    return name;
  };
  const copied = (id, make) => {
    if (!names.has(id)) names.set(id, define(make));
    return names.get(id);
  };
  const clipTo = (box) => {
    const place = { x: box.left - left, y: box.top - top, width: box.right - box.left, height: box.bottom - box.top };
    const key = Object.values(place).map(short).join();
    return copied(`clip ${key}`, (name) => `<clipPath id="${name}"><rect${attributes(place)}/></clipPath>`);
  };
  return { left, top, turn: 0, scale: 1, clip: null, ellipsis: 0, define, copied, clipTo, definitions };
}

/** Return the drawing of an element with all that is in it. */
export function drawElement(node, at) {
  const style = getComputedStyle(node);
  if (isLeftOut(node, style)) return "";
  const inside = turned(node, style, at);
  const seen = style.visibility !== "hidden";
  let drawing = seen ? drawBox(node, style, inside) : "";
  if (node.localName === "svg") drawing += seen ? drawSvg(node, style, inside) : "";
  else if (node.localName === "canvas") drawing += seen ? drawCanvas(node, placed(node, at), style) : "";
  else if (node.localName === "select" || node.localName === "input") drawing = seen ? drawValue(node, style, inside) : "";
  else if (node.localName === "label" && node.querySelector("input")) drawing = seen ? drawLabel(node, style, inside) : "";
  else drawing += drawPseudo(node, "::before", inside) + drawInside(node, style, inside) + drawPseudo(node, "::after", inside);
  if (!drawing || style.opacity === "1") return drawing;
  return `<g opacity="${short(Number(style.opacity))}">${drawing}</g>`;
}

function isLeftOut(node, style) {
  if (style.display === "none" || style.opacity === "0" || node.matches(LEFT_OUT)) return true;
  if (style.clipPath.startsWith("inset(50%")) return true;
  if (node.matches("select")) return !node.value || !node.selectedOptions.length;
  // Buttons that say what is shown are words; those that do something are not.
  return node.matches(".text-button") && !node.closest("th, td, li") && node.getAttribute("aria-pressed") !== "true";
}

function placed(node, at) {
  const box = node.getBoundingClientRect();
  return { x: box.left - at.left, y: box.top - at.top, width: box.width, height: box.height };
}

/** Return what children need to know: how far their parents turned them, and what cuts them off. */
function turned(node, style, at) {
  if (style.transform === "none") return at;
  const { a, b, c, d } = new DOMMatrix(style.transform);
  const turn = at.turn + (Math.atan2(b, a) * 180) / Math.PI;
  return { ...at, turn, scale: at.scale * Math.sqrt(Math.abs(a * d - b * c)) };
}

/** Return the drawing of what is in an element: what has a place of its own lies over the rest. */
function drawInside(node, style, at) {
  const within = cut(node, style, at);
  const parts = [];
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      if (style.visibility !== "hidden" && child.data.trim()) parts.push([0, drawText(child, style, within)]);
    } else if (child.nodeType === Node.ELEMENT_NODE) parts.push([levelOf(child), drawElement(child, within)]);
  }
  const drawing = parts.sort((a, b) => a[0] - b[0]).map(([, part]) => part).join("");
  if (!drawing || within.clip === at.clip) return drawing;
  return `<g clip-path="url(#${at.clipTo(within.clip)})">${drawing}</g>`;
}

function levelOf(node) {
  const style = getComputedStyle(node);
  const level = Number(style.zIndex);
  if (style.position === "static") return 0;
  return Number.isFinite(level) && style.zIndex !== "auto" ? (level < 0 ? level : level + 0.5) : 0.5;
}

/** Return what is handed down where an element cuts off what does not fit into it. */
function cut(node, style, at) {
  if (style.overflowX === "visible" && style.overflowY === "visible") return at;
  const box = node.getBoundingClientRect();
  const dots = style.textOverflow === "ellipsis" && style.overflowX !== "visible";
  const right = box.right - (parseFloat(style.paddingRight) || 0) - (parseFloat(style.borderRightWidth) || 0);
  const kept = dots ? { ...at, ellipsis: at.ellipsis ? Math.min(at.ellipsis, right) : right } : at;
  const tall = node.scrollHeight > node.clientHeight + 1 && style.overflowY !== "visible";
  const wide = !dots && node.scrollWidth > node.clientWidth + 1 && style.overflowX !== "visible";
  if ((!tall && !wide) || style.display === "inline") return kept;
  const inner = { left: box.left, top: box.top, right: box.left + node.clientLeft + node.clientWidth, bottom: box.top + node.clientTop + node.clientHeight };
  const clip = at.clip ? { left: Math.max(at.clip.left, inner.left), top: Math.max(at.clip.top, inner.top), right: Math.min(at.clip.right, inner.right), bottom: Math.min(at.clip.bottom, inner.bottom) } : inner;
  return { ...kept, clip };
}

/** Return what a field shows, as words without the field. */
function drawValue(node, style, at) {
  const text = node.localName === "select" ? node.selectedOptions[0].label : node.value;
  const box = node.getBoundingClientRect();
  if (!text || outside(box, at.clip)) return "";
  return drawField(text, box, style, at);
}

/** Return the drawing of a field with its label as one line: a slider is no part of it, its value is. */
function drawLabel(node, style, at) {
  const words = [...node.childNodes].map((child) => {
    if (child.nodeType === Node.TEXT_NODE) return child.data.trim();
    if (child.matches("input")) return child.matches(LEFT_OUT) ? "" : child.value;
    return child.matches("select") ? (child.selectedOptions[0]?.label ?? "") : child.innerText;
  });
  return drawField(words.filter(Boolean).join(" "), node.getBoundingClientRect(), style, at);
}
