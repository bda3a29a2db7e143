/** The dialog that saves a sweep: which checkpoints, how fast, how large; what that takes; how far it is. */

import { checkpointsOf, filmOf, frameOf } from "./sweep.mjs";
import { element, select } from "./elements.mjs";
import { fileName, titleOf } from "./figure.mjs";
import { createGif } from "./gif.mjs";
import { opened } from "./opened.mjs";
import { webmCodec } from "./webm.mjs";
import { save } from "./saving.mjs";

const STRIDES = [1, 2, 4, 8, 16];
const RATES = [4, 8, 16];

/** Ask how a sweep of a panel is to be, and save it. */
export async function openSweep(panel) {
  const count = opened().model.payload.steps.length;
  const sample = await frameOf(panel, 1);
  const cost = await costOf(panel, sample);
  const codec = await webmCodec(sample.width, sample.height);
  const fields = fieldsOf(count, sample, codec);
  const words = element("p", { class: "quiet", role: "status" });
  const bar = element("progress", { class: "sweep-bar", max: 1, value: 0, hidden: true, "aria-label": "Frames done" });
  const begin = element("button", { type: "button", class: "action", text: "Save" });
  const cancel = element("button", { type: "button", class: "text-button", text: "Cancel" });
  const dialog = element("dialog", { class: "sweep", "aria-labelledby": "sweep-title" },
    element("h2", { id: "sweep-title", text: `Save sweep: ${titleOf(panel)}` }),
    element("div", { class: "sweep-fields" }, ...Object.values(fields).map(({ label, node }) => element("label", {}, element("span", { text: label }), node))),
    words, bar, element("p", { class: "sweep-buttons" }, begin, cancel));
  const leaving = new AbortController();
  const estimate = () => (words.textContent = estimateOf(chosen(fields), count, cost));
  for (const { node } of Object.values(fields)) node.addEventListener("change", estimate);
  begin.addEventListener("click", () => make(panel, { dialog, fields, words, bar, begin, codec, count }, leaving.signal));
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    leaving.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  estimate();
  dialog.showModal();
}

/** Return how long a frame takes, and how large it can be as GIF. */
async function costOf(panel, canvas) {
  const start = performance.now();
  await frameOf(panel, 1);
  const spent = performance.now() - start;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const gif = createGif(canvas.width, canvas.height, [pixels]);
  gif.add(pixels, 1);
  return { bytes: gif.finish().size, seconds: spent / 1000 + 0.05, pixels: canvas.width * canvas.height };
}

function fieldsOf(count, { width, height }, codec) {
  const strides = STRIDES.filter((stride) => stride === 1 || checkpointsOf(count, stride).length > 4);
  const nth = { 1: "every checkpoint", 2: "every 2nd" };
  const menu = (options, value) => select({ class: "menu" }, options.map(([v, text]) => [String(v), text]), String(value));
  return {
    format: { label: "Format", node: menu([["gif", "GIF"], ...(codec ? [["webm", "WebM"]] : [])], "gif") },
    stride: { label: "Checkpoints", node: menu(strides.map((s) => [s, `${nth[s] ?? `every ${s}th`} (${checkpointsOf(count, s).length})`]), 1) },
    rate: { label: "Speed", node: menu(RATES.map((r) => [r, `${r} a second`]), 8) },
    scale: { label: "Size", node: menu([1, 2].map((s) => [s, `${s * width} × ${s * height} pixels`]), 1) },
  };
}

function chosen(fields) {
  return { format: fields.format.node.value, stride: Number(fields.stride.node.value), rate: Number(fields.rate.node.value), scale: Number(fields.scale.node.value) };
}

function estimateOf({ format, stride, rate, scale }, count, cost) {
  const frames = checkpointsOf(count, stride).length;
  const long = frames / rate + 1.5;
  const bytes = format === "gif" ? frames * cost.bytes * scale ** 1.5 : (0.25 * cost.pixels * scale ** 2 * rate * long) / 8;
  const takes = Math.max(1, Math.round((frames + (format === "gif" ? 3 : 1)) * cost.seconds * (scale === 1 ? 1 : 2.5)));
  return `${frames} frames, ${long.toFixed(0)} s long, at most ${megabytes(bytes)}; takes about ${takes < 90 ? `${takes} s` : `${Math.round(takes / 60)} min`}. Keep this tab in front.`;
}

function megabytes(bytes) {
  return bytes < 995_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function make(panel, { dialog, fields, words, bar, begin, codec, count }, signal) {
  const { format, stride, rate, scale } = chosen(fields);
  for (const { node } of Object.values(fields)) node.disabled = true;
  begin.disabled = true;
  bar.hidden = false;
  const told = (done, all) => {
    bar.value = done / all;
    words.textContent = `${done} of ${all} frames`;
  };
  try {
    const film = await filmOf(panel, checkpointsOf(count, stride), { codec: format === "webm" ? codec : null, scale, rate, signal, told });
    if (!film) return;
    save(film, `${fileName(panel).replace(/-step\d+/, "")}-sweep.${format}`);
    dialog.close();
  } catch (error) {
    words.textContent = error.message;
    begin.disabled = false;
    for (const { node } of Object.values(fields)) node.disabled = false;
  }
}
