/** Handing files to the reader. */

import { element } from "./elements.mjs";

/** Save a file under a name; its address is given back once the browser has surely read it. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
