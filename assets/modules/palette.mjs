/** At most 255 colours for pictures of many: the commonest as they are, the others by median cut. */

const EXACT = 96;
const ALL = 255;

/** Return colours, as numbers `0xrrggbb`, that serve some pictures best; each is RGBA bytes. */
export function paletteOf(pictures) {
  const counts = new Map();
  for (const data of pictures) {
    const pixels = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
    let [last, run] = [pixels[0], 0];
    const add = () => counts.set(last, (counts.get(last) ?? 0) + run);
    for (const pixel of pixels) {
      if (pixel === last) run++;
      else {
        add();
        [last, run] = [pixel, 1];
      }
    }
    add();
  }
  const colours = [...counts].map(([pixel, count]) => ({ rgb: [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255], count }));
  colours.sort((a, b) => b.count - a.count);
  const exact = colours.slice(0, colours.length <= ALL ? ALL : EXACT);
  const rest = cut(colours.slice(exact.length), ALL - exact.length);
  return [...exact.map(({ rgb }) => rgb), ...rest].map(([red, green, blue]) => (red << 16) | (green << 8) | blue);
}

/** Cut the widest box of colours in two until there are so many, and return the mean of each. */
function cut(colours, most) {
  if (!colours.length || most < 1) return [];
  const boxes = [boxOf(colours)];
  while (boxes.length < most) {
    const widest = boxes.reduce((best, box, k) => (box.weight > boxes[best].weight ? k : best), 0);
    const { colours: held, axis, weight } = boxes[widest];
    if (weight <= 0) break;
    held.sort((a, b) => a.rgb[axis] - b.rgb[axis]);
    const half = held.reduce((sum, c) => sum + c.count, 0) / 2;
    let [at, sum] = [0, 0];
    while (at < held.length - 1 && sum + held[at].count <= half) sum += held[at++].count;
    boxes.splice(widest, 1, boxOf(held.slice(0, Math.max(1, at))), boxOf(held.slice(Math.max(1, at))));
  }
  return boxes.map(({ colours: held }) => {
    const total = held.reduce((sum, c) => sum + c.count, 0);
    return [0, 1, 2].map((k) => Math.round(held.reduce((sum, c) => sum + c.rgb[k] * c.count, 0) / total));
  });
}

function boxOf(colours) {
  const spans = [0, 1, 2].map((k) => {
    let [low, high] = [255, 0];
    for (const { rgb } of colours) [low, high] = [Math.min(low, rgb[k]), Math.max(high, rgb[k])];
    return high - low;
  });
  const axis = spans.indexOf(Math.max(...spans));
  const count = colours.reduce((sum, c) => sum + c.count, 0);
  return { colours, axis, weight: colours.length > 1 ? spans[axis] * Math.sqrt(count) : 0 };
}

/** Return a function from a pixel, RGBA as one little-endian number, to the nearest colour's place. */
export function nearestIn(palette) {
  const known = new Int16Array(1 << 24).fill(-1);
  const find = (red, green, blue) => {
    let [best, least] = [0, Infinity];
    palette.forEach((colour, k) => {
      const [r, g, b] = [(colour >> 16) - red, ((colour >> 8) & 255) - green, (colour & 255) - blue];
      const away = 3 * r * r + 6 * g * g + b * b;
      if (away < least) [best, least] = [k, away];
    });
    return best;
  };
  return (pixel) => {
    const key = pixel & 0xffffff;
    if (known[key] < 0) known[key] = find(key & 255, (key >> 8) & 255, key >> 16);
    return known[key];
  };
}
