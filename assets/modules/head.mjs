/** The header's actions: copy the link, choose the colour scheme, show the keys. */

import { byId, element, setAttribute, svg } from "./elements.mjs";
import { createViews } from "./views.mjs";
import { showHelp } from "./keys.mjs";

const MOON = "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6Z";
const SUN = "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.8M8 13.2V15M1 8h1.8M13.2 8H15M3 3l1.3 1.3M11.7 11.7 13 13M13 3l-1.3 1.3M4.3 11.7 3 13";

/** Return the scheme that is in force: `light` or `dark`. */
export function scheme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Fill the header of a page; `copy` returns the address to share, `onScheme` hears of a change. */
export function fillHead({ copy, onScheme, keys }, signal) {
  const icon = svg("path");
  const toggle = element("button", { type: "button", class: "icon", onclick: flip }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, icon));
  const slot = byId("head-actions");
  if (!slot) return;
  const share = element("button", { type: "button", class: "text-button", text: "Copy link", onclick: () => copyLink(share, copy()) });
  const help = element("button", { type: "button", class: "icon", text: "?", "aria-label": "Keys", title: "Keys (?)", onclick: showHelp });
  slot.replaceChildren(...(copy ? [share, createViews(copy)] : []), toggle, ...(keys ? [help] : []));

  function paint() {
    const dark = scheme() === "dark";
    setAttribute(icon, "d", dark ? SUN : MOON);
    setAttribute(toggle, "aria-label", dark ? "Light theme" : "Dark theme");
    setAttribute(toggle, "title", dark ? "Light theme" : "Dark theme");
    onScheme?.(scheme());
  }
  function flip() {
    const chosen = scheme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    localStorage.setItem("ontogeny-theme", chosen);
    paint();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal });
  paint();
}

async function copyLink(button, address) {
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    window.prompt("The link to this view", address);
  }
  setTimeout(() => (button.textContent = "Copy link"), 1500);
}
