/** Where components and edges lie: the architecture, bottom to top. Nothing here depends on a checkpoint. */

/** The parts of attention: where each stands in its head's column, in its layer's row. */
const PARTS = { Q: [-1, 0], K: [0, 0], V: [1, 0], RQ: [-1, 1], RK: [0, 1], Z: [0, 2] };
const [SPREAD, STOREY, RAISED] = [0.28, 0.27, 0.34];
const [SMALLEST, LARGEST] = [1.2, 15];
/** So many components share their marks. */
export const CROWD = 300;
const DEEPEST_BOW = 96;

/**
 * Return a place `{x, y, layer}` for each component in a canvas of that size, and how large marks
 * may be (`radius(share)`) and where names have room (`labels`: beside, below, parts or none).
 *
 * Heads stand in order from the left, an MLP at the right, raised if it follows its block's heads;
 * the input lies below all layers, the output above. Where heads are taken apart, a column holds
 * a head's queries, keys and values, over them the rotated ones, and its output on top; the first
 * column is that of the whole layer.
 */
export function placeComponents(components, order, width, height) {
  const parsed = components.map((c) => parse(c.name));
  const apart = parsed.some((p) => p.part in PARTS);
  const layers = Math.max(0, ...parsed.map((p) => p.layer + 1));
  const heads = Math.max(1, ...parsed.map((p) => p.head + 1));
  const columns = heads + (apart ? 1 : 0);
  const box = frame(width, height, apart, components.length > CROWD);
  const row = (box.bottom - box.top) / (layers + 1);
  const column = (box.right - box.left) / columns;
  const middle = box.left + (column * (columns - 1)) / 2;
  const places = parsed.map((p, i) => {
    if (p.layer < 0) return { x: middle, y: components[i].name === "EMB" ? box.bottom : box.top, layer: p.layer };
    const [beside, above] = PARTS[p.part] ?? [0, 0];
    const x = box.left + (p.head + (apart ? 1 : 0)) * column + beside * SPREAD * column;
    const y = box.bottom - (p.layer + 1) * row + (apart ? STOREY * row : 0);
    if (p.head >= 0 || p.part in PARTS) return { x, y: y - above * STOREY * row, layer: p.layer };
    const after = parsed.some((q, k) => q.layer === p.layer && q.head >= 0 && order[k] < order[i]);
    return { x: box.right, y: y - (after ? (apart ? 2 * STOREY : RAISED) * row : 0), layer: p.layer };
  });
  const room = apart ? Math.min(SPREAD * column, STOREY * row) : Math.min(column, row);
  const bow = Math.min(DEEPEST_BOW, 2 * (width - box.right) - 4);
  return { places, layers, columns, apart, row, column, box, room, bow, ...marks(apart, room, row, column, box) };
}

/** Return how large marks may be and where their names have room. */
function marks(apart, room, row, column, box) {
  const most = Math.min(LARGEST, Math.max(3, 0.46 * room));
  const least = Math.max(SMALLEST, 0.3 * most);
  const radius = (share) => Math.round((least + (most - least) * share) * 10) / 10;
  const narrow = box.narrow || column < 64;
  const roomy = apart ? room >= 16 : row >= 24 && (!narrow || column >= 40);
  return { radius, labels: !roomy ? "none" : apart ? "parts" : narrow ? "below" : "beside" };
}

/** Return how many layers share one name beside them, so that names do not touch. */
export function layerStride(row) {
  return [1, 2, 5, 10, 20].find((stride) => stride * row >= 15) ?? 50;
}

/** Return the component `by` places further in the list; if `layerwise`, the one so many layers above. */
export function neighbour(places, i, by, layerwise) {
  if (!layerwise) return (i + by + places.length) % places.length;
  const wanted = places[i].layer + by;
  const there = [...places.keys()].filter((k) => places[k].layer === wanted);
  return there.length ? there.reduce((a, b) => (Math.abs(places[b].x - places[i].x) < Math.abs(places[a].x - places[i].x) ? b : a)) : i;
}

/**
 * Return the path of an edge between two places of a layout: a soft bow, deeper where it would
 * cross a node. A curve goes half as far as its bow, so the layout's deepest stays in the canvas.
 */
export function edgePath(from, to, { row, bow: deepest }) {
  const rise = from.y - to.y;
  const upright = Math.abs(from.x - to.x) < 1;
  const long = rise > row * 1.1;
  const bow = upright && long ? Math.min(0.34 * rise, deepest) : 0.1 * rise;
  const cx = (from.x + to.x) / 2 + bow;
  const cy = (from.y + to.y) / 2 + (Math.abs(rise) < row * 0.5 ? row * 0.16 : 0);
  return { cx, cy, d: `M${r(from.x)} ${r(from.y)}Q${r(cx)} ${r(cy)} ${r(to.x)} ${r(to.y)}` };
}

/** Return the square of the distance from a point to an edge's path. */
export function distance2(from, path, to, x, y) {
  let best = Infinity;
  for (let k = 0; k <= 20; k++) {
    const t = k / 20;
    const u = 1 - t;
    const px = u * u * from.x + 2 * u * t * path.cx + t * t * to.x;
    const py = u * u * from.y + 2 * u * t * path.cy + t * t * to.y;
    best = Math.min(best, (px - x) ** 2 + (py - y) ** 2);
  }
  return best;
}

function frame(width, height, apart, crowd) {
  const narrow = width < 520;
  const headed = apart || crowd;
  return {
    left: narrow ? (apart ? 44 : 28) : apart ? 120 : crowd ? 88 : Math.max(96, width * 0.17),
    right: width - (narrow ? 28 : apart ? 56 : crowd ? 36 : Math.max(72, width * 0.1)),
    top: headed ? 30 : 22,
    bottom: height - (narrow && !headed ? 30 : headed ? 16 : 22),
    narrow,
  };
}

/** Return what a component's name says; `part` is what is taken of a head or a layer. */
export function parse(name) {
  const match = /^L(\d+)(?:H(\d+))?(MLP|POST|Q|K|V|Z|RQ|RK)?$/.exec(name);
  if (!match) return { layer: -1, head: -1, part: "" };
  return { layer: Number(match[1]), head: match[2] === undefined ? -1 : Number(match[2]), part: match[3] ?? "" };
}

/** Return the head to which a component belongs; what belongs to none is returned as it is. */
export function headOf(name) {
  return /^L\d+H\d+/.exec(name)?.[0] ?? name;
}

function r(value) {
  return Math.round(value * 10) / 10;
}
