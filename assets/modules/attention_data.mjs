/** Attention patterns: one head's at one checkpoint is one file, asked for when it is looked at. */

import { decode } from "./payload.mjs";

const KEPT = 256;
const kept = new Map();

/** Return a head's patterns if they are here already; undefined if not, null if there are none. */
export function patternsHere(address, head) {
  return kept.get(nameOf(address, head));
}

/** Fetch a head's patterns: `{tokens, pattern}`, `pattern` of shape prompts, query, key; null for none. */
export async function fetchPatterns(address, head, signal) {
  const name = nameOf(address, head);
  if (kept.has(name)) return kept.get(name);
  const response = await fetch(name, { signal });
  if (!response.ok && response.status !== 404) throw new Error(`the pattern could not be loaded (${response.status})`);
  const found = response.ok ? decode(await response.arrayBuffer()) : null;
  kept.set(name, found);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return found;
}

/** Return a token as a label: white space seen, and cut to so many characters. */
export function label(token, most = Infinity) {
  const seen = token.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");
  return seen.length > most ? `${seen.slice(0, most - 1)}…` : seen;
}

function nameOf(address, head) {
  return `${address}/${encodeURIComponent(head)}.bin`;
}
