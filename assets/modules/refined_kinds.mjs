/** Kinds of curves: the letter and the colour of each, how sure a part's is, and what is said of all. */

import { number } from "./format.mjs";

const LETTERS = "ABCDEF";
/** A part that falls into another kind more often than this share of the redraws is unsure. */
const SURE = 0.9;

/** Return the letter and the colour of a kind. */
export function kindNamed(label) {
  return { letter: LETTERS[label], colour: `var(--community-${label + 1})` };
}

/** Return the kind of a part, or null if there is no more than one or it has none. */
export function kindOfPart(clusters, part) {
  const place = clusters?.parts.indexOf(part) ?? -1;
  if (place < 0 || clusters.k < 2 || clusters.labels[place] < 0) return null;
  const share = clusters.sureness[place];
  const words = `Values redrawn within their errors put ${part} into this kind in ${number(100 * share, 0)} % of the draws.`;
  return { ...kindNamed(clusters.labels[place]), label: clusters.labels[place], sure: clusters.sure && share >= SURE, share, words };
}

/** Return what was found, in a few words and in a sentence or two. */
export function verdictOn(clusters) {
  if (clusters.k === 0) return { short: "not told apart", long: clusters.reason };
  const best = number(clusters.silhouette, 2);
  const count = clusters.silhouettes.indexOf(Math.max(...clusters.silhouettes)) + 2;
  const chance = `one cloud of curves with the same scatter reaches ${number(clusters.chance, 2)} in 1 of 20 draws`;
  if (clusters.k === 1) {
    return { short: "one kind", long: `No grouping beats chance: the best has ${count} kinds and a mean silhouette of ${best}; ${chance}.` };
  }
  const again = `With values redrawn within their errors, the adjusted Rand index is ${number(clusters.stability, 2)} (1: the same kinds, 0: chance)`;
  const found = `Mean silhouette ${best}; ${chance}. ${again}.`;
  if (!clusters.sure) return { short: "cannot tell", long: `${clusters.k} kinds stand out, but the errors are too large to say which part is of which. ${found}` };
  return { short: `${clusters.k} kinds`, long: found };
}
