/** What changes on the server: new records and jobs. Asked only while a job is open, and on return. */

import { fetchPayload } from "./payload.mjs";

const PERIOD = 3000;
/** After this long at a checkpoint the reader rests there, in milliseconds. */
const PAUSE = 60;
let shown = { on: false, trouble: "", failed: 0 };

/** Follow a run's state; `news` gets the state and, if the data changed, the new payload. */
export function follow(prefix, run, known, news, signal) {
  let timer = 0;
  let address = known;
  let asking = false;

  async function ask() {
    clearTimeout(timer);
    if (asking || document.hidden) return;
    asking = true;
    try {
      const response = await fetch(`${prefix}api/state/${encodeURIComponent(run)}`, { signal });
      if (response.ok) await hear(await response.json());
    } catch (error) {
      if (error.name !== "AbortError") timer = setTimeout(ask, 4 * PERIOD);
    }
    asking = false;
  }

  async function hear(state) {
    const changed = state.payload !== address;
    const payload = changed ? await fetchPayload(state.payload) : null;
    address = state.payload;
    if (signal.aborted) return;
    news(state, payload);
    if (state.job?.state === "queued" || state.job?.state === "running") timer = setTimeout(ask, PERIOD);
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", ask, { signal });
  ask();
  return ask;
}

/** Fetch a file and `read` its response; what it throws is in words, of `what`, unless `signal` aborted. */
export async function fetched(address, signal, what, read) {
  let response = null;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is it still running?");
  }
  if (!response.ok) throw new Error(`${what} could not be loaded (${response.status}); reload the page.`);
  return read(response);
}

/**
 * Return `ask(name, get, arrived)` for what a page fetches of one checkpoint: `get()` is called
 * once the reader rests there, and `arrived()` after it unless something else was asked for
 * meanwhile; `failed` hears in words why it came to nothing.
 */
export function createAsking(failed, signal) {
  let [asked, timer] = ["", 0];
  signal.addEventListener("abort", () => (clearTimeout(timer), setWaiting(false)));
  return (name, get, arrived) => {
    if (asked === name) return;
    asked = name;
    setWaiting(true);
    clearTimeout(timer);
    timer = setTimeout(async () => {
      let trouble = "";
      try {
        await get();
        if (!signal.aborted && asked === name) arrived();
      } catch (error) {
        if (error.name !== "AbortError") failed((trouble = `${error.message}; reload the page.`));
      }
      if (asked !== name) return;
      asked = "";
      setWaiting(false, trouble);
    }, PAUSE);
  };
}

function setWaiting(on, trouble = "") {
  shown = { on, trouble, failed: shown.failed + Number(trouble !== "") };
}

/** Return whether a page waits for what it asked for: `{on, failed, trouble}`, how often that came to nothing so far, and why at last. */
export function waiting() {
  return shown;
}

/** Post JSON to one of our routes; returns why it was refused, or an empty string. `heard` is given what was answered. */
export async function post(address, body, heard = () => {}) {
  const headers = { "Content-Type": "application/json" };
  try {
    const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.ok) return heard(await response.json().catch(() => ({}))), "";
    const told = await response.json().catch(() => ({}));
    return told.reason ?? `The server refused (${response.status}).`;
  } catch {
    return "The server does not answer; is it still running?";
  }
}
