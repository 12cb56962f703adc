// How the page gets to the server: addresses, timers, what a tab keeps to sign in again.
//
// It is the first of the modules to run, and where a tab that is loaded again signs in by itself, it
// does not wait for the others: they are still on their way while the server answers.

import { Client, SUBPROTOCOL } from "./client.js";

/** The one thing kept, and in this tab only: the group and the token, so that a reload signs in. */
const KEPT = "coview.sign-in";

/** The page's own address ends in `console`; the socket is its neighbour, whatever is before both. */
const neighbour = (path) => new URL(path, document.baseURI);

// Time, chance and sockets.

const timers = { worker: null, running: new Map(), last: 0 };

/** While nobody looks at the page a worker's timers go on; without one the page's own must do. The
 * page slows down by and by, so the first of them need not wait for a worker. */
function worker() {
  if (timers.worker !== null || !document.hidden) return timers.worker ?? false;
  try {
    const url = neighbour("console/timer.js").href;
    const policy = globalThis.trustedTypes?.createPolicy("coview", {
      createScriptURL: (asked) => (asked === url ? asked : ""),
    });
    timers.worker = new Worker(policy ? policy.createScriptURL(url) : url);
    timers.worker.addEventListener("message", ({ data: id }) => {
      const what = timers.running.get(id);
      timers.running.delete(id);
      what?.();
    });
    // Where it cannot be loaded, what waits for it is looked at by the page.
    timers.worker.addEventListener("error", () => {
      timers.worker = false;
      for (const what of timers.running.values()) setTimeout(what, 1000);
      timers.running.clear();
    });
  } catch {
    timers.worker = false;
  }
  return timers.worker;
}

export const world = {
  now: () => performance.now(),
  random: () => Math.random(),
  open: () => {
    const url = neighbour("v1/socket");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, SUBPROTOCOL);
  },
  after: (ms, what) => {
    const by = worker();
    if (by === false) {
      const id = setTimeout(what, ms);
      return () => clearTimeout(id);
    }
    timers.last += 1;
    const id = timers.last;
    timers.running.set(id, what);
    by.postMessage({ id, ms });
    return () => {
      if (timers.running.delete(id)) by.postMessage({ id, ms: null });
    };
  },
};

// What a tab keeps.

export function keep({ group, token }) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ group, token }));
  } catch {
    // Without storage a reload asks again, and that is all.
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // Nothing was kept.
  }
}

export function kept() {
  try {
    const { group, token } = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    return typeof group === "string" && typeof token === "string" ? { group, token } : null;
  } catch {
    return null;
  }
}

/** Begins to sign in: `{ client, listen(to) }`. What happens before somebody listens is told then. */
export function connect({ group, token, insist }) {
  const missed = [];
  let listener = null;
  const tell = (name) => (value) => {
    if (listener === null) missed.push([name, value]);
    else listener[name](value);
  };
  const names = ["ready", "granted", "hear", "binary", "connection", "closed"];
  const to = Object.fromEntries(names.map((name) => [name, tell(name)]));
  const client = new Client({ group, token, insist }, to, world);
  client.start();
  return {
    client,
    listen: (to) => {
      while (missed.length > 0) {
        const [name, value] = missed.shift();
        to[name](value);
      }
      listener = to;
    },
  };
}

const signIn = kept();
let begun = signIn === null ? null : { signIn, link: connect({ ...signIn, insist: true }) };

/** The sign-in the tab began by itself, once. */
export function takeBegun() {
  const taken = begun;
  begun = null;
  return taken;
}
