/** Canvases as shapes: what paints one paints it again into a context that writes down what it is told. */

import { attributes, escaped, painting, short } from "./figure_colour.mjs";
import { painterOf } from "./painters.mjs";

/** Return the drawing of a canvas at a box of the drawing; one that nobody repaints is a picture in it. */
export function drawCanvas(canvas, box, style) {
  if (!canvas.width || !canvas.height || !box.width || !box.height) return "";
  const shapes = painterOf(canvas) && recorded(canvas, painterOf(canvas));
  if (typeof shapes === "string") {
    if (!shapes) return "";
    const [x, y] = [box.width / canvas.width, box.height / canvas.height];
    return `<g transform="matrix(${x.toFixed(5)} 0 0 ${y.toFixed(5)} ${short(box.x)} ${short(box.y)})">${shapes}</g>`;
  }
  const crisp = style.imageRendering === "pixelated" ? { style: "image-rendering:pixelated" } : {};
  return `<image${attributes({ ...box, preserveAspectRatio: "none", ...crisp })} xlink:href="${canvas.toDataURL("image/png")}"/>`;
}

/** Return what a canvas shows as shapes in its own pixels, or null if it was given pixels. */
function recorded(canvas, paint) {
  const recorder = new Recorder(canvas.getContext("2d"));
  canvas.getContext = () => recorder;
  try {
    paint();
  } finally {
    delete canvas.getContext;
    paint();
  }
  return recorder.pixels ? null : recorder.shapes.join("");
}

const START = {
  matrix: [1, 0, 0, 1, 0, 0], fillStyle: "#000000", strokeStyle: "#000000", lineWidth: 1, lineCap: "butt", lineJoin: "miter",
  lineDashOffset: 0, dash: [], font: "10px sans-serif", textAlign: "start", textBaseline: "alphabetic", globalAlpha: 1,
};

/** A 2D context that draws nothing and keeps everything; of the standard's, what our modules use. */
export class Recorder {
  constructor(real) {
    Object.assign(this, START, { real, shapes: [], path: "", stack: [], pixels: false });
  }

  save() {
    this.stack.push(Object.fromEntries(Object.keys(START).map((key) => [key, this[key]])));
  }

  restore() {
    Object.assign(this, this.stack.pop() ?? {});
  }

  transform(a, b, c, d, e, f) {
    const [A, B, C, D, E, F] = this.matrix;
    this.matrix = [A * a + C * b, B * a + D * b, A * c + C * d, B * c + D * d, A * e + C * f + E, B * e + D * f + F];
  }

  setTransform(...given) {
    this.matrix = given.length === 6 ? given : [1, 0, 0, 1, 0, 0];
  }

  resetTransform() {
    this.matrix = [1, 0, 0, 1, 0, 0];
  }

  scale(x, y) {
    this.transform(x, 0, 0, y, 0, 0);
  }

  translate(x, y) {
    this.transform(1, 0, 0, 1, x, y);
  }

  rotate(angle) {
    this.transform(Math.cos(angle), Math.sin(angle), -Math.sin(angle), Math.cos(angle), 0, 0);
  }

  /** Return a point of the context in the canvas's own pixels. */
  at(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    return `${short(a * x + c * y + e)} ${short(b * x + d * y + f)}`;
  }

  get size() {
    const [a, b, c, d] = this.matrix;
    return Math.sqrt(Math.abs(a * d - b * c));
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${this.at(x, y)}`;
  }

  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${this.at(x, y)}`;
  }

  quadraticCurveTo(x1, y1, x, y) {
    this.path += `Q${this.at(x1, y1)} ${this.at(x, y)}`;
  }

  bezierCurveTo(x1, y1, x2, y2, x, y) {
    this.path += `C${this.at(x1, y1)} ${this.at(x2, y2)} ${this.at(x, y)}`;
  }

  rect(x, y, width, height) {
    this.path += this.rectangle(x, y, width, height);
  }

  rectangle(x, y, width, height) {
    return `M${this.at(x, y)}L${this.at(x + width, y)}L${this.at(x + width, y + height)}L${this.at(x, y + height)}Z`;
  }

  closePath() {
    this.path += "Z";
  }

  arc(x, y, radius, from, to, backwards = false) {
    const on = (angle) => this.at(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    const r = short(radius * this.size);
    const span = backwards ? from - to : to - from;
    this.path += `${this.path ? "L" : "M"}${on(from)}`;
    const turn = backwards ? 0 : 1;
    if (Math.abs(span) >= 2 * Math.PI - 1e-6) this.path += `A${r} ${r} 0 1 ${turn} ${on(from + Math.PI)}A${r} ${r} 0 1 ${turn} ${on(from)}`;
    else this.path += `A${r} ${r} 0 ${span > Math.PI ? 1 : 0} ${turn} ${on(to)}`;
  }

  /** Return a whole path of its own as canvas takes it, or the one that was begun. */
  shape(path) {
    if (!path) return attributes({ d: this.path });
    return attributes({ d: path.d, transform: `matrix(${this.matrix.map((v) => Number(v.toFixed(4))).join(" ")})` });
  }

  fill(path) {
    if (path || this.path) this.shapes.push(`<path${this.shape(path)}${painting("fill", this.fillStyle, this.globalAlpha)}/>`);
  }

  stroke(path) {
    if (!path && !this.path) return;
    const scale = path ? 1 : this.size;
    const dashes = this.dash.length ? this.dash.map((d) => short(d * scale)).join(" ") : null;
    const look = { "stroke-width": this.lineWidth * scale, "stroke-linecap": this.lineCap === "butt" ? null : this.lineCap, "stroke-linejoin": this.lineJoin === "miter" ? null : this.lineJoin, "stroke-dasharray": dashes, "stroke-dashoffset": dashes ? this.lineDashOffset * scale : null };
    this.shapes.push(`<path${this.shape(path)} fill="none"${painting("stroke", this.strokeStyle, this.globalAlpha)}${attributes(look)}/>`);
  }

  fillRect(x, y, width, height) {
    if (width && height) this.shapes.push(`<path d="${this.rectangle(x, y, width, height)}"${painting("fill", this.fillStyle, this.globalAlpha)}/>`);
  }

  strokeRect(x, y, width, height) {
    const before = this.path;
    this.path = this.rectangle(x, y, width, height);
    this.stroke();
    this.path = before;
  }

  /** Only whole canvases are cleared here. */
  clearRect() {
    this.shapes.length = 0;
  }

  setLineDash(dash) {
    this.dash = [...dash];
  }

  getLineDash() {
    return [...this.dash];
  }

  measureText(text) {
    this.real.font = this.font;
    return this.real.measureText(text);
  }

  words(text, x, y, look) {
    const [, size, family] = /([\d.]+)px (.*)$/.exec(this.font) ?? [];
    const weight = /^(\d{3}|bold)/.exec(this.font)?.[1];
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign];
    const shown = attributes({ x, y, "font-size": Number(size), "font-family": family?.replaceAll('"', "'"), "font-weight": weight, "text-anchor": anchor, transform: `matrix(${this.matrix.map((v) => Number(v.toFixed(4))).join(" ")})` });
    this.shapes.push(`<text${shown}${look}>${escaped(String(text))}</text>`);
  }

  fillText(text, x, y) {
    this.words(text, x, y, painting("fill", this.fillStyle, this.globalAlpha));
  }

  strokeText(text, x, y) {
    this.words(text, x, y, ` fill="none"${painting("stroke", this.strokeStyle, this.globalAlpha)}${attributes({ "stroke-width": this.lineWidth, "stroke-linejoin": "round" })}`);
  }

  createImageData(width, height) {
    return this.real.createImageData(width, height);
  }

  putImageData() {
    this.pixels = true;
  }

  drawImage() {
    this.pixels = true;
  }
}
