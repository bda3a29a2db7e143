/**
 * Saved views: addresses with a note, kept by this browser alone (nothing of a visitor is on the
 * server), and taken elsewhere as a file. Beside them, the code that shows this view in a frame.
 */

import { copied } from "./copying.mjs";
import { element } from "./elements.mjs";
import { save } from "./saving.mjs";
import { step as formatStep } from "./format.mjs";

const KEY = "ontogeny-views";
const FILE = "ontogeny-views.json";
const [MOST, LONGEST] = [200, 200];

/** Return the menu of saved views; `copy` gives the address of the present one. */
export function createViews(copy) {
  const note = element("input", { type: "text", class: "view-note", maxlength: LONGEST, placeholder: "a note on this view", "aria-label": "Note on this view" });
  const said = element("p", { class: "quiet", role: "status" });
  const list = element("ul", { class: "view-list" });
  const pick = element("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: () => load(pick, fill, said) });
  const form = element("form", { class: "view-form", onsubmit: (event) => {
    event.preventDefault();
    said.textContent = keep(note.value.trim(), copy());
    note.value = "";
    fill();
  } }, note, element("button", { type: "submit", class: "text-button strong", text: "Save view" }));
  const foot = element("div", { class: "view-foot" },
    element("button", { type: "button", class: "text-button", text: "Copy code to embed", onclick: (event) => embed(event.currentTarget, copy(), said) }),
    element("button", { type: "button", class: "text-button", text: "Save as file", onclick: () => saveAll(said) }),
    element("button", { type: "button", class: "text-button", text: "Open file", onclick: () => pick.click() }));
  const body = element("div", { class: "popover views" }, form, list, said, foot, pick);
  const menu = element("details", { class: "views-menu" }, element("summary", { class: "text-button", text: "Views" }), body);
  menu.addEventListener("toggle", () => menu.open && (fill(), (said.textContent = ""), note.focus()));

  function fill() {
    const views = read();
    list.replaceChildren(...views.map((view) => entry(view, fill)));
    if (!views.length) list.append(element("li", { class: "quiet", text: "No view is saved in this browser yet." }));
  }
  return menu;
}

function entry(view, fill) {
  const query = new URL(view.address, location.href).searchParams;
  const facts = [query.get("run"), query.has("step") ? `step ${formatStep(Number(query.get("step")))}` : "", view.page, view.saved.slice(0, 10)].filter(Boolean);
  const drop = element("button", { type: "button", class: "icon", text: "×", "aria-label": `Delete the view ${view.note || facts[0]}`, title: "Delete this view", onclick: () => (write(read().filter((other) => other.saved !== view.saved)), fill()) });
  return element("li", {}, element("a", { href: view.address }, element("strong", { text: view.note || "without a note" }), element("span", { text: facts.join(" · ") })), drop);
}

function keep(note, address) {
  const { pathname, search } = new URL(address);
  const page = document.querySelector("#main")?.dataset.page ?? "";
  const left = read().slice(0, MOST - 1);
  return write([{ note, address: pathname + search, page, saved: new Date().toISOString() }, ...left]) ? "Saved in this browser." : "This browser does not let pages keep anything.";
}

/** Return the saved views, newest first; what is none is left out. */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter(isView);
  } catch {
    return [];
  }
}

function write(views) {
  try {
    localStorage.setItem(KEY, JSON.stringify(views));
    return true;
  } catch {
    return false;
  }
}

/** A view leads to a place on this server, never elsewhere, whatever a file says. */
function isView(view) {
  const texts = ["note", "address", "page", "saved"].every((name) => typeof view?.[name] === "string" && view[name].length < 8000);
  return texts && /^\/(?![/\\])/.test(view.address) && new URL(view.address, location.href).origin === location.origin;
}

function saveAll(said) {
  const views = read();
  if (!views.length) return (said.textContent = "There is nothing to save yet.");
  return save(new Blob([JSON.stringify(views, null, 2)], { type: "application/json" }), FILE);
}

async function load(pick, fill, said) {
  const [file] = pick.files;
  pick.value = "";
  if (!file) return;
  try {
    const found = JSON.parse(await file.text()).filter(isView);
    const known = new Set(read().map((view) => view.saved + view.address));
    const added = found.filter((view) => !known.has(view.saved + view.address));
    write([...added, ...read()].slice(0, MOST));
    said.textContent = `${added.length} of ${found.length} views added.`;
  } catch {
    said.textContent = `${file.name} holds no saved views: choose a file that “Save as file” made.`;
  }
  fill();
}

function embed(button, address, said) {
  const view = new URL(address);
  view.searchParams.set("embed", "1");
  const code = `<iframe src="${view.href.replaceAll("&", "&amp;")}" width="100%" height="900" style="border:0" title="Ontogeny"></iframe>`;
  said.textContent = "Other sites may show it if the server was started with --embed-origins.";
  return copied(button, code, "The code that shows this view in a page");
}
