/** How differences are written. */

import { decimals, number, step as formatStep } from "./format.mjs";
import { verdictOn } from "./compare_edges.mjs";

/** Return a number with its sign, always. */
export function signed(value, places) {
  const text = number(value, places);
  return Number.isFinite(value) && value > 0 ? `+${text}` : text;
}

/** Return a rank, or how far apart two are, as text: shared ranks with their half. */
export function rankText(rank) {
  return number(rank, rank % 1 ? 1 : 0);
}

/** Return an interval of a difference in words; a dash where there is none. */
export function intervalText({ low, high }, places) {
  return Number.isFinite(low) && Number.isFinite(high) ? `${signed(low, places)} to ${signed(high, places)}` : "–";
}

/** Return what the interval of a change says, in words; "" without an interval. */
export function verdictText(change, half) {
  const verdict = verdictOn(change, half);
  if (Number.isNaN(verdict)) return "";
  return verdict > 0 ? "Heavier in B." : verdict < 0 ? "Heavier in A." : "The interval holds 0: cannot tell.";
}

/** Return where A or B stands: its step, and its run where there are two. */
export function sideText({ state, payload }, side) {
  const of = side === "a" ? payload : state.beside;
  const index = side === "a" ? state.index : state.against;
  if (!of || index < 0 || !of.steps.length) return "";
  return `${state.other ? `${of.run.name}, ` : ""}step ${formatStep(of.steps[index])}`;
}

/** Return a share in per cent, with a digit that is not 0. */
export function shareText({ kept, total }) {
  const share = total > 0 ? (100 * kept) / total : 0;
  return number(share, share >= 10 || share === 0 ? 0 : Math.max(1, decimals(share) - 2));
}
