/**
 * The time axis: log, linear, index or tokens; the same places as dashboard/figures/axis.py. Tokens
 * lie where their steps lie on the log axis, and have round numbers of their own.
 */

import { shortCount, step as formatStep } from "./format.mjs";

/** Places of a run's checkpoints on an axis, and of the window that is zoomed in on. */
export class TimeAxis {
  constructor(steps, kind, zoom = null, tokensPerStep = 0) {
    this.steps = steps;
    this.tokensPerStep = tokensPerStep;
    this.kind = kind;
    this.places = Float64Array.from(steps, (t, i) => (kind === "index" ? i : place(t, kind)));
    const [low, high] = zoom ? zoom.map((t) => this.placeOf(t)) : this.ends();
    this.low = low;
    this.high = high > low ? high : low + 1;
    this.zoomed = zoom !== null;
  }

  /** The whole run's two ends; a run of one checkpoint gets a width. */
  ends() {
    const low = this.places[0] ?? 0;
    const high = this.places.at(-1) ?? 1;
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  }

  /** Where a step lies, between checkpoints too. */
  placeOf(step) {
    if (this.kind !== "index") return place(step, this.kind);
    const after = this.steps.findIndex((t) => t >= step);
    if (after <= 0) return after === 0 ? 0 : this.steps.length - 1;
    const [a, b] = [this.steps[after - 1], this.steps[after]];
    return after - 1 + (step - a) / (b - a);
  }

  /** The step at a share of the window; between checkpoints too. */
  stepAt(fraction) {
    const at = this.low + fraction * (this.high - this.low);
    if (isLog(this.kind)) return 10 ** at - 1;
    if (this.kind === "linear") return at;
    const i = Math.min(Math.max(at, 0), this.steps.length - 1);
    const [a, b] = [this.steps[Math.floor(i)], this.steps[Math.ceil(i)]];
    return a + (b - a) * (i % 1);
  }

  /** Where a checkpoint lies in the window: 0 left, 1 right, outside of these when not in it. */
  fraction(index) {
    return (this.places[index] - this.low) / (this.high - this.low);
  }

  /** Where a step lies in the window, as `fraction` tells of a checkpoint. */
  share(step) {
    return (this.placeOf(step) - this.low) / (this.high - this.low);
  }

  /** The checkpoint nearest to a share of the window. */
  nearest(fraction) {
    const at = this.low + Math.min(Math.max(fraction, 0), 1) * (this.high - this.low);
    let [a, b] = [0, this.places.length - 1];
    while (b - a > 1) {
      const middle = (a + b) >> 1;
      if (this.places[middle] <= at) a = middle;
      else b = middle;
    }
    return at - this.places[a] <= this.places[b] - at ? a : b;
  }

  /** The first and the last checkpoint in the window. */
  window() {
    const inside = [...this.places.keys()].filter((i) => {
      const f = this.fraction(i);
      return f >= -1e-9 && f <= 1 + 1e-9;
    });
    return inside.length ? [inside[0], inside.at(-1)] : [this.nearest(0), this.nearest(1)];
  }

  /** Steps worth a label in a window of `width` pixels, with their shares of it. */
  ticks(width) {
    const room = Math.max(2, Math.floor(width / 64));
    const candidates = this.kind === "index" ? this.indexTicks(room) : this.roundTicks(room);
    const kept = [];
    for (const { step, fraction } of candidates) {
      if (fraction < -1e-6 || fraction > 1 + 1e-6) continue;
      if (kept.every((k) => Math.abs(k.fraction - fraction) * width > 44)) kept.push({ step, fraction });
    }
    return kept.sort((a, b) => a.fraction - b.fraction);
  }

  indexTicks(room) {
    const [first, last] = this.window();
    const count = Math.min(room, last - first + 1);
    return Array.from({ length: count }, (_, k) => {
      const i = count > 1 ? Math.round(first + (k * (last - first)) / (count - 1)) : first;
      return { step: this.steps[i], fraction: this.fraction(i) };
    });
  }

  /** Ends first, then rounder steps before less round ones, so that the roundest keep their place. */
  roundTicks(room) {
    const [from, to] = [this.stepAt(0), this.stepAt(1)];
    const steps = this.zoomed ? [] : [this.steps[0], this.steps.at(-1)];
    const by = this.kind === "tokens" ? this.tokensPerStep : 1;
    if (isLog(this.kind)) {
      const decades = this.high - this.low;
      for (const factor of decades > 2.2 ? [1] : decades > 1.4 ? [1, 5, 2] : [1, 5, 2, 3, 4, 7, 6, 8, 9]) {
        for (let power = 1; power <= to * by; power *= 10) {
          const round = (factor * power) / by;
          if (round >= Math.max(from, by > 1 ? 0.5 : 0) && round <= to) steps.push(round);
        }
      }
    }
    if (this.kind === "linear" || (isLog(this.kind) && this.high - this.low < 0.7)) {
      const width = roundStep(((to - from) * by) / room) / by;
      for (let t = Math.ceil(from / width) * width; t <= to; t += width) steps.push(t);
    }
    return steps.map((step) => ({ step, fraction: this.share(step) }));
  }

  /** What a tick is called: its step, or the tokens that were seen by then. */
  label(step) {
    if (this.kind !== "tokens") return formatStep(Math.round(step));
    return shortCount(Math.round(step * this.tokensPerStep));
  }
}

/** Return the smallest of 1, 2, 5, 10, 20, .. that is at least `width`. */
export function roundStep(width) {
  for (let size = 1; ; size *= 10) {
    for (const factor of [1, 2, 5]) if (size * factor >= width) return size * factor;
  }
}

/** Return the checkpoint nearest to a step. */
export function nearestIndex(steps, step) {
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
  }
  return best;
}

function isLog(kind) {
  return kind === "log" || kind === "tokens";
}

function place(step, kind) {
  return isLog(kind) ? Math.log10(1 + step) : step;
}
