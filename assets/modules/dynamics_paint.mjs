/** Paints ways in three dimensions on a canvas, the far before the near, over their shadow on a floor. */

import { LETTERS } from "./dynamics_model.mjs";
import { devicePixels, tokens } from "./heat.mjs";
import { pathOf } from "./painters.mjs";

const COLOURS = ["way-early", "way-late", "beside-1", "beside-2", "beside-3", "beside-4", "ink", "ink2", "line", "panel", "sel"];
const DASHES = [[], [7, 4], [2, 4], [10, 3, 2, 3], [14, 4]];
const CORNERS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]];
const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];

/** Return the colours and the typeface in force; asking for them takes longer than a frame may. */
export function looks() {
  const colours = Object.fromEntries(tokens(...COLOURS).map((found, k) => [COLOURS[k], found]));
  return { colours, font: `11px ${getComputedStyle(document.body).fontFamily}` };
}

/** Paint the scene that dynamics_turn.mjs builds, as its `project` shows it. */
export function paintWays(canvas, scene, width, height) {
  const ratio = devicePixels(width) / width;
  [canvas.width, canvas.height] = [devicePixels(width), devicePixels(height)];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.lineCap = context.lineJoin = "round";
  context.font = scene.font;
  const { colours } = scene;
  paintBox(context, scene, colours);
  paintShadow(context, scene, colours);
  const pieces = [...segments(scene, colours), ...points(scene, colours)].sort((a, b) => a.depth - b.depth);
  for (const piece of pieces) piece.paint(context);
  paintNames(context, scene, colours, width);
}

function rgb(colour, alpha = 1) {
  return `rgb(${colour.map(Math.round).join(" ")} / ${alpha})`;
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  context.stroke();
}

/** The box that holds everything; of its corners the one is farthest away whose edges are hidden behind. */
function paintBox(context, { bounds, project }, { line: faint, ink2 }) {
  const corners = CORNERS.map((corner) => project(corner.map((end, k) => bounds[k][end])));
  const nearest = corners.reduce((best, corner, k) => (corner[2] > corners[best][2] ? k : best), 0);
  context.lineWidth = 1;
  context.strokeStyle = rgb(faint);
  for (const [a, b] of EDGES) if (a !== nearest && b !== nearest) line(context, corners[a], corners[b]);
  context.fillStyle = rgb(ink2);
  context.textAlign = "center";
  const centre = project(bounds.map(([low, high]) => (low + high) / 2));
  [0, 1, 2].forEach((axis) => {
    const [x, y] = axisMiddle(corners, axis, centre, nearest);
    context.fillText(`PC${axis + 1}`, x, y + 4);
  });
}

/** Return where an axis's name stands: outside of the box, at the middle of its outermost edge. */
function axisMiddle(corners, axis, centre, nearest) {
  const along = EDGES.filter(([a, b]) => a !== nearest && b !== nearest && CORNERS[a].every((end, k) => (k === axis) === (end !== CORNERS[b][k])));
  const middles = along.map(([a, b]) => [(corners[a][0] + corners[b][0]) / 2, (corners[a][1] + corners[b][1]) / 2]);
  // Names of level axes stand below the floor, that of the upright one beside it.
  const score = ([x, y]) => (axis === 2 ? -x : y);
  const [x, y] = middles.reduce((best, middle) => (score(middle) > score(best) ? middle : best));
  const away = Math.hypot(x - centre[0], y - centre[1]) || 1;
  return [x + (14 * (x - centre[0])) / away, y + (14 * (y - centre[1])) / away];
}

/** What the ways throw on the floor, straight down. */
function paintShadow(context, { bounds, project, ways3 }, { line: faint }) {
  context.strokeStyle = rgb(faint);
  context.lineWidth = 2;
  for (const points3 of ways3[0]) {
    context.beginPath();
    points3.forEach(([, [a, b]], k) => {
      const [x, y] = project([a, b, bounds[2][0]]);
      if (k) context.lineTo(x, y);
      else context.moveTo(x, y);
    });
    context.stroke();
  }
}

/** The ways' pieces, each as wide and as strong as it is near. */
function segments({ project, ways3, shares }, colours) {
  return ways3.flatMap((parts, r) => parts.flatMap((points3) => {
    let walked = 0;
    const placed = points3.map(([i, point]) => [i, project(point)]);
    return placed.slice(1).map(([i, to], k) => {
      const from = placed[k][1];
      const depth = (from[2] + to[2]) / 2;
      const near = (1 + depth) / 2;
      const colour = r ? colours[`beside-${r}`] : mix(colours["way-early"], colours["way-late"], shares[i]);
      const offset = walked;
      walked += Math.hypot(to[0] - from[0], to[1] - from[1]);
      return {
        depth,
        paint(context) {
          context.setLineDash(DASHES[r]);
          context.lineDashOffset = offset;
          context.lineWidth = 1 + 2.2 * near;
          context.strokeStyle = rgb(colour, 0.4 + 0.6 * near);
          line(context, from, to);
          context.setLineDash([]);
        },
      };
    });
  }));
}

function mix(a, b, t) {
  return a.map((v, k) => v + t * (b[k] - v));
}

/** References and boundaries of stages: shapes that do not turn, larger when near. */
function points({ project, references, boundaries }, { ink, panel, sel }) {
  const marked = references.map(({ at, shape, far }) => ({ at, far, colour: ink, path: pathOf(shape), size: 4.4 }));
  const ring = pathOf("M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0");
  marked.push(...boundaries.map(({ at }) => ({ at, clear: true, colour: sel, path: ring, size: 5.5 })));
  return marked.map(({ at, far, clear, colour, path, size }) => {
    const [x, y, depth] = project(at);
    return {
      depth: depth + 0.01,
      paint(context) {
        context.save();
        context.translate(x, y);
        context.scale(size + depth, size + depth);
        context.lineWidth = 1.5 / (size + depth);
        context.strokeStyle = rgb(colour);
        context.fillStyle = rgb(far ? panel : colour);
        if (!clear) context.fill(path);
        context.stroke(path);
        context.restore();
      },
    };
  });
}

/** Names beside references, and letters at the ends of other runs, over everything. */
function paintNames(context, { project, references, ways3 }, colours, width) {
  context.lineWidth = 3;
  context.strokeStyle = rgb(colours.panel);
  const write = (text, [x, y], colour) => {
    const left = x + 10 + context.measureText(text).width > width;
    context.textAlign = left ? "right" : "left";
    context.fillStyle = rgb(colour);
    context.strokeText(text, x + (left ? -10 : 10), y + 4);
    context.fillText(text, x + (left ? -10 : 10), y + 4);
  };
  for (const { name, at } of references) write(name, project(at), colours.ink2);
  ways3.slice(1).forEach((parts, k) => {
    const last = parts.flat().at(-1);
    if (last) write(LETTERS[k + 1], project(last[1]), colours[`beside-${k + 1}`]);
  });
}
