/** Where components and edges lie: the architecture, bottom to top. Nothing here depends on a checkpoint. */

const LABEL = 44;

/**
 * Return a place `{x, y, layer}` for each component in a canvas of that size.
 *
 * Heads stand in order from the left, an MLP at the right, raised if it follows its block's heads;
 * the input lies below all layers, the output above.
 */
export function placeComponents(components, order, width, height) {
  const parsed = components.map((c) => parse(c.name));
  const layers = Math.max(0, ...parsed.map((p) => p.layer + 1));
  const heads = Math.max(1, ...parsed.map((p) => p.head + 1));
  const box = frame(width, height);
  const row = (box.bottom - box.top) / (layers + 1);
  const column = (box.right - box.left) / heads;
  const middle = box.left + (column * (heads - 1)) / 2;
  const places = parsed.map((p, i) => {
    if (p.layer < 0) return { x: middle, y: components[i].name === "EMB" ? box.bottom : box.top, layer: p.layer };
    const y = box.bottom - (p.layer + 1) * row;
    if (p.head >= 0) return { x: box.left + p.head * column, y, layer: p.layer };
    const after = parsed.some((q, k) => q.layer === p.layer && q.head >= 0 && order[k] < order[i]);
    return { x: box.right, y: y - (after ? row * 0.34 : 0), layer: p.layer };
  });
  return { places, layers, row, column, box };
}

/** Return the path of an edge between two places: a soft bow, deeper where it would cross a node. */
export function edgePath(from, to, row) {
  const rise = from.y - to.y;
  const upright = Math.abs(from.x - to.x) < 1;
  const long = rise > row * 1.1;
  const bow = upright && long ? Math.min(0.34 * rise, 96) : 0.1 * rise;
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

function frame(width, height) {
  const narrow = width < 520;
  return {
    left: narrow ? 28 : Math.max(96, width * 0.17),
    right: narrow ? width - 28 : width - Math.max(72, width * 0.1),
    top: 22,
    bottom: height - (narrow ? 30 : 22),
    narrow,
    label: LABEL,
  };
}

function parse(name) {
  const match = /^L(\d+)(?:H(\d+)|MLP)$/.exec(name);
  if (!match) return { layer: -1, head: -1 };
  return { layer: Number(match[1]), head: match[2] === undefined ? -1 : Number(match[2]) };
}

function r(value) {
  return Math.round(value * 10) / 10;
}
