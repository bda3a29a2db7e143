/** Pinned components: which are, what that shows and hides, and which edges stand out. */

import { placeOf } from "./payload.mjs";

const masks = new WeakMap();

/** Pin a component, or take its pin away; without pins, all are shown again. */
export function togglePin(model, name) {
  if (!name) return;
  const { pins, onlyPins } = model.state;
  const left = pins.includes(name) ? pins.filter((pin) => pin !== name) : [...pins, name];
  model.set({ pins: left, onlyPins: onlyPins && left.length > 0 });
}

/** Return which components are shown, by number, or null for all of them. */
export function shownOf(graph, { pins, onlyPins }) {
  if (!onlyPins || !pins.length) return null;
  let known = masks.get(graph);
  if (known?.pins !== pins) {
    const mask = Uint8Array.from(graph.components, ({ name }) => Number(pins.includes(name)));
    masks.set(graph, (known = { pins, mask }));
  }
  return known.mask;
}

/**
 * Return what stands out: `chosen`, the number of the selected component or -1, `pins`, those of the
 * pinned ones, `any`, and `edge(from, to)`. Edges of the selected one do, or else those between pins.
 */
export function standingOut(graph, { component, pins }) {
  const chosen = placeOf(graph, component);
  const pinned = new Set(pins.map((name) => placeOf(graph, name)).filter((i) => i >= 0));
  const [only] = pinned;
  const edge = (from, to) => {
    if (chosen >= 0) return from === chosen || to === chosen;
    return pinned.size > 1 ? pinned.has(from) && pinned.has(to) : from === only || to === only;
  };
  return { chosen, pins: pinned, any: chosen >= 0 || pinned.size > 0, edge: pinned.size || chosen >= 0 ? edge : () => false };
}

/** Return the numbers of components whose name holds what is looked for, in any case. */
export function matching(graph, text) {
  const asked = text.trim().toLowerCase();
  if (!asked || !graph) return [];
  return [...graph.components.keys()].filter((i) => graph.components[i].name.toLowerCase().includes(asked));
}
