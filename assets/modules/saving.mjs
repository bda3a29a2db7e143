/** Handing files to the reader, and tables that a panel has itself. */

import { element } from "./elements.mjs";

const offered = new WeakMap();

/** Save a file under a name; its address is given back once the browser has surely read it. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Save rows, the first of which is the head, as a CSV file. */
export function saveCsv(rows, name) {
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const text = rows.map((row) => row.map((cell) => quoted(String(cell ?? ""))).join(",")).join("\n");
  save(new Blob([`${text}\n`], { type: "text/csv" }), name);
}

/** Let the menu of the panel that `node` is in save what `make` returns, `{name, rows}`. */
export function offerTable(node, make) {
  offered.set(node.closest(".panel"), make);
}

/** Return what makes the table of a panel, if it offers one. */
export function tableOffer(panel) {
  return offered.get(panel);
}
