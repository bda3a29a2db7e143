/** How components and edges look: a shape for each kind, a width and an opacity for each weight. */

/** Shapes of radius 1: never colour alone tells the kinds apart. */
export const SHAPES = {
  head: "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  layer: "M-.6-.62h1.2a.62.62 0 0 1 0 1.24h-1.2a.62.62 0 0 1 0-1.24Z",
  mlp: "M-.62-.88h1.24q.26 0 .26.26v1.24q0 .26-.26.26h-1.24q-.26 0-.26-.26v-1.24q0-.26.26-.26Z",
  io: "M0-1.16 1.16 0 0 1.16-1.16 0Z",
};

/** What the kinds are called. */
export const KINDS = { head: "head", layer: "all heads of a layer", mlp: "MLP", io: "input, output" };

/** What a part of attention is called. */
export const PART_NAMES = {
  Q: "queries", K: "keys", V: "values", RQ: "rotated queries", RK: "rotated keys", Z: "attention output", POST: "MLP neurons",
};

/** Width and opacity grow with the root of the weight: a few edges outweigh all others by far. */
export function strokeWidth(share) {
  return Math.round((0.4 + 3.8 * Math.sqrt(Math.min(1, share))) * 20) / 20;
}

/** As `strokeWidth`, for the opacity; `slim` edges, which are many, are fainter too. */
export function strokeOpacity(share, slim = 1) {
  return ((0.1 + 0.55 * Math.sqrt(Math.min(1, share))) * (0.3 + 0.7 * slim)).toFixed(2);
}
