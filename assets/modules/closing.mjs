/** What hangs open closes: by a click elsewhere, or by Escape, which then does nothing else. */

/** Listen for both, as long as the document is there. */
export function closeOpenOnes() {
  document.addEventListener("pointerdown", close);
  document.addEventListener("keydown", close, { capture: true });
}

function close(event) {
  if (event.type === "keydown" && event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details[open]")) {
    if (event.type !== "keydown" && open.contains(event.target)) continue;
    open.open = false;
    if (event.type === "keydown") event.preventDefault();
  }
}
