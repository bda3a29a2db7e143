/** A panel as a picture that stands alone: what it shows, and below it where that comes from. */

import { attributes, colourOf, escaped, painting, short } from "./figure_colour.mjs";
import { drawElement, startAt } from "./figure_tree.mjs";
import { measured } from "./figure_text.mjs";
import { opened, provenance, stepNow } from "./opened.mjs";

const [SMALL, LINE, ABOVE, BELOW] = [11, 16, 12, 12];

/** Return a panel's title in words. */
export function titleOf(panel) {
  const head = panel.querySelector("h2");
  const field = head?.querySelector("select");
  const text = field ? (field.selectedOptions[0]?.label ?? "") : (head?.innerText ?? "");
  return text.trim() || panel.getAttribute("aria-label") || "Figure";
}

/** Return what a file of a panel is called, but for its ending. */
export function fileName(panel, what = titleOf(panel)) {
  const run = opened().model?.payload?.run.name ?? document.getElementById("main")?.dataset.run;
  const step = stepNow();
  const plain = what.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return [run, step === null ? null : `step${step}`, plain || "figure"].filter(Boolean).join("-");
}

/** Return a panel as SVG: `{ text, width, height, title }`, sizes in pixels of the page. */
export function figureOf(panel) {
  const box = panel.getBoundingClientRect();
  const style = getComputedStyle(panel);
  const at = startAt(box.left, box.top);
  const drawing = [...panel.children].map((child) => drawElement(child, at)).join("");
  const margin = parseFloat(style.paddingLeft) || 0;
  const [width, tall] = [Math.ceil(box.width), Math.ceil(box.height)];
  const lines = provenance(panel).flatMap((line) => wrapped(line, style, width - 2 * margin));
  const height = tall + ABOVE + lines.length * LINE + BELOW;
  const title = titleOf(panel);
  const text = [
    `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"${attributes({ width, height, viewBox: `0 0 ${width} ${height}` })} style="font-variant-numeric:tabular-nums">`,
    `<title>${escaped(title)}</title><desc>${escaped(provenance(panel).join("\n"))}</desc>`,
    at.definitions.length ? `<defs>${at.definitions.join("")}</defs>` : "",
    `<rect${attributes({ width, height })} fill="${colourOf(style.backgroundColor)[0]}"/>`,
    `<g id="figure">${drawing}</g>`,
    footer(lines, style, { width, tall, margin }),
    "</svg>\n",
  ].join("\n");
  return { text, width, height, title };
}

function footer(lines, style, { width, tall, margin }) {
  const token = (name) => style.getPropertyValue(`--${name}`);
  const colour = (name) => resolved(token(name));
  const rule = `<line${attributes({ x1: margin, x2: width - margin, y1: tall + 0.5, y2: tall + 0.5 })}${painting("stroke", colour("line"))}/>`;
  const family = style.fontFamily.replaceAll('"', "'");
  const texts = lines.map((line, k) => `<text${attributes({ x: margin, y: tall + ABOVE + k * LINE + SMALL })}>${escaped(line)}</text>`);
  return `<g id="provenance"${attributes({ "font-family": family, "font-size": SMALL })}${painting("fill", colour("ink3"))}>${rule}${texts.join("")}</g>`;
}

/** Return a token's colour in the scheme in force. */
function resolved(text) {
  const probe = document.createElement("i");
  probe.style.color = text;
  probe.hidden = true;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Return text in lines of at most so many pixels; an address is broken anywhere. */
function wrapped(text, style, width) {
  const font = `400 ${SMALL}px ${style.fontFamily}`;
  const wide = (part) => measured(part, font).width > width;
  const lines = [];
  let line = "";
  for (const word of text.split(/(?<= )/)) {
    if (wide(line + word.trimEnd()) && line) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += word;
    while (wide(line.trimEnd())) {
      let count = Math.max(1, Math.floor((line.length * width) / measured(line, font).width));
      while (count > 1 && wide(line.slice(0, count))) count--;
      lines.push(line.slice(0, count));
      line = line.slice(count);
    }
  }
  return [...lines, line.trimEnd()].filter(Boolean);
}

/** Return SVG as a canvas of `scale` pixels for one of the page's; throws in words what cannot be. */
export async function rasterise({ text, width, height }, scale) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image(width, height);
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } catch {
    throw new Error("This browser could not draw the picture; save it as SVG instead.");
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Return SVG as a PNG. */
export async function pngOf(figure, scale) {
  const canvas = await rasterise(figure, scale);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error(`A picture of ${short(canvas.width)} by ${short(canvas.height)} pixels is too large for this browser; choose a smaller one.`);
  return blob;
}
