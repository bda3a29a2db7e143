/** Playing through the checkpoints. */

export const SPEEDS = [4, 8, 16, 30];

/** Return a player: `toggle()`, `stop()`, `setSpeed()`, `toggleLoop()`. Reduced motion plays slowly. */
export function createPlayback(model, signal) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let speed = 8;
  let loop = false;
  let next = 0;

  function frame(now) {
    if (!model.state.playing) return;
    if (now >= next) {
      next = Math.max(now, next + 1000 / (calm.matches ? Math.min(2, speed) : speed));
      if (model.state.index < model.payload.steps.length - 1) model.go(model.state.index + 1, true);
      else if (loop) model.go(0, true);
      else return stop();
    }
    requestAnimationFrame(frame);
  }

  function stop() {
    model.set({ playing: false });
  }

  function toggle() {
    if (model.state.playing) return stop();
    if (model.state.index >= model.payload.steps.length - 1) model.go(0, true);
    model.set({ playing: true });
    next = performance.now() + 1000 / speed;
    requestAnimationFrame(frame);
  }

  signal.addEventListener("abort", stop);
  return { toggle, stop, speed: () => speed, setSpeed: (s) => (speed = s), toggleLoop: () => (loop = !loop) };
}
