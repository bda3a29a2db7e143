/** The Guide page: its formulas, which the server gives as MathML, put where they belong. */

import { fillHead } from "./head.mjs";

/** Fill the page under `root` until `signal` aborts. */
export function mountGuide(root, signal) {
  for (const place of root.querySelectorAll("[data-mathml]")) {
    const source = place.dataset.mathml.replace("<math", '<math xmlns="http://www.w3.org/1998/Math/MathML"');
    place.replaceChildren(document.importNode(new DOMParser().parseFromString(source, "application/xml").documentElement, true));
  }
  document.title = "Guide · Ontogeny";
  fillHead({}, signal);
}
