/** The browser's entry: fills each page that Dash puts into the document, and cleans up after it. */

import { attachMenus } from "./modules/figure_menu.mjs";
import { closeOpenOnes } from "./modules/closing.mjs";
import { fillHead } from "./modules/head.mjs";
import { listenToPrinting } from "./modules/printing.mjs";
import { mountAcross } from "./modules/across.mjs";
import { mountBehaviour } from "./modules/behaviour.mjs";
import { mountCalibration } from "./modules/calibration.mjs";
import { mountChains } from "./modules/chains.mjs";
import { mountCoincidence } from "./modules/coincidence.mjs";
import { mountCompare } from "./modules/compare.mjs";
import { mountComponent } from "./modules/component.mjs";
import { mountDevelopment } from "./modules/development.mjs";
import { mountDynamics } from "./modules/dynamics.mjs";
import { mountGuide } from "./modules/guide.mjs";
import { mountJobs } from "./modules/jobs.mjs";
import { mountNetwork } from "./modules/network.mjs";
import { mountRefined } from "./modules/refined.mjs";
import { opened } from "./modules/opened.mjs";
import { mountRuns } from "./modules/runs.mjs";

/** What fills each page that is more than text. */
const MOUNTS = {
  development: mountDevelopment,
  network: mountNetwork,
  behaviour: mountBehaviour,
  dynamics: mountDynamics,
  refined: mountRefined,
  coincidence: mountCoincidence,
  across: mountAcross,
  compare: mountCompare,
  calibration: mountCalibration,
  chains: mountChains,
  component: mountComponent,
  runs: mountRuns,
  guide: mountGuide,
  jobs: mountJobs,
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
  if (!main) return;
  attachMenus(main, leaving.signal);
  const mount = MOUNTS[main.dataset.page];
  if (mount) mount(main, leaving.signal);
  else if (document.getElementById("head-actions")) fillHead({}, leaving.signal);
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

/** Links between our pages change the page, not the document. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("header a[href], .jobs-table a[href], .runs-list a[href], a.guide-tour");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || link.target || link.closest(".views")) return;
  event.preventDefault();
  for (const open of document.querySelectorAll("header details[open]")) open.open = false;
  if (link.closest(".pages") && isSameRun(target)) target.search = new URL(opened().copy?.() ?? location.href).search;
  window.dash_clientside.set_props("url", { pathname: target.pathname, search: target.search, href: target.href });
});

closeOpenOnes();
listenToPrinting();

watch();
