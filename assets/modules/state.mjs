/** The one state of a page: what is looked at. Changes are told once per animation frame. */

/**
 * Return a state that starts as `initial`.
 *
 * `set` takes some of its fields; `subscribe` takes a function of the state and the set of the
 * names of changed fields. However often `set` is called, listeners run once a frame; `isDue` says
 * whether they will run in the next.
 */
export function createState(initial) {
  const state = { ...initial };
  const listeners = [];
  let changed = new Set();
  let frame = 0;

  function tell() {
    frame = 0;
    const news = changed;
    changed = new Set();
    for (const listener of listeners) listener(state, news);
  }

  function set(fields) {
    for (const [name, value] of Object.entries(fields)) {
      if (Object.is(state[name], value)) continue;
      state[name] = value;
      changed.add(name);
    }
    if (changed.size && !frame) frame = requestAnimationFrame(tell);
  }

  return {
    get: () => state,
    set,
    isDue: () => frame !== 0,
    subscribe: (listener) => listeners.push(listener),
    stop: () => {
      cancelAnimationFrame(frame);
      listeners.length = 0;
    },
  };
}
