/** Numbers for people. */

const MINUS = "\u2212";
const steps = new Intl.NumberFormat("en");
const formatters = new Map();

/** Return the formatter for a count of decimals; making one takes longer than a frame may. */
function formatter(places) {
  if (!formatters.has(places)) {
    formatters.set(places, new Intl.NumberFormat("en", { minimumFractionDigits: places, maximumFractionDigits: places }));
  }
  return formatters.get(places);
}

/** Return a step, with separators. */
export function step(t) {
  return steps.format(t);
}

const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Return a large count in a few letters: 4,096 as 4.1K. */
export function shortCount(count) {
  return short.format(count);
}

/** Return how many decimals serve values whose largest magnitude is `largest`. */
export function decimals(largest) {
  if (!(largest > 0) || !Number.isFinite(largest)) return 2;
  const size = Math.floor(Math.log10(largest));
  return size >= 0 ? Math.max(0, 3 - size) : Math.min(6, 2 - size);
}

/** Return a number with a fixed count of decimals, or a dash for none. */
export function number(value, places) {
  if (!Number.isFinite(value)) return "–";
  const text = formatter(places).format(Math.abs(value));
  return value < 0 && Number(text.replaceAll(",", "")) !== 0 ? MINUS + text : text;
}

/** Return half the width of an interval, with at least one digit that is not 0; "" for none. */
export function spread(low, high, places) {
  const half = (high - low) / 2;
  if (!Number.isFinite(half)) return "";
  const needed = half > 0 ? Math.min(8, -Math.floor(Math.log10(half))) : places;
  return number(half, Math.max(places, needed));
}

/** Return the largest finite magnitude of an array. */
export function largest(values) {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most && Number.isFinite(value)) most = Math.abs(value);
  return most;
}

/** Return seconds as a rough time: what is left of a job. */
export function duration(seconds) {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${(minutes / 60).toFixed(1)} h`;
}
