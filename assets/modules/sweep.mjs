/** A panel at one checkpoint after the other, as a film. */

import { createGif } from "./gif.mjs";
import { createWebm } from "./webm.mjs";
import { figureOf, rasterise } from "./figure.mjs";
import { frames } from "./head.mjs";
import { waiting } from "./live.mjs";
import { opened, provenance } from "./opened.mjs";

/** The last frame stays longer, so that a film that starts again is seen to. */
const REST = 1.5;
/** How long the server may take with what a page shows of one checkpoint, in milliseconds. */
const PATIENCE = 30_000;

/** Return every `stride`-th checkpoint, and the last one. */
export function checkpointsOf(count, stride) {
  const found = Array.from({ length: Math.ceil(count / stride) }, (_, k) => k * stride);
  return found.at(-1) === count - 1 ? found : [...found, count - 1];
}

/** Return a panel as it is, as a canvas whose sides are even. */
export async function frameOf(panel, scale, size = null) {
  const figure = figureOf(panel);
  const even = (length) => 2 * Math.ceil((length * scale) / 2);
  const [width, height] = size ?? [even(figure.width), even(figure.height)];
  const drawn = await rasterise(figure, scale);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = getComputedStyle(panel).backgroundColor;
  context.fillRect(0, 0, width, height);
  context.drawImage(drawn, 0, 0);
  return canvas;
}

/**
 * Return a film of a panel over checkpoints as a file; the page is afterwards where it was.
 *
 * `codec` is null for a GIF, or what webm.mjs found; `told(done, all)` hears of every frame; once
 * `signal` aborts, the film is given up and null comes back.
 */
export async function filmOf(panel, indices, { codec, scale, rate, signal, told }) {
  const { model } = opened();
  const before = model.state.index;
  try {
    return await film(model, panel, indices, { codec, scale, rate, signal, told });
  } finally {
    model.go(before);
  }
}

async function film(model, panel, indices, { codec, scale, rate, signal, told }) {
  let size = null;
  const at = async (index) => {
    if (!(await goTo(model, index, signal))) return null;
    const canvas = await frameOf(panel, scale, size);
    size = [canvas.width, canvas.height];
    return canvas;
  };
  const samples = [];
  // Of a GIF, a few frames first: their colours are those of all.
  for (const index of codec ? [indices[0]] : [indices[0], indices[indices.length >> 1], indices.at(-1)]) {
    const canvas = await at(index);
    if (!canvas) return null;
    samples.push(pixelsOf(canvas));
  }
  const [width, height] = size;
  const words = provenance(panel).join("\n");
  const writer = codec ? createWebm(codec, width, height, rate, words.replaceAll("\n", "; ")) : createGif(width, height, samples, words);
  for (const [k, index] of indices.entries()) {
    told(k, indices.length);
    const canvas = await at(index);
    if (!canvas) return null;
    const seconds = k === indices.length - 1 ? REST : 1 / rate;
    await writer.add(codec ? canvas : pixelsOf(canvas), seconds);
  }
  told(indices.length, indices.length);
  return writer.finish();
}

/** Go to a checkpoint and wait until all of it is shown; some pages fetch what they show of one. Returns whether it is. */
async function goTo(model, index, signal) {
  const { failed } = waiting();
  const end = performance.now() + PATIENCE;
  model.go(index);
  await frames(2);
  while (waiting().on && !signal.aborted) {
    if (performance.now() > end) throw new Error("The server does not answer, so the film would lack a checkpoint; is it still running?");
    await frames(1);
  }
  await frames(1);
  if (waiting().failed > failed) throw new Error(`The film would lack a checkpoint: ${waiting().trouble}`);
  return !signal.aborted;
}

function pixelsOf(canvas) {
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
}
