/** The rows of a scrolling table that are in sight: they are drawn at every step, the others at rest. */

const SPARE = 2;

/**
 * Return `{ holds(place), atRest(draw) }` for the rows of `scroller`, which are equally high.
 * `holds` says whether the row at a place is in sight or close to it; `atRest` calls `draw` in the
 * next frame unless the state is to change in it. `seen` is called when other rows come into sight.
 */
export function createSight(scroller, store, seen, signal) {
  let [from, to] = [0, Infinity];
  let waiting = 0;
  const look = () => {
    const height = scroller.querySelector("tbody tr")?.offsetHeight;
    if (!height) return;
    from = Math.floor(scroller.scrollTop / height) - SPARE;
    to = Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + SPARE;
    seen();
  };
  const sizes = new ResizeObserver(look);
  sizes.observe(scroller);
  scroller.addEventListener("scroll", look, { passive: true, signal });
  signal.addEventListener("abort", () => (sizes.disconnect(), cancelAnimationFrame(waiting)));
  return {
    holds: (place) => place >= from && place <= to,
    atRest(draw) {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => store.isDue() || draw());
    },
  };
}
