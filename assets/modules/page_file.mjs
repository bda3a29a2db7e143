/** A page as one HTML file that works without a server: its frame from the server, and in it all that it has fetched. */

import { element } from "./elements.mjs";
import { fileName } from "./figure.mjs";
import { addressOf, opened } from "./opened.mjs";
import { save } from "./saving.mjs";

/** Larger files are slow to open, and mail and issue trackers refuse them. */
const MOST = 48 * 2 ** 20;

/** Save the page that is open. */
export async function savePage() {
  const { model } = opened();
  const { run, prefix, page } = document.getElementById("main").dataset;
  opened().copy?.();
  const query = location.search ? `&${location.search.slice(1)}` : "";
  const response = await asked(`${prefix}export/${encodeURIComponent(run)}/page.html?path=${encodeURIComponent(location.pathname)}${query}`);
  const frame = await response.text();
  const kept = await keep(await wanted(model, prefix, page));
  const file = filled(frame, JSON.stringify(kept));
  save(new Blob([file], { type: "text/html" }), `${fileName(document.body, page)}.html`);
}

async function asked(address) {
  let response = null;
  try {
    response = await fetch(address);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (!response.ok) throw new Error(`This page could not be saved (${response.status}).`);
  return response;
}

/** Write into the frame where it is from, when it was saved, and its data. */
function filled(frame, kept) {
  const origin = element("i", { text: addressOf() }).innerHTML.replaceAll('"', "&quot;");
  const saved = `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const known = { "ONTOGENY-ORIGIN": origin, "ONTOGENY-SAVED": saved, "ONTOGENY-KEPT": kept.replaceAll("<", "\\u003c") };
  return frame.replace(/ONTOGENY-(?:ORIGIN|SAVED|KEPT)/g, (name) => known[name]);
}

/** Return the addresses of all that the page needs: what it fetched, and what the slider would make it fetch. */
async function wanted(model, prefix, page) {
  const { payload, run } = model;
  const fetched = performance.getEntriesByType("resource")
    .filter(({ initiatorType, name }) => initiatorType === "fetch" && name.startsWith(location.origin))
    .map(({ name }) => name.slice(location.origin.length))
    .filter((path) => [`${prefix}data/`, `${prefix}api/`].some((start) => path.startsWith(start)));
  const state = `${prefix}api/state/${encodeURIComponent(run)}`;
  const paths = new Set([payload.address, state, ...fetched.filter((path) => !isStale(path, prefix, payload))]);
  for (const path of await later(model, prefix, page)) paths.add(path);
  return [...paths];
}

/** Say whether a file is of the run as it was before new records came. */
function isStale(path, prefix, payload) {
  const [, digest] = new RegExp(`^${prefix}data/[^/]+/([0-9a-f]{64})`).exec(path) ?? [];
  const own = path.startsWith(payload.address.replace(/[0-9a-f]{64}\.bin$/, ""));
  return own && digest !== undefined && !payload.address.includes(digest);
}

/** Return what a page fetches one by one as the slider moves. */
async function later(model, prefix, page) {
  if (page === "chains") {
    const { settings } = await (await asked(`${prefix}api/chains/${model.run}`)).json();
    return settings.filter(({ curve }) => curve === model.state.llc).flatMap(({ measured }) => Object.values(measured));
  }
  if (page === "component") {
    const { attention } = await (await asked(`${prefix}api/state/${encodeURIComponent(model.run)}`)).json();
    const head = encodeURIComponent(model.state.component ?? "");
    return head ? Object.values(attention.measured).map((address) => `${address}/${head}.bin`) : [];
  }
  return [];
}

/** Fetch files and return them by address, each packed and as text. */
async function keep(paths) {
  const kept = {};
  let size = 0;
  for (const path of paths) {
    const response = await fetch(path);
    if (!response.ok) continue;
    const packed = await pack(await response.blob());
    size += packed.length;
    if (size > MOST) throw new Error(`This page holds more than ${MOST / 2 ** 20} MB of data, too much for one file. Save single panels, or export the run with “ontogeny export”.`);
    kept[path] = { type: response.headers.get("Content-Type"), data: packed };
  }
  return kept;
}

async function pack(blob) {
  const packed = await new Response(blob.stream().pipeThrough(new CompressionStream("gzip"))).blob();
  const text = await new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(new Error("This browser could not pack the page’s data."));
    reader.readAsDataURL(packed);
  });
  return text.slice(text.indexOf(",") + 1);
}
