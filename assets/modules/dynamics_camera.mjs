/** A look at three axes without perspective: equal lengths stay equal when they lie across the line of sight. */

import { number } from "./format.mjs";

const [AZIMUTH, ELEVATION] = [-35, 24];
const RADIANS = Math.PI / 180;
const KEYS = { ArrowLeft: [-6, 0], ArrowRight: [6, 0], ArrowUp: [0, 6], ArrowDown: [0, -6] };
const STEEPEST = 80;
const PER_PIXEL = 0.45;
const PER_SECOND = 14;
const STILL = 4;
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

/** Return the camera: `azimuth` and `elevation` in degrees, `turn(by, up)`, `reset()` and `project(point, frame)`. */
export function createCamera() {
  const camera = { azimuth: AZIMUTH, elevation: ELEVATION };
  camera.turn = (by, up) => {
    camera.azimuth = ((((camera.azimuth + by + 180) % 360) + 360) % 360) - 180;
    camera.elevation = Math.min(STEEPEST, Math.max(-STEEPEST, camera.elevation + up));
  };
  camera.reset = () => Object.assign(camera, { azimuth: AZIMUTH, elevation: ELEVATION });
  camera.words = () => `seen from ${number(camera.azimuth, 0)}°, ${Math.round(Math.abs(camera.elevation))}° ${camera.elevation < 0 ? "below" : "above"}`;
  /** Return [x, y, depth] of a point: pixels, and from -1 far away to 1 near. */
  camera.project = (point, { middle, unit, radius, left, top }) => {
    const [a, b, c] = point.map((v, k) => v - middle[k]);
    const [sin, cos] = [Math.sin(camera.azimuth * RADIANS), Math.cos(camera.azimuth * RADIANS)];
    const [up, level] = [Math.sin(camera.elevation * RADIANS), Math.cos(camera.elevation * RADIANS)];
    const [x, back] = [a * cos - b * sin, a * sin + b * cos];
    return [left + x * unit, top - (c * level + back * up) * unit, (c * up - back * level) / radius];
  };
  return camera;
}

/** Return the frame in which bounds of three axes stay inside of a size however they are turned. */
export function frameOf(bounds, width, height, margin) {
  const middle = bounds.map(([low, high]) => (low + high) / 2);
  const radius = Math.hypot(...bounds.map(([low, high]) => high - low)) / 2;
  return { middle, radius, unit: (Math.min(width, 1.1 * height) / 2 - margin) / radius, left: width / 2, top: height / 2 };
}

/**
 * Let a drawing be turned: by dragging, and by arrow keys while it has the focus. `moved()` is told;
 * `pointed(event)` of a pointer that does not drag, `clicked(event)` of a click. Returns `toggle()` of
 * the slow turn, which no one has who asks for reduced motion.
 */
export function letTurn(node, camera, signal, { moved, pointed, clicked, spinning }) {
  let held = null;
  let frame = 0;
  let last = 0;
  const turn = (by, up) => {
    camera.turn(by, up);
    moved();
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = last = 0;
    spinning(false);
  };
  const spin = (now) => {
    if (last) turn((Math.min(100, now - last) / 1000) * PER_SECOND, 0);
    last = now;
    frame = requestAnimationFrame(spin);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stop();
    held = { x: event.clientX, y: event.clientY, far: 0 };
    node.setPointerCapture(event.pointerId);
  }, { signal });
  node.addEventListener("pointermove", (event) => {
    if (!held) return pointed(event);
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    const far = held.far + Math.hypot(dx, dy);
    held = { x: event.clientX, y: event.clientY, far };
    if (far > STILL) turn(dx * PER_PIXEL, dy * PER_PIXEL);
    return undefined;
  }, { signal });
  node.addEventListener("pointerup", (event) => {
    if (held && held.far <= STILL) clicked(event);
    held = null;
  }, { signal });
  node.addEventListener("pointercancel", () => (held = null), { signal });
  node.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    // These keys would scrub elsewhere on the page.
    event.preventDefault();
    event.stopPropagation();
    stop();
    turn(...by);
  }, { signal });
  signal.addEventListener("abort", stop);
  REDUCED.addEventListener("change", stop, { signal });
  return {
    stop,
    toggle() {
      if (frame) return stop();
      if (REDUCED.matches) return undefined;
      frame = requestAnimationFrame(spin);
      return spinning(true);
    },
    allowed: () => !REDUCED.matches,
  };
}
