/** What the colour of a component says in the graph: its kind, or a number on a scale of the whole run. */

import { legendOf, rampOf, scaleOf } from "./heat.mjs";
import { colourOptions, ROLE, sourceOf } from "./component_sources.mjs";
import { element, select, svg } from "./elements.mjs";
import { CROWD } from "./places.mjs";

/** So few that those of a crowd can share a path each. */
const SHADES = 24;
/** From the hair line's colour, a little on, so that the least still differs from nothing. */
const LEAST = 0.12;
const NO_PART = "var(--panel)";
/** A crowd's marks are drawn in pixels, single ones are scaled. */
const NO_VALUE = { single: "url(#no-value)", crowd: "url(#no-value-crowd)" };

/** Fill the menu of colours. */
export function fillColourMenu(slot, model) {
  const { payload, state } = model;
  const focused = slot.contains(document.activeElement);
  slot.hidden = !payload.graphs[state.graph];
  const menu = select({ class: "menu", "data-menu": "colour", "aria-label": "Colour by", onchange: (e) => model.set({ colour: e.target.value }) }, colourOptions(payload, payload.graphs[state.graph]), state.colour);
  slot.replaceChildren(element("span", { class: "quiet", text: "colour" }), menu);
  if (focused) menu.focus();
}

/** Return the hatching of components that have no value at this step, as `fillOf` names it. */
export function hatching() {
  const pattern = (id, size) => {
    const lines = svg("path", { d: "M-.1.1.1-.1M0 .5.5 0M.4.6.6.4", class: "no-value", transform: `scale(${2 * size})` });
    return svg("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" }, lines);
  };
  return svg("defs", {}, pattern("no-value", 0.5), pattern("no-value-crowd", 4));
}

/**
 * Return the colours of a graph's components, or null where they go by kind: `name`,
 * `fillOf(i, index)`, `isDoubted(i, index)`, `textOf(i, index)`, `highest(index)` in words, and
 * `legend`. The scale is that of the whole run.
 */
export function colouring({ payload, state }) {
  const graph = payload.graphs[state.graph];
  const source = state.colour === ROLE ? null : sourceOf(payload, graph, state.colour);
  if (!source) return null;
  const scale = scaleOf(source.all, { signed: source.signed ?? false });
  const shades = shadesOf(scale);

  const none = graph.components.length > CROWD ? NO_VALUE.crowd : NO_VALUE.single;

  function fillOf(i, index) {
    if (!source.isMember(i)) return NO_PART;
    const value = source.value(i, index);
    return Number.isFinite(value) ? shades[Math.round(scale.share(value) * (SHADES - 1))] : none;
  }
  function highest(index) {
    let best = -1;
    graph.components.forEach((_, i) => {
      const value = source.value(i, index);
      if (Number.isFinite(value) && !(best >= 0 && source.value(best, index) >= value)) best = i;
    });
    if (source.fixed) return "";
    return best < 0 ? `No ${source.name} at this step.` : `Coloured by ${source.name}, highest: ${graph.components[best].name}, ${source.textOf(best, index)}.`;
  }
  return { name: source.name, told: source.told ?? false, fillOf, isDoubted: source.isDoubted, textOf: source.textOf, highest, legend: legendOf(scale, source.unit, source.fixed) };
}

/** Return the colours of a few steps of a scale; a plain one begins a little on. */
function shadesOf(scale) {
  const colourAt = rampOf(scale);
  const first = scale.signed ? 0 : LEAST;
  return Array.from({ length: SHADES }, (_, k) => written(colourAt(first + ((1 - first) * k) / (SHADES - 1))));
}

function written(colour) {
  return `rgb(${colour.map(Math.round).join(" ")})`;
}
