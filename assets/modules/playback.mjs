/** Playing through the checkpoints. */

export const SPEEDS = [4, 8, 16, 30];

/**
 * Return a player: `toggle()`, `stop()`, `setSpeed()`, `toggleLoop()`, `toggleReverse()`; what is
 * heard by `hear` is told of another direction. Reduced motion plays slowly.
 */
export function createPlayback(model, signal) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let speed = 8;
  let [loop, by] = [false, 1];
  let told = () => {};
  let next = 0;

  function frame(now) {
    if (!model.state.playing) return;
    if (now >= next) {
      next = Math.max(now, next + 1000 / (calm.matches ? Math.min(2, speed) : speed));
      if (!isAtEnd()) model.go(model.state.index + by, true);
      else if (loop) model.go(start(), true);
      else return stop();
    }
    requestAnimationFrame(frame);
  }

  function last() {
    return model.payload.steps.length - 1;
  }

  function isAtEnd() {
    return by > 0 ? model.state.index >= last() : model.state.index <= 0;
  }

  function start() {
    return by > 0 ? 0 : last();
  }

  function toggleReverse() {
    by = -by;
    told(by < 0);
    return by < 0;
  }

  function stop() {
    model.set({ playing: false });
  }

  function toggle() {
    if (model.state.playing) return stop();
    if (isAtEnd()) model.go(start(), true);
    model.set({ playing: true });
    next = performance.now() + 1000 / speed;
    requestAnimationFrame(frame);
  }

  signal.addEventListener("abort", stop);
  return { toggle, stop, speed: () => speed, setSpeed: (s) => (speed = s), toggleLoop: () => (loop = !loop), toggleReverse, hear: (listener) => (told = listener) };
}
