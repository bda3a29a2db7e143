/** The browser's entry: fills each page that Dash puts into the document, and cleans up after it. */

import { attachMenus } from "./modules/figure_menu.mjs";
import { closeOpenOnes } from "./modules/closing.mjs";
import { fillHead } from "./modules/head.mjs";
import { listenToPrinting } from "./modules/printing.mjs";
import { addressOf } from "./modules/opened.mjs";

/** What fills each page that is more than text: fetched when the page is opened. */
const PAGES = {
  development: () => import("./modules/development.mjs"),
  network: () => import("./modules/network.mjs"),
  behaviour: () => import("./modules/behaviour.mjs"),
  dynamics: () => import("./modules/dynamics.mjs"),
  refined: () => import("./modules/refined.mjs"),
  coincidence: () => import("./modules/coincidence.mjs"),
  across: () => import("./modules/across.mjs"),
  compare: () => import("./modules/compare.mjs"),
  calibration: () => import("./modules/calibration.mjs"),
  chains: () => import("./modules/chains.mjs"),
  component: () => import("./modules/component.mjs"),
  runs: () => import("./modules/runs.mjs"),
  guide: () => import("./modules/guide.mjs"),
  jobs: () => import("./modules/jobs.mjs"),
};
let mounted = "";
let leaving = new AbortController();

/** Fill the page if it is another one. React may reuse the elements of the page before. */
function look() {
  const main = document.querySelector("#page main");
  const visit = main ? [main.className, main.dataset.page, main.dataset.run].join() : "";
  if (visit === mounted) return;
  leaving.abort();
  leaving = new AbortController();
  mounted = visit;
  if (main) fill(main, leaving.signal);
}

/** Fill a page by its module, whose `mountName` takes the page and the signal that it was left. */
async function fill(main, signal) {
  attachMenus(main, signal);
  const { page } = main.dataset;
  if (PAGES[page]) {
    const module = await PAGES[page]();
    if (!signal.aborted) module[`mount${page[0].toUpperCase()}${page.slice(1)}`](main, signal);
  } else if (document.getElementById("head-actions")) fillHead({}, signal);
}

/** Only the page's own children and two attributes are watched, so that scrubbing costs nothing. */
function watch() {
  const page = document.getElementById("page");
  if (!page) return requestAnimationFrame(watch);
  new MutationObserver(look).observe(page, { childList: true });
  new MutationObserver(look).observe(page, { attributes: true, attributeFilter: ["data-run", "data-page"], subtree: true });
  look();
  return undefined;
}

/** Say whether a page is of the run that is open: its view then goes along, step and all. */
function isSameRun(target) {
  return new URLSearchParams(location.search).get("run") === target.searchParams.get("run") && target.searchParams.has("run");
}

/** Only documents that open at the Network page bring its grid along: see dashboard/preloads.py. */
function lacksGrid(path) {
  return path.endsWith("/network") && !window.dash_ag_grid;
}

window.addEventListener("popstate", () => {
  if (lacksGrid(location.pathname)) location.reload();
});

/** Links between our pages change the page, not the document. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("header a[href], .jobs-table a[href], .runs-list a[href], a.guide-tour");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || link.target || link.closest(".views")) return;
  event.preventDefault();
  for (const open of document.querySelectorAll("header details[open]")) open.open = false;
  if (link.closest(".pages") && isSameRun(target)) target.search = new URL(addressOf()).search;
  if (lacksGrid(target.pathname)) location.assign(target);
  else window.dash_clientside.set_props("url", { pathname: target.pathname, search: target.search, href: target.href });
});

closeOpenOnes();
listenToPrinting();

watch();
