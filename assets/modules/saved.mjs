/** A page that was saved as one file: what it would ask of the server is answered from the file. */

import { attachMenus } from "./figure_menu.mjs";
import { byId, element } from "./elements.mjs";
import { closeOpenOnes } from "./closing.mjs";
import { drawLanes } from "./saved_lanes.mjs";

const OBSTACLE = "This is a saved page; nothing can be measured here.";

/** Open the page: `mount(root, signal)` fills it as it does where a server is. */
export function open(mount) {
  const origin = document.querySelector("meta[name=ontogeny-origin]").content;
  const kept = JSON.parse(byId("kept").textContent);
  byId("kept").remove();
  answerFrom(kept);
  keepQuery(new URL(origin).search);
  window.dash_clientside = { set_props: () => {} };
  const stage = byId("lanes-stage");
  if (stage) drawLanes(stage.querySelector(".lanes-figure"));
  leadBack(origin);
  closeOpenOnes();
  const main = byId("main");
  const leaving = new AbortController();
  attachMenus(main, leaving.signal);
  mount(main, leaving.signal);
}

/** Let `fetch` find in the file what it held when it was saved, and nothing else. */
function answerFrom(kept) {
  window.fetch = async (address, { method = "GET", signal } = {}) => {
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    if (method !== "GET") return told(503, { reason: OBSTACLE });
    const path = String(address);
    const found = kept[path] ?? kept[path.split("?")[0]];
    if (!found) return told(404, { reason: "not in this file" });
    const bytes = await unpacked(found.data);
    if (!/\/api\/state\//.test(path)) return new Response(bytes, { headers: { "Content-Type": found.type } });
    const state = await new Response(bytes).json();
    return told(200, { ...state, job: null, service: false, obstacle: OBSTACLE, attention: { ...state.attention, waiting: {} } });
  };
}

function told(status, body) {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Give the file's address the query of the view. Where a browser keeps a file's address as it is, it stays. */
function keepQuery(query) {
  const replace = history.replaceState.bind(history);
  history.replaceState = (...given) => {
    try {
      replace(...given);
    } catch (error) {
      if (error.name !== "SecurityError") throw error;
    }
  };
  if (!location.search && query) history.replaceState(null, "", query);
  if (!location.search && query) location.replace(`${location.pathname}${query}`);
}

/** Links to other pages lead to the server that this one came from. */
function leadBack(origin) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const href = link?.getAttribute("href");
    if (!href || href.startsWith("#") || /^(blob|data):/.test(href)) return;
    event.preventDefault();
    window.open(new URL(href, origin).href, "_blank", "noopener");
  });
  document.body.append(element("p", { class: "spoken", text: "This is a saved page." }));
}
