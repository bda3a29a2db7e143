/** Writes animated GIFs: one palette for all frames, and of each frame what has changed. */

import { nearestIn, paletteOf } from "./palette.mjs";

const CLEAR = 256;
const END = 257;
const UNCHANGED = 255;

/**
 * Return what takes frames and gives a GIF: `add(pixels, seconds)` and `finish()`.
 *
 * `samples` are some of the frames; the palette serves them. All are RGBA bytes of `width` by
 * `height`. `comment` is kept in the file, for those who look into it.
 */
export function createGif(width, height, samples, comment = "") {
  const palette = paletteOf(samples);
  const nearest = nearestIn(palette);
  const parts = [header(width, height, palette), commentOf(comment)];
  let before = null;

  function add(pixels, seconds) {
    const found = indexed(pixels, nearest);
    const box = before ? changedBox(found, before, width, height) : { x: 0, y: 0, width, height };
    parts.push(frameOf(found, before, box, width, Math.round(100 * seconds)));
    before = found;
  }
  return { add, finish: () => new Blob([...parts, new Uint8Array([0x3b])], { type: "image/gif" }) };
}

function header(width, height, palette) {
  const colours = new Uint8Array(3 * 256);
  palette.forEach((colour, k) => colours.set([colour >> 16, (colour >> 8) & 255, colour & 255], 3 * k));
  const screen = [...letters("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0];
  // Without end: a sweep that stops at its last frame cannot be looked at again in a paper's page.
  const loop = [0x21, 0xff, 11, ...letters("NETSCAPE2.0"), 3, 1, 0, 0, 0];
  return new Blob([new Uint8Array(screen), colours, new Uint8Array(loop)]);
}

function commentOf(text) {
  const bytes = new TextEncoder().encode(text);
  return bytes.length ? new Blob([new Uint8Array([0x21, 0xfe]), blocks(bytes)]) : new Blob([]);
}

function frameOf(found, before, box, stride, hundredths) {
  const cells = new Uint8Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = (box.y + y) * stride + box.x;
    for (let x = 0; x < box.width; x++) {
      const cell = found[from + x];
      cells[y * box.width + x] = before && before[from + x] === cell ? UNCHANGED : cell;
    }
  }
  const control = [0x21, 0xf9, 4, before ? 0x05 : 0x04, ...word(hundredths), UNCHANGED, 0];
  const image = [0x2c, ...word(box.x), ...word(box.y), ...word(box.width), ...word(box.height), 0, 8];
  return new Blob([new Uint8Array([...control, ...image]), blocks(packed(cells))]);
}

function indexed(pixels, nearest) {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length >> 2);
  const found = new Uint8Array(words.length);
  let [last, place] = [words[0], nearest(words[0])];
  for (let k = 0; k < words.length; k++) {
    if (words[k] !== last) {
      last = words[k];
      place = nearest(last);
    }
    found[k] = place;
  }
  return found;
}

/** Return the smallest box that holds all that has changed; one pixel if nothing has. */
function changedBox(found, before, width, height) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0, k = y * width; x < width; x++, k++) {
      if (found[k] === before[k]) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? { x: 0, y: 0, width: 1, height: 1 } : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Pack cells of eight bits by GIF's way of Lempel, Ziv and Welch. */
function packed(cells) {
  const codes = new Uint16Array(1 << 20);
  let out = new Uint8Array(1 << 16);
  let [at, bits, held, size, next] = [0, 0, 0, 9, END + 1];
  const write = (code) => {
    held |= code << bits;
    bits += size;
    while (bits >= 8) {
      if (at === out.length) {
        const more = new Uint8Array(2 * out.length);
        more.set(out);
        out = more;
      }
      out[at++] = held & 255;
      held >>>= 8;
      bits -= 8;
    }
  };
  write(CLEAR);
  let prefix = cells[0];
  for (let k = 1; k < cells.length; k++) {
    const key = (prefix << 8) | cells[k];
    if (codes[key]) {
      prefix = codes[key];
      continue;
    }
    write(prefix);
    if (next === 4096) {
      write(CLEAR);
      codes.fill(0);
      [size, next] = [9, END + 1];
    } else {
      if (next === 1 << size && size < 12) size++;
      codes[key] = next++;
    }
    prefix = cells[k];
  }
  write(prefix);
  if (next === 1 << size && size < 12) size++;
  write(END);
  if (bits) write(0);
  return out.subarray(0, at);
}

/** Return bytes in blocks of at most 255, as GIF has them. */
function blocks(bytes) {
  const parts = [];
  for (let k = 0; k < bytes.length; k += 255) {
    const part = bytes.slice(k, k + 255);
    parts.push(new Uint8Array([part.length]), part);
  }
  return new Blob([...parts, new Uint8Array([0])]);
}

function word(value) {
  return [value & 255, value >> 8];
}

function letters(text) {
  return [...text].map((letter) => letter.charCodeAt(0));
}
