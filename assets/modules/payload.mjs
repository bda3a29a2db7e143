/** Reads the binary file of a run (dashboard/payload.py writes it): a JSON header, then typed arrays. */

const READERS = {
  f4: (buffer, at, count) => new Float32Array(buffer, at, count),
  i2: (buffer, at, count) => new Int16Array(buffer, at, count),
  i4: (buffer, at, count) => new Int32Array(buffer, at, count),
  u1: (buffer, at, count) => new Uint8Array(buffer, at, count),
  u2: (buffer, at, count) => new Uint16Array(buffer, at, count),
  f2: (buffer, at, count) => halves(new Uint16Array(buffer, at, count)),
  nan: (buffer, at, count) => new Float32Array(count).fill(NaN),
};
let table = null;
const families = new WeakMap();

/** Fetch and decode a payload. */
export async function fetchPayload(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the data of this run could not be loaded (${response.status})`);
  const payload = decode(await response.arrayBuffer());
  for (const graph of Object.values(payload.graphs)) graph.metrics.forEach(addInterval);
  payload.address = address;
  return payload;
}

/** Return the header with every array in its place, each with the `shape` the header gave. */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  return JSON.parse(text, (_, value) => {
    if (typeof value?.at !== "number") return value;
    const count = value.shape.reduce((a, b) => a * b, 1);
    const array = READERS[value.type](buffer, 4 + length + value.at, count);
    array.shape = value.shape;
    return array;
  });
}

function halved(rank) {
  return rank > 0 ? rank / 2 : NaN;
}

/** Give a metric the ends of its intervals, of which the file holds the parts beside the value, and twice the ranks. */
function addInterval(metric) {
  const { values, below, above, rankLow, rankHigh } = metric;
  later(metric, "low", () => values.map((value, i) => value - below[i]));
  later(metric, "high", () => values.map((value, i) => value + above[i]));
  later(metric, "rankLow", () => Float32Array.from(rankLow, halved));
  later(metric, "rankHigh", () => Float32Array.from(rankHigh, halved));
}

/** Give an object a field that is made when it is first read: most metrics are never looked at. */
function later(object, name, make) {
  const settle = (value) => (Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true }), value);
  Object.defineProperty(object, name, { get: () => settle(make()), configurable: true, enumerable: true });
}

/** Return 16-bit floats as 32-bit floats; every browser can do this, not every one has Float16Array. */
function halves(bits) {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, code) => half(code));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]];
  return values;
}

function half(code) {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 0x1f;
  const fraction = code & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Return the place of a component in its graph, or -1. */
export function placeOf(graph, name) {
  return graph?.components.findIndex((c) => c.name === name) ?? -1;
}

/** Return the curve of that id, of the run or of one of its graphs; undefined if there is none. */
export function findCurve(payload, graph, id) {
  return curvesOf(payload, graph).find((curve) => curve.id === id);
}

/** Return all curves that can be shown beside a graph. */
export function curvesOf(payload, graph) {
  return [...payload.curves, ...(payload.graphCurves[graph] ?? [])];
}

/** Return the curves of single components or parts, `id@part`, by the id that they share. */
export function familiesOf(payload) {
  if (!families.has(payload)) {
    const found = {};
    for (const curve of payload.curves) {
      const [id, part] = curve.id.split("@");
      if (part) (found[id] ??= []).push(curve);
    }
    families.set(payload, found);
  }
  return families.get(payload);
}

/** Return the curve of one component's metric, as the lanes show it. */
export function componentCurve(payload, state) {
  const graph = payload.graphs[state.graph];
  const metric = graph?.metrics.find((m) => m.id === state.metric);
  const c = placeOf(graph, state.component);
  if (!metric || c < 0) return undefined;
  const n = graph.components.length;
  const pick = (table) => Float32Array.from(payload.steps, (_, i) => table[i * n + c]);
  return {
    id: "component",
    name: state.component,
    unit: metric.name,
    group: "selected",
    settings: graph.nodeSettings,
    values: pick(metric.values),
    low: pick(metric.low),
    high: pick(metric.high),
  };
}
