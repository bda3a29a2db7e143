/** The header's actions: copy the link, save the page, choose the colour scheme, show the keys. */

import { byId, element, setAttribute, svg } from "./elements.mjs";
import { createViews } from "./views.mjs";
import { copied } from "./copying.mjs";
import { keepOpened } from "./opened.mjs";
import { note } from "./note.mjs";
import { showHelp } from "./keys.mjs";

const MOON = "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6Z";
const SUN = "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.8M8 13.2V15M1 8h1.8M13.2 8H15M3 3l1.3 1.3M11.7 11.7 13 13M13 3l-1.3 1.3M4.3 11.7 3 13";
const DOWN = "M8 2v8M4.5 6.8 8 10.3l3.5-3.5M2.5 13.5h11";
/** How long the server may take to draw the curves in other colours, in milliseconds. */
const PATIENCE = 5000;
/** What stays in sight of the page's name before the open one, in pixels. */
const MARGIN = 16;
let repaint = () => {};
// What a page fetched is saved with it; browsers forget all but the first 250 files.
performance.setResourceTimingBufferSize(4000);

/** Return the scheme that is in force: `light` or `dark`. */
export function scheme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Fill the header of a page; `copy` returns the address to share, `onScheme` hears of a change, `model` is what the page shows. */
export function fillHead({ copy, onScheme, keys, model }, signal) {
  keepOpened({ copy, model }, signal);
  const icon = svg("path");
  const toggle = element("button", { type: "button", class: "icon", onclick: flip }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, icon));
  const share = element("button", { type: "button", class: "text-button", text: "Copy link", onclick: () => copied(share, copy(), "The link to this view") });
  const help = element("button", { type: "button", class: "icon", text: "?", "aria-label": "Keys", title: "Keys (?)", onclick: showHelp });
  const slot = byId("head-actions");
  slot?.replaceChildren(...(copy ? [share, createViews(copy)] : []), ...(canBeSaved(model) ? [saveButton()] : []), toggle, ...(keys ? [help] : []));

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
  repaint = paint;
  signal.addEventListener("abort", () => slot?.replaceChildren());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal });
  paint();
  showHere();
}

/** Where the header is too narrow for all pages' names, scroll to the one that is open. */
function showHere() {
  const pages = document.querySelector(".pages");
  const here = pages?.querySelector(":scope > .here, :scope > .page-group > .here");
  if (here) pages.scrollLeft += here.getBoundingClientRect().left - pages.getBoundingClientRect().left - MARGIN;
}

/** Return what `act()` returns while the page is in another scheme; nothing remembers that it was. */
export async function inScheme(wanted, panel, act) {
  if (scheme() === wanted) return act();
  const { theme } = document.documentElement.dataset;
  const change = (chosen) => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    repaint();
  };
  const redrawn = plotted(panel);
  change(wanted);
  try {
    await redrawn;
    await frames(3);
    return act();
  } finally {
    change(theme);
  }
}

/** Resolve when the curves that Plotly draws in a panel, if any, are drawn anew. */
function plotted(panel) {
  const figure = panel.querySelector(".js-plotly-plot");
  if (!figure?.once) return Promise.resolve();
  return Promise.race([new Promise((done) => figure.once("plotly_afterplot", done)), new Promise((done) => setTimeout(done, PATIENCE))]);
}

/** Resolve when so many frames have been drawn. */
export async function frames(count) {
  for (let k = 0; k < count; k++) await new Promise(requestAnimationFrame);
}

/** Pages that the slider moves hold all they show; and a saved page is saved already. */
function canBeSaved(model) {
  return Boolean(model?.payload) && !document.querySelector("meta[name=ontogeny-origin]");
}

function saveButton() {
  const title = "Save this page as one HTML file that works without a server";
  const picture = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: DOWN }));
  const button = element("button", { type: "button", class: "icon", "aria-label": "Save page", title, onclick: saveIt }, picture);
  async function saveIt() {
    button.disabled = true;
    setAttribute(button, "aria-busy", "true");
    try {
      await (await import("./page_file.mjs")).savePage();
    } catch (error) {
      note(error.message);
    }
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
  return button;
}
