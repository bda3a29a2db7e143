/**
 * The tour of a first visit: a card beside one place of the page after the other. It covers nothing
 * that it speaks of, takes no focus unless it was asked for, and the page works on under it.
 */

import { isEmbedded } from "./address.mjs";
import { byId, element, setAttribute, setText } from "./elements.mjs";

const SEEN = "ontogeny-tour";
const [GAP, EDGE] = [12, 8];
const NARROW = matchMedia("(max-width: 1099px)");

const STOPS = [
  { at: "#dock", title: "One slider", text: "Drag it, or press ← and →: everything on the page moves to that training step at once. The cells under it say what is measured." },
  { at: ".lanes-panel", title: "Curves over training", text: "The line through all curves runs down into the slider. Each number stands beside its curve, with its interval. Click a curve to go there; drag across to zoom." },
  { at: ".graph-panel", title: "The ablation graph", text: "Who changes whom when it is removed, layer by layer. Click a component: it keeps its colour in every panel." },
  { at: ".rank-panel", title: "Ranks", text: "Who spreads information and who gathers it at this step, with intervals, and how that changed over training." },
  { at: "#run-picker", title: "Runs", text: "Choose another run here. The page Runs adds your own." },
  { at: "nav.pages", title: "Pages", text: "Every page follows the same slider. Compare sets two steps or two runs side by side; the Guide says how to read each panel, and starts this tour again." },
];

let leave = null;

/** Show the tour on a first visit, or where the address asks for it. */
export function offerTour(signal) {
  if (isEmbedded() || document.querySelector("meta[name=ontogeny-origin]")) return;
  const asked = new URLSearchParams(location.search).has("tour");
  if (asked || !wasSeen()) show(signal, asked);
}

/** Start the tour: here if this is the Development page, or there. */
export function takeTour() {
  const { page, run, prefix = "/" } = byId("main")?.dataset ?? {};
  if (page === "development") show(null, true);
  else location.assign(`${prefix}?tour${run ? `&run=${encodeURIComponent(run)}` : ""}`);
}

function show(signal, asked) {
  leave?.();
  remember();
  const stops = STOPS.filter(({ at }) => document.querySelector(at));
  const leaving = new AbortController();
  const parts = build(() => end(true), (by) => go(now + by));
  const back = document.activeElement;
  const pages = new MutationObserver(() => byId("main")?.dataset.page !== "development" && away());
  let now = 0;

  function go(to) {
    if (to >= stops.length) return end(true);
    now = Math.max(0, to);
    const { at, title, text } = stops[now];
    setAttribute(parts.card, "aria-label", `Tour, ${now + 1} of ${stops.length}`);
    setText(parts.count, `${now + 1} of ${stops.length}`);
    setText(parts.title, title);
    setText(parts.text, text);
    parts.back.hidden = now === 0;
    setText(parts.next, now + 1 === stops.length ? "done" : "next");
    document.querySelector(at).scrollIntoView({ block: "nearest" });
    return place();
  }

  function place() {
    const target = document.querySelector(stops[now].at);
    if (!target) return end(false);
    const box = target.getBoundingClientRect();
    put(parts.ring, { left: box.left - 3, top: box.top - 3, width: box.width + 6, height: box.height + 6 });
    return put(parts.card, beside(box, parts.card.getBoundingClientRect()));
  }

  function end(refocus) {
    leaving.abort();
    pages.disconnect();
    parts.card.remove();
    parts.ring.remove();
    if (leave === away) leave = null;
    if (refocus && back?.isConnected) back.focus();
  }

  document.body.append(parts.ring, parts.card);
  const away = () => end(false);
  leave = away;
  signal?.addEventListener("abort", away, { signal: leaving.signal });
  for (const name of ["scroll", "resize"]) addEventListener(name, place, { signal: leaving.signal, capture: true, passive: true });
  pages.observe(byId("page"), { childList: true, subtree: true, attributes: true, attributeFilter: ["data-page"] });
  go(0);
  if (asked) parts.card.focus();
}

function build(skip, move) {
  const count = element("span", { class: "quiet" });
  const title = element("strong");
  const text = element("p");
  const button = (label, act, name = "text-button") => element("button", { type: "button", class: name, text: label, onclick: act });
  const [back, next] = [button("back", () => move(-1)), button("next", () => move(1), "action")];
  const words = element("div", { "aria-live": "polite" }, element("div", { class: "tour-head" }, title, count), text);
  const card = element("aside", { class: "tour", tabindex: -1 }, words, element("div", { class: "tour-buttons" }, button("skip the tour", skip), back, next));
  card.addEventListener("keydown", (event) => {
    const act = { Escape: skip, ArrowRight: () => move(1), ArrowLeft: () => move(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  return { card, ring: element("div", { class: "tour-ring", "aria-hidden": "true" }), count, title, text, back, next };
}

/** Return where the card stands: where it covers nothing of its place, or else in the corner above the dock. */
function beside(box, { width, height }) {
  const dock = byId("dock")?.getBoundingClientRect().top ?? innerHeight;
  const clamp = (v, least, most) => Math.min(Math.max(v, least), Math.max(least, most));
  const corner = { left: innerWidth - width - GAP, top: dock - height - GAP };
  if (NARROW.matches) return { left: clamp((innerWidth - width) / 2, EDGE, innerWidth), top: corner.top };
  const left = clamp(box.left + (box.width - width) / 2, EDGE, innerWidth - width - EDGE);
  const top = clamp(box.top, EDGE, dock - height - EDGE);
  const places = [
    { left, top: box.top - height - GAP }, { left, top: box.bottom + GAP },
    { left: box.right + GAP, top }, { left: box.left - width - GAP, top },
  ];
  return places.find((p) => p.top >= EDGE && p.left >= EDGE && p.left + width <= innerWidth - EDGE && (p.top + height <= dock - EDGE || box.top >= dock)) ?? corner;
}

function put(node, { left, top, width, height }) {
  node.style.transform = `translate(${Math.round(left)}px,${Math.round(top)}px)`;
  if (width !== undefined) Object.assign(node.style, { width: `${Math.round(width)}px`, height: `${Math.round(height)}px` });
}

/** A browser that keeps nothing for us throws; the tour is then shown at each visit, which is a nuisance, so it is not. */
function wasSeen() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true;
  }
}

function remember() {
  try {
    localStorage.setItem(SEEN, "seen");
  } catch {
    // Private windows may refuse.
  }
}

