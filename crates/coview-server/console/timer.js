// The worker behind the console's timers. Browsers slow the timers of a page nobody looks at down
// to one a minute, which is too late for a heartbeat; those of its worker they leave alone.

const running = new Map();

self.addEventListener("message", ({ data: { id, ms } }) => {
  clearTimeout(running.get(id));
  running.delete(id);
  if (ms === null) return;
  running.set(id, setTimeout(() => {
    running.delete(id);
    self.postMessage(id);
  }, ms));
});
