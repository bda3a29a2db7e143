/** How components and edges look: a shape for each kind, a width and an opacity for each weight. */

/** Shapes of radius 1: never colour alone tells the kinds apart. */
export const SHAPES = {
  head: "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  mlp: "M-.62-.88h1.24q.26 0 .26.26v1.24q0 .26-.26.26h-1.24q-.26 0-.26-.26v-1.24q0-.26.26-.26Z",
  io: "M0-1.16 1.16 0 0 1.16-1.16 0Z",
};

/** What the kinds are called. */
export const KINDS = { head: "head", mlp: "MLP", io: "input, output" };

/** Width and opacity grow with the root of the weight: a few edges outweigh all others by far. */
export function strokeWidth(share) {
  return Math.round((0.4 + 3.8 * Math.sqrt(Math.min(1, share))) * 20) / 20;
}

/** As `strokeWidth`, for the opacity. */
export function strokeOpacity(share) {
  return (0.1 + 0.55 * Math.sqrt(Math.min(1, share))).toFixed(2);
}
