/**
 * The sections of the small multiples: which curves stand in each, of which measurement, and with
 * which line each is compared: another curve, or a number that means something. A star stands for
 * all curves that begin so, which may have a `common` axis; a bundle draws all of them on one plane;
 * `split` is for narrow planes, of curves whose names begin alike.
 */

const one = (label) => ({ at: 1, label });
const curve = (id, kind, compare = null) => ({ id, kind, compare });
const bundle = (id, name, unit) => ({ id, kind: "structure", bundle: true, name, unit });
const none = { at: 0, label: "none" };

const MADE_OF = [
  curve("spectrum.rank.*", "structure"), curve("spectrum.top.*", "structure"),
  bundle("norm.size.*", "size of norms", "Euclidean norm of weights"),
  bundle("norm.spread.*", "spread of norms", "standard deviation of weights"),
  bundle("norm.small.*", "small norms", "share of weights below 0.1"),
];
const ATTENTION = [curve("entropy", "structure"), curve("variability", "structure"), curve("composition.*", "structure", one("chance"))];

const LANGUAGE = [
  { title: "Loss and context", columns: 4, items: [
    curve("loss", "behaviour"), curve("icl", "context", none), curve("positional", "context", one("none")), curve("copying", "behaviour", none),
    curve("first_half", "behaviour"), curve("second_half", "behaviour"), curve("passage_logit", "behaviour"), curve("passage_probability", "behaviour"),
  ] },
  { title: "N-grams", columns: 4, items: [curve("bigram", "context", { curve: "bigram_entropy", label: "floor" }), curve("ngram*", "context", one("no advantage"))] },
  { title: "Heads", columns: 4, items: [curve("previous", "behaviour"), curve("induction", "behaviour"), ...ATTENTION] },
  { title: "Structure", columns: 4, items: MADE_OF },
];
const REGRESSION = [
  { title: "Loss by pair", columns: 4, items: [curve("loss", "behaviour", { curve: "ridge_error", label: "ridge" }), curve("icl_early", "behaviour", none), curve("icl_late", "behaviour", none), { ...curve("pair*", "behaviour"), common: true }] },
  { title: "Task prior and ridge", columns: 4, items: [curve("prior", "behaviour", { at: 0, label: "prior mean" }), curve("ridge", "behaviour", { at: 0, label: "ridge" })] },
  { title: "Out of distribution", columns: 5, items: ["input", "input_ridge", "task", "task_ridge"].map((name) => ({ ...curve(`shift.${name}.*`, "shift"), split: true })) },
  { title: "Structure", columns: 4, items: [curve("previous", "behaviour"), ...ATTENTION, ...MADE_OF] },
];

/** What a kind of measurement gives, where none of it is there. */
export const GIVES = {
  behaviour: "Loss and behaviours",
  context: "Use of context",
  shift: "Scaled inputs and tasks",
  structure: "Attention, composition, spectra and norms",
};

/**
 * Return the sections of a run: {title, columns, cells, absent}. A cell has `curves`, more than
 * one in a bundle, `compare`, {label, values}, and `beside`, curves that its axis holds too; `absent` names the kinds of which nothing is there.
 */
export function sectionsOf({ run, curves, steps }) {
  const plain = curves.filter((c) => !c.component && !c.id.includes("~"));
  const heads = curves.filter((c) => c.component);
  const known = plain.filter((c) => c.values.some(Number.isFinite));
  return (run.family === "regression" ? REGRESSION : LANGUAGE).map(({ title, columns, items }) => {
    const cells = items.flatMap((item) => cellsOf(item, known, heads, steps));
    const kinds = [...new Set(items.map((item) => item.kind))];
    return { title, columns, cells, absent: kinds.filter((kind) => !cells.some((cell) => cell.kind === kind)) };
  });
}

function cellsOf(item, known, heads, steps) {
  const start = item.id.endsWith("*") ? item.id.slice(0, -1) : "";
  const found = known.filter((c) => (start ? c.id.startsWith(start) : c.id === item.id));
  if (item.bundle) return found.length ? [{ ...item, heading: item, curves: found, settings: found[0].settings }] : [];
  return found.map((c) => ({
    id: c.id, kind: item.kind, name: c.name, unit: c.unit, heading: item.split ? splitName(c) : c, settings: c.settings, curves: [c],
    compare: compared(item.compare, known, steps), beside: item.common ? found : heads.filter((head) => head.id.startsWith(`${c.id}@`)),
  }));
}

/** Return the heading of a narrow plane: what is scaled first, and what of it is measured beside the unit. */
function splitName({ name, unit }) {
  const [what, scaled] = name.replace("distance to ridge", "to ridge").split(", ");
  return { name: scaled, unit: `${what}, ${unit}` };
}

function compared(compare, known, steps) {
  if (!compare) return null;
  const values = compare.curve ? known.find((c) => c.id === compare.curve)?.values : new Float32Array(steps.length).fill(compare.at);
  return values ? { label: compare.label, values } : null;
}
