/** Colours and attributes as every program that reads SVG understands them. */

const seen = new Map();
let pixel = null;

/** Return a CSS colour as `[#rrggbb, opacity]`. */
export function colourOf(text) {
  if (!seen.has(text)) seen.set(text, read(text));
  return seen.get(text);
}

function read(text) {
  if (/^#[0-9a-f]{6}$/i.test(text)) return [text.toLowerCase(), 1];
  const numbers = (text.match(/-?[\d.]+(?:e-?\d+)?%?/g) ?? []).map((n) => (n.endsWith("%") ? Number(n.slice(0, -1)) / 100 : Number(n)));
  if (text === "transparent") return ["#000000", 0];
  if (/^rgba?\(/.test(text)) return [hex(numbers.slice(0, 3)), numbers[3] ?? 1];
  if (text.startsWith("color(srgb ")) return [hex(numbers.slice(0, 3).map((v) => 255 * v)), numbers[3] ?? 1];
  return painted(text);
}

function hex(parts) {
  return `#${parts.map((v) => Math.round(Math.min(255, Math.max(0, v))).toString(16).padStart(2, "0")).join("")}`;
}

/** Any other way to write a colour is asked of a canvas. */
function painted(text) {
  pixel ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = text;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return [hex([red, green, blue]), alpha / 255];
}

/** Return `fill` or `stroke` with a colour; `none` for one that cannot be seen. */
export function painting(name, text, opacity = 1) {
  if (text === "none") return ` ${name}="none"`;
  const [colour, alpha] = colourOf(text);
  const whole = alpha * opacity;
  if (whole <= 0.001) return ` ${name}="none"`;
  return ` ${name}="${colour}"${whole < 0.999 ? ` ${name}-opacity="${short(whole)}"` : ""}`;
}

/** Return a number with two digits behind the point at most. */
export function short(value) {
  return String(Math.round(value * 100) / 100);
}

/** Return text as XML holds it, without what XML cannot hold. */
export function escaped(text) {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Return attributes, each with a space before it; none for null. */
export function attributes(given) {
  return Object.entries(given)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => ` ${name}="${typeof value === "number" ? short(value) : escaped(String(value))}"`)
    .join("");
}
