/** The SVG of a page as SVG that stands alone: what style sheets say is written at every shape. */

import { attributes, colourOf, escaped, painting, short } from "./figure_colour.mjs";
import { fontOf, measured } from "./figure_text.mjs";

/** The attributes that give a shape its form. */
const FORMS = {
  path: ["d"],
  line: ["x1", "y1", "x2", "y2"],
  rect: ["x", "y", "width", "height", "rx", "ry"],
  circle: ["cx", "cy", "r"],
  ellipse: ["cx", "cy", "rx", "ry"],
  polyline: ["points"],
  polygon: ["points"],
};
const IDENTITY = new DOMMatrix();

/** Return the drawing of an inline `<svg>`; `at` is what figure_tree.mjs hands down. */
export function drawSvg(node, style, at) {
  const matrix = node.getScreenCTM();
  if (!matrix) return "";
  const inner = [...node.children].map((child) => drawShape(child, at, node)).join("");
  if (!inner) return "";
  const group = `<g transform="${written(new DOMMatrix([1, 0, 0, 1, -at.left, -at.top]).multiply(matrix))}">${inner}</g>`;
  if (style.overflow === "visible" || style.overflowX === "visible") return group;
  const box = node.getBoundingClientRect();
  return `<g clip-path="url(#${at.clipTo(box)})">${group}</g>`;
}

/** Return the drawing of one SVG element in its parent's coordinates. */
function drawShape(node, at, root) {
  const style = getComputedStyle(node);
  const name = node.localName;
  if (style.display === "none" || style.opacity === "0") return "";
  let inner = "";
  if (name === "g" || name === "a") inner = [...node.children].map((child) => drawShape(child, at, root)).join("");
  else if (name === "svg") return drawNested(node, at);
  else if (style.visibility !== "hidden") inner = drawLeaf(node, name, style, at);
  if (!inner) return "";
  const around = attributes({
    transform: transformOf(node, style),
    opacity: style.opacity === "1" ? null : Number(style.opacity),
    "clip-path": reference(style.clipPath, at),
  });
  return around ? `<g${around}>${inner}</g>` : inner;
}

function drawNested(node, at) {
  const inner = [...node.children].map((child) => drawShape(child, at, node)).join("");
  const parent = node.parentNode.getScreenCTM?.() ?? IDENTITY;
  return inner && `<g transform="${written(DOMMatrix.fromMatrix(parent).inverse().multiply(node.getScreenCTM()))}">${inner}</g>`;
}

function drawLeaf(node, name, style, at) {
  if (name === "text") return drawSvgText(node, style);
  if (name === "image") return drawImage(node);
  if (!FORMS[name]) return "";
  const look = lookOf(node, style, at);
  return look && `<${name}${attributes(formOf(node, name))}${look}/>`;
}

function formOf(node, name) {
  const form = Object.fromEntries(FORMS[name].map((key) => [key, node.getAttribute(key)]));
  if (!Object.values(form).some((value) => value?.endsWith("%"))) return form;
  const box = node.getBBox();
  return name === "rect" ? { ...form, x: box.x, y: box.y, width: box.width, height: box.height } : { x1: box.x, y1: box.y, x2: box.x + box.width, y2: box.y + box.height };
}

/** Return how a shape is filled and stroked; "" if it cannot be seen. */
function lookOf(node, style, at) {
  const fill = paintOf("fill", style.fill, Number(style.fillOpacity), at);
  const width = parseFloat(style.strokeWidth);
  const stroke = width > 0 ? paintOf("stroke", style.stroke, Number(style.strokeOpacity), at) : ' stroke="none"';
  const [filled, stroked] = [!fill.includes('"none"'), !stroke.includes('"none"')];
  if (!filled && !stroked) return "";
  const more = stroked ? strokeOf(node, style, width) : "";
  return fill + (stroked ? stroke : "") + more + attributes({ "fill-rule": filled && style.fillRule !== "nonzero" ? style.fillRule : null });
}

function paintOf(name, text, opacity, at) {
  const linked = reference(text, at);
  if (linked) return attributes({ [name]: linked, [`${name}-opacity`]: opacity < 1 ? opacity : null });
  return painting(name, text, opacity);
}

function strokeOf(node, style, width) {
  const scale = style.vectorEffect === "non-scaling-stroke" ? Math.sqrt(Math.abs(determinant(node.getScreenCTM()))) || 1 : 1;
  const dashes = style.strokeDasharray === "none" ? null : style.strokeDasharray.match(/[\d.]+/g).map((d) => d / scale).join(" ");
  return attributes({
    "stroke-width": Math.round((10000 * width) / scale) / 10000 + "",
    "stroke-linecap": style.strokeLinecap === "butt" ? null : style.strokeLinecap,
    "stroke-linejoin": style.strokeLinejoin === "miter" ? null : style.strokeLinejoin,
    "stroke-miterlimit": style.strokeLinejoin === "miter" && style.strokeMiterlimit !== "4" ? style.strokeMiterlimit : null,
    "stroke-dasharray": dashes,
    "stroke-dashoffset": dashes && parseFloat(style.strokeDashoffset) ? parseFloat(style.strokeDashoffset) : null,
  });
}

function determinant({ a, b, c, d }) {
  return a * d - b * c;
}

/** Return the words of a text; where its outline lies below it, the outline is a text of its own. */
function drawSvgText(node, style) {
  if (!node.textContent.trim()) return "";
  const place = placeOf(node);
  const shift = baselineShift(style);
  const around = attributes({ ...place, y: shift ? Number(place.y ?? 0) + shift : place.y }) + face(style);
  const words = spansOf(node, style);
  const filled = `<text${around}${painting("fill", style.fill, Number(style.fillOpacity))}>${words}</text>`;
  const width = parseFloat(style.strokeWidth);
  if (style.stroke === "none" || !(width > 0)) return filled;
  const outline = `<text${around} fill="none"${painting("stroke", style.stroke, Number(style.strokeOpacity))}${attributes({ "stroke-width": width, "stroke-linejoin": style.strokeLinejoin })}>${spansOf(node, style, true)}</text>`;
  return style.paintOrder.startsWith("stroke") ? outline + filled : filled + outline;
}

/** Return where text stands, in numbers: shares of the drawing are none. */
function placeOf(node) {
  return Object.fromEntries(["x", "y", "dx", "dy"].map((key) => [key, [...node[key].baseVal].map(({ value }) => short(value)).join(" ") || null]));
}

function face(style) {
  return attributes({
    "font-family": style.fontFamily.replaceAll('"', "'"),
    "font-size": parseFloat(style.fontSize),
    "font-weight": style.fontWeight === "400" ? null : style.fontWeight,
    "font-style": style.fontStyle === "normal" ? null : style.fontStyle,
    "text-anchor": style.textAnchor === "start" ? null : style.textAnchor,
  });
}

/** Return how much lower text stands for its baseline; not every program knows other ones. */
function baselineShift(style) {
  const kind = style.dominantBaseline;
  if (kind !== "middle" && kind !== "central" && kind !== "hanging") return 0;
  const { ascent, descent } = measured("x", fontOf(style));
  return kind === "hanging" ? 0.8 * ascent : kind === "central" ? (ascent - descent) / 2 : 0.26 * parseFloat(style.fontSize);
}

function spansOf(node, parent, bare = false) {
  return [...node.childNodes].map((child) => {
    if (child.nodeType === Node.TEXT_NODE) return escaped(child.data.replace(/\s+/g, " "));
    if (child.localName !== "tspan") return "";
    const style = getComputedStyle(child);
    const place = placeOf(child);
    const own = { "font-size": style.fontSize === parent.fontSize ? null : parseFloat(style.fontSize), "font-weight": style.fontWeight === parent.fontWeight ? null : style.fontWeight };
    const colour = bare || style.fill === parent.fill ? "" : painting("fill", style.fill, Number(style.fillOpacity));
    return `<tspan${attributes({ ...place, ...own })}${colour}>${spansOf(child, style, bare)}</tspan>`;
  }).join("");
}

/** Pictures in pictures are kept if they are in the page itself. */
function drawImage(node) {
  const address = node.href.baseVal;
  if (!address.startsWith("data:image/")) return "";
  const place = Object.fromEntries(["x", "y", "width", "height", "preserveAspectRatio"].map((key) => [key, node.getAttribute(key)]));
  return `<image${attributes(place)} xlink:href="${escaped(address)}"/>`;
}

/** Return how an element is moved in its parent, or null. */
function transformOf(node, style) {
  if (style.transform === "none" && !node.hasAttribute("transform")) return null;
  const parent = node.parentNode.getScreenCTM?.();
  const own = node.getScreenCTM();
  if (!parent || !own) return node.getAttribute("transform");
  if (!determinant(parent)) return null;
  const text = written(DOMMatrix.fromMatrix(parent).inverse().multiply(own));
  return text === "matrix(1 0 0 1 0 0)" ? null : text;
}

function written({ a, b, c, d, e, f }) {
  const digits = (value, count) => String(Number(value.toFixed(count)));
  return `matrix(${[a, b, c, d].map((v) => digits(v, 5)).join(" ")} ${digits(e, 3)} ${digits(f, 3)})`;
}

/** Return `url(#..)` of what a style refers to, copied into the drawing; null for none. */
function reference(text, at) {
  const id = /^url\(["']?#([^"')]+)["']?\)/.exec(text ?? "")?.[1];
  const node = id && document.getElementById(id);
  if (!node) return null;
  return `url(#${at.copied(id, (name) => copyOf(node, name, at))})`;
}

/** Return a pattern, a gradient or a clip with its parts, under another name. */
function copyOf(node, name, at) {
  const kept = [...node.attributes].filter(({ name: key }) => !/^(id|class|style|on.*|.*href)$/.test(key)).map(({ name: key, value }) => [key, value]);
  const parts = [...node.children].map((child) => partOf(child, at)).join("");
  return `<${node.localName} id="${name}"${attributes(Object.fromEntries(kept))}>${parts}</${node.localName}>`;
}

function partOf(node, at) {
  const style = getComputedStyle(node);
  const name = node.localName;
  const transform = node.getAttribute("transform");
  if (name === "stop") {
    const [colour, alpha] = colourOf(style.stopColor);
    return `<stop${attributes({ offset: node.getAttribute("offset"), "stop-color": colour, "stop-opacity": alpha * Number(style.stopOpacity) })}/>`;
  }
  if (name === "g") return `<g${attributes({ transform })}>${[...node.children].map((child) => partOf(child, at)).join("")}</g>`;
  if (!FORMS[name]) return "";
  const look = paintOf("fill", style.fill, Number(style.fillOpacity), at) + painting("stroke", style.stroke, Number(style.strokeOpacity)) + attributes({ "stroke-width": parseFloat(style.strokeWidth) });
  return `<${name}${attributes({ ...formOf(node, name), transform })}${look}/>`;
}
