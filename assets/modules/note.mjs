/** One line that the reader should know, above the panels. */

import { byId, element } from "./elements.mjs";

/** Show a note until it is dismissed. */
export function note(text) {
  const place = byId("note");
  if (!place) return;
  const dismiss = element("button", { type: "button", class: "text-button", text: "dismiss", onclick: () => (place.hidden = true) });
  place.replaceChildren(element("span", { text }), dismiss);
  place.hidden = false;
}
