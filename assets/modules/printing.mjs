/** Printed pages say where they are from, as pictures of their panels do. */

import { byId, element } from "./elements.mjs";
import { provenance } from "./opened.mjs";

/** Put the page's provenance at its end whenever it is about to be printed. */
export function listenToPrinting() {
  addEventListener("beforeprint", () => {
    const main = byId("main");
    document.querySelector(".print-foot")?.remove();
    main?.append(element("footer", { class: "print-foot" }, ...provenance(main).map((text) => element("p", { text }))));
  });
  addEventListener("afterprint", () => document.querySelector(".print-foot")?.remove());
}
