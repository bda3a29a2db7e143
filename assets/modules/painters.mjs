/** How canvases are painted again: a picture of the page asks for it, to write paths and not pixels. */

const painters = new WeakMap();

/** Remember that `paint()` paints the canvas as it is now, through the canvas's own 2D context. */
export function paintedBy(canvas, paint) {
  painters.set(canvas, paint);
  return canvas;
}

/** Return what paints a canvas, if it says so. */
export function painterOf(canvas) {
  return painters.get(canvas);
}

/** Return a path for canvases that knows what it was made from. */
export function pathOf(d) {
  return Object.assign(new Path2D(d), { d });
}
