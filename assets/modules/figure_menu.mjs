/** The menu of every panel: its picture, the data behind it, and the code that gets that. */

import { element, svg } from "./elements.mjs";
import { copied } from "./copying.mjs";
import { note } from "./note.mjs";
import { opened } from "./opened.mjs";
import { saveCsv, tableOffer } from "./saving.mjs";
import { scheme } from "./head.mjs";
import { tablesOf } from "./figure_tables.mjs";

const DOTS = [3, 8, 13];
/** Panels that show something; those of choices only are set, not looked at. */
const PANELS = ".panel:not(.message, .guide, .start-panel, :has(> .panel-choice:first-child))";
let count = 0;

/** Give every panel under `root` its menu, until `signal` aborts. */
export function attachMenus(root, signal) {
  for (const panel of root.querySelectorAll(PANELS)) {
    if (!panel.querySelector(":scope > .figure-menu")) panel.append(menuOf(panel));
  }
  signal.addEventListener("abort", () => root.querySelectorAll(".figure-menu").forEach((menu) => menu.remove()));
}

/** Return the menu of a panel; what is in it is made when it is opened. */
function menuOf(panel) {
  const name = panel.getAttribute("aria-label") ?? "this panel";
  const dots = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, ...DOTS.map((cx) => svg("circle", { cx, cy: 8, r: 1.2 })));
  const summary = element("summary", { class: "icon", "aria-label": `Save or get the data: ${name}`, title: "Picture, data, code" }, dots);
  const body = element("div", { class: "popover figure-popover" });
  const menu = element("details", { class: "figure-menu" }, summary, body);
  menu.addEventListener("toggle", () => {
    if (menu.open) body.replaceChildren(...entriesOf(panel, menu));
    else if (body.contains(document.activeElement) || document.activeElement === document.body) summary.focus({ preventScroll: true });
  });
  return menu;
}

function entriesOf(panel, menu) {
  const dark = scheme() === "dark";
  const print = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "light background, for print", onclick: (event) => flip(event.currentTarget) });
  const light = (event) => dark && (event.shiftKey || print.getAttribute("aria-pressed") === "true");
  const picture = (text, detail, act) =>
    element("button", { type: "button", onclick: (event) => run(menu, event.currentTarget, () => act(light(event))) }, element("strong", { text }), element("span", { text: detail }));
  const size = (scale) => Math.round(panel.getBoundingClientRect().width * scale).toLocaleString("en");
  const files = () => import("./figure_files.mjs");
  return [
    picture("Save SVG", "vectors, with legend and provenance", async (l) => (await files()).saveSvg(panel, l)),
    picture("Save PNG", `${size(2)} pixels wide`, async (l) => (await files()).savePng(panel, 2, l)),
    picture("Save PNG, large", `${size(3)} pixels wide`, async (l) => (await files()).savePng(panel, 3, l)),
    ...(dark ? [element("p", { class: "figure-row" }, print)] : []),
    ...(sweeps(panel) ? [picture("Save sweep …", "every checkpoint as a frame: GIF or WebM", async () => (await import("./sweep_dialog.mjs")).openSweep(panel))] : []),
    ...(tableOffer(panel) ? [picture("Save CSV", "every number of this panel as it is now", () => saveOffer(panel))] : []),
    ...tablesOf(panel).flatMap(dataRows),
  ];
}

function saveOffer(panel) {
  const { name, rows } = tableOffer(panel)();
  saveCsv(rows, name);
}

function flip(button) {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
}

/** Say whether a panel changes from checkpoint to checkpoint. */
function sweeps(panel) {
  const { model } = opened();
  return (model?.payload?.steps?.length ?? 0) > 1 && Boolean(model.go) && panel.querySelector("[data-step], .cursor") !== null;
}

/** Do what a button says, once at a time; what cannot be done is said in words. */
async function run(menu, button, act) {
  button.disabled = true;
  try {
    await act();
    menu.open = false;
  } catch (error) {
    note(error.message);
  }
  button.disabled = false;
}

/** One line of links, and the lines of code under it. */
function dataRows({ label, code, files }) {
  const id = `figure-code-${++count}`;
  const place = element("div", { class: "figure-code", id, hidden: true });
  const show = element("button", { type: "button", class: "text-button", "aria-expanded": "false", "aria-controls": id, text: label === "Graph" ? "Code that gets this graph" : "Code that gets this" });
  show.addEventListener("click", () => {
    place.hidden = !place.hidden;
    show.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.firstChild) fillCode(place, code);
  });
  const links = files.map(([format, href]) => element("a", { href, download: true, text: format, "aria-label": `${label} as ${format}` }));
  return [element("p", { class: "figure-row" }, element("span", { text: label }), ...links), element("p", { class: "figure-row" }, show), place];
}

async function fillCode(place, address) {
  let text = "";
  try {
    const response = await fetch(address);
    if (response.ok) text = (await response.text()).trim();
    else place.replaceChildren(element("p", { class: "quiet", text: `The code could not be loaded (${response.status}).` }));
  } catch {
    place.replaceChildren(element("p", { class: "quiet", text: "The server does not answer; is it still running?" }));
  }
  if (!text) return;
  const copy = element("button", { type: "button", class: "text-button", text: "Copy code", onclick: () => copied(copy, text, "The code") });
  place.replaceChildren(element("pre", { tabindex: 0, "aria-label": "Python code" }, element("code", { text })), copy);
}
