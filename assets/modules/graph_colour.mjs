/** What the colour of a component says in the graph: its kind, or its refined LLC at this step. */

import { between, legendOf, scaleOf, tokens } from "./heat.mjs";
import { element, select, svg } from "./elements.mjs";
import { decimals, number, spread } from "./format.mjs";
import { isUsable, refinementOptions, refinements, usableValues } from "./refined_curves.mjs";
import { isDoubted } from "./verdicts.mjs";

export const ROLE = "role";
/** So few that those of a crowd can share a path each. */
const SHADES = 24;
/** From the hair line's colour, a little on, so that the least still differs from nothing. */
const LEAST = 0.12;
const NO_PART = "var(--panel)";
const NO_VALUE = "url(#no-value)";
const UNIT = "refined λ̂";

/** Fill the menu of colours; without refined LLCs there is no choice and no menu. */
export function fillColourMenu(slot, model) {
  const options = refinementOptions(model.payload).map(([setting, label]) => [setting, `refined LLC, ${label}`]);
  const focused = slot.contains(document.activeElement);
  slot.hidden = !options.length;
  const menu = select({ class: "menu", "data-menu": "colour", "aria-label": "Colour by", onchange: (e) => model.set({ colour: e.target.value }) }, [[ROLE, "kind"], ...options], model.state.colour);
  slot.replaceChildren(element("span", { class: "quiet", text: "colour" }), menu);
  if (focused) menu.focus();
}

/** Return the hatching of components that have no value at this step, as `fillOf` names it. */
export function hatching() {
  const lines = svg("path", { d: "M-.1.1.1-.1M0 .5.5 0M.4.6.6.4", class: "no-value" });
  return svg("defs", {}, svg("pattern", { id: "no-value", width: 0.5, height: 0.5, patternUnits: "userSpaceOnUse" }, lines));
}

/**
 * Return the colours of a graph's components, or null where they go by kind: `fillOf(i, index)`,
 * `isDoubted(i, index)`, `textOf(i, index)`, `highest(index)` in words, and `legend`. The scale is
 * that of the whole run.
 */
export function colouring({ payload, state }) {
  const curves = refinements(payload)[state.colour];
  const graph = payload.graphs[state.graph];
  if (!curves || !graph) return null;
  const scale = scaleOf(usableValues(curves));
  const colours = tokens("hair", "accent", "ink");
  const shades = Array.from({ length: SHADES }, (_, k) => `rgb(${between(colours, [0, 0.66, 1.2], LEAST + ((1 - LEAST) * k) / (SHADES - 1)).map(Math.round).join(" ")})`);
  const byName = new Map(curves.map((curve) => [curve.component, curve]));
  const own = graph.components.map(({ name }) => byName.get(name));
  const places = decimals(Math.max(Math.abs(scale.low), Math.abs(scale.high)));

  function fillOf(i, index) {
    if (!own[i]) return NO_PART;
    return isUsable(own[i], index) ? shades[Math.round(scale.share(own[i].values[index]) * (SHADES - 1))] : NO_VALUE;
  }
  function textOf(i, index) {
    const curve = own[i];
    if (!curve) return "";
    const verdict = curve.verdicts[index];
    if (!Number.isFinite(curve.values[index])) return verdict || "not measured";
    const error = spread(curve.low[index], curve.high[index], places);
    const told = number(curve.values[index], places) + (error ? ` ± ${error}` : "");
    return isDoubted(curve, index) ? `${told}, ${verdict}` : told;
  }
  function highest(index) {
    let best = -1;
    own.forEach((curve, i) => {
      if (curve && isUsable(curve, index) && !(best >= 0 && own[best].values[index] >= curve.values[index])) best = i;
    });
    return best < 0 ? "No refined LLC at this step." : `Coloured by refined LLC, highest: ${graph.components[best].name}, ${textOf(best, index)}.`;
  }
  return { fillOf, isDoubted: (i, index) => isDoubted(own[i], index), textOf, highest, legend: legendOf(scale, UNIT) };
}
