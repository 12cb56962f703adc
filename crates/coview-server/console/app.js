// The console: signs an agent in, and shows what the facts say.

import { connect, forget, keep, kept, takeBegun, world } from "./connect.js";
import { announce, find, isolate, show, toast, write } from "./dom.js";
import { Facts } from "./facts.js";
import { Home } from "./home.js";
import { Viewer } from "./viewer.js";
import * as words from "./words.js";

const SINGLE_KEYS = "coview.single-keys";

// The state of the page.

let client = null;
let facts = null;
let agent = null;
let connection = { live: false, until: null };
/** When the sign-in ends, and whether the server still has to say what it thinks of a newer token. */
let signInEnds = null;
let renewing = null;
/** Whether there ever was a connection since the sign-in. */
let connected = false;
let screen = "start";
/** The session the viewer shows. */
let watched = null;

const home = new Home({
  ask: (visitor) => act(() => facts.askFor(visitor)),
  withdraw: () => act(() => facts.withdraw()),
  join: (digits) => act(() => facts.join(digits)),
  dismiss: () => act(() => facts.dismiss()),
});

const viewer = new Viewer({
  say: (buffer) => client?.sayBinary(buffer),
  leave: () => act(() => facts.leave()),
  end: () => act(() => facts.end()),
  eject: (agent) => act(() => facts.eject(agent)),
  changed: () => later(),
});

/** Does something and shows at once what it changed. */
function act(what) {
  if (facts === null) return;
  const before = standing();
  what();
  follow(before);
  render();
}

// Signing in and out.

/** `link` is a connection that is on its way already, if there is one. */
function signIn({ group, token }, link) {
  connected = false;
  connection = { live: false, until: null };
  facts = new Facts((message) => client.say(message), world.now);
  const own = link.client;
  client = own;
  link.listen({
    ready: (card) => {
      agent = card;
      keep({ group, token });
      facts.watch();
      later();
    },
    granted: ({ rights, expiresAt, keyDigits }) => {
      facts.rights = rights;
      signInEnds = expiresAt;
      home.keysHave(keyDigits);
      later();
    },
    hear: (message) => {
      const before = standing();
      facts.absorb(message);
      renewal(message);
      follow(before);
      later();
    },
    binary: (buffer) => viewer.take(buffer),
    connection: (now) => connectionIs(now),
    closed: (ended) => {
      if (client === own) signedOut(ended);
    },
  });
  render();
}

function signedOut({ why, code }) {
  const waiting = screen === "sign-in";
  client = null;
  agent = null;
  signInEnds = null;
  renewing = null;
  facts?.closed();
  facts = null;
  viewer.finish();
  watched = null;
  home.reset();
  // What cannot sign in again is not kept; what only failed for now is typed already.
  forget();
  if (document.querySelector("dialog[open]")) document.querySelector("dialog[open]").close();
  busy(false);
  const text = words.closed({ why, code });
  const away = waiting ? "" : text;
  write(find("sign-in-error"), waiting ? text : "");
  show(find("sign-in-notice"), away !== "");
  write(find("sign-in-notice"), away);
  if (away !== "") announce(away, true);
  if (!waiting) find("sign-in-token").value = "";
  render();
  (find("sign-in-group").value === "" ? find("sign-in-group") : find("sign-in-token")).focus();
}

function busy(is) {
  const button = find("sign-in-button");
  button.disabled = is;
  write(button, is ? "Signing in …" : "Sign in");
}

find("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const group = find("sign-in-group").value.trim();
  const token = find("sign-in-token").value.trim();
  const error = !/^[A-Za-z0-9_-]{1,32}$/.test(group)
    ? ["sign-in-group", "A group is 1 to 32 letters, digits, hyphens or underscores."]
    : token === "" ? ["sign-in-token", "Paste the token your operator gave you."]
      : new TextEncoder().encode(token).length > 4096 ? ["sign-in-token", "This is too long for a token."] : null;
  show(find("sign-in-notice"), false);
  write(find("sign-in-error"), error?.[1] ?? "");
  if (error) {
    find(error[0]).focus();
    return;
  }
  busy(true);
  signIn({ group, token }, connect({ group, token, insist: false }));
});

find("sign-out").addEventListener("click", () => {
  client?.leave();
});

// A sign-in lasts as long as its token; a newer one prolongs it, whatever goes on.

find("renew-button").addEventListener("click", () => {
  write(find("renew-error"), "");
  find("renew-token").value = "";
  find("renew").showModal();
});

find("renew-no").addEventListener("click", () => find("renew").close());

find("renew-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = find("renew-token").value.trim();
  if (client === null || renewing !== null) return;
  if (token === "" || new TextEncoder().encode(token).length > 4096) {
    write(find("renew-error"), token === "" ? "Paste a newer token." : "This is too long for a token.");
    find("renew-token").focus();
    return;
  }
  renewing = { re: client.renew(token), token };
});

function renewal(message) {
  if (renewing === null || message.re !== renewing.re) return;
  if (message.t === "renewed") {
    keep({ group: kept()?.group ?? find("sign-in-group").value, token: renewing.token });
    find("renew").close();
    // The bar with the button that had the focus goes.
    if (find("expiry").contains(document.activeElement)) find(screen === "viewer" ? "stage" : "main").focus();
    toast("Your sign-in was renewed.");
  } else if (message.t === "refused" || message.t === "problem") {
    write(find("renew-error"), words.notRenewed(message.code));
  } else {
    return;
  }
  renewing = null;
}

// What the world does.

function connectionIs(now) {
  const before = connection;
  connection = now;
  if (before.live && !now.live) {
    viewer.interrupt();
    announce("The connection to the server was lost. Reconnecting.", true);
  }
  if (now.live) {
    if (connected && !before.live) toast("Connected again.");
    connected = true;
    // Nobody waits for a frame to type a key.
    render();
  } else {
    later();
  }
}

const standing = () => ({ view: facts.view, ask: facts.ask, outcome: facts.outcome, status: facts.ask?.status, count: facts.view?.count });

/** What has to happen at once when the facts have moved, and what is told of it. */
function follow(before) {
  const { view, ask, outcome } = facts;
  if (view !== before.view) {
    viewer.finish();
    watched = view;
    if (view !== null) {
      viewer.begin(view, world.now());
      home.joined();
      home.choose(view.visitor);
      announce(`You are in the session of ${facts.nameOf(view.visitor)}.`, true);
    }
  } else if (view !== null && before.count !== view.count) {
    announce(`${words.count(view.count, "agent")} watching now`);
  }
  if (ask !== null && (ask !== before.ask || ask.status !== before.status)) {
    announce({
      sent: "Request sent.",
      displayed: "The terms are on the visitor’s screen.",
      accepted: "Accepted. The session begins.",
    }[ask.status]);
  }
  if (outcome !== null && outcome !== before.outcome) {
    const who = isolate(facts.nameOf(outcome.visitor));
    const { title, text } = outcome.kind === "view" ? words.sessionEnd(outcome.reason, who)
      : outcome.kind === "ask" ? words.askOutcome(outcome.outcome, who)
        : words.refusal(outcome.code, outcome.request, who);
    if (outcome.kind === "view" && ["left", "own"].includes(outcome.reason)) {
      facts.dismiss();
      toast(`${title}. ${text}`);
    } else if (outcome.request !== "join") {
      announce(`${title}. ${text}`, true);
    }
  }
}

// Showing it.

const rendering = { planned: false, ended: 0, took: 0 };

/** Renders soon, once, however much happens until then. A large group changes all the time: a page
 * that is dear to render is rendered less often, so that a tenth of the time is spent on it. */
function later() {
  // Another screen is not kept waiting.
  if (screenNow() !== screen) {
    render();
    return;
  }
  if (rendering.planned) return;
  rendering.planned = true;
  let frame = 0;
  let timer = 0;
  const now = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    rendering.planned = false;
    const begun = world.now();
    render();
    rendering.ended = world.now();
    rendering.took = rendering.ended - begun;
  };
  const rest = rendering.ended + 9 * rendering.took - world.now();
  if (rest < 50) frame = requestAnimationFrame(now);
  // A page nobody looks at gets no frames, also where it was looked at a moment ago, and still has
  // a title.
  timer = setTimeout(now, Math.max(rest, 200));
}

function screenNow() {
  if (client === null) return "sign-in";
  if (agent === null && screen === "sign-in") return "sign-in";
  if (facts.view !== null) return "viewer";
  if (facts.outcome?.kind === "view") return "ended";
  return "home";
}

function render() {
  const next = screenNow();
  const moved = next !== screen;
  const before = screen;
  screen = next;
  document.body.dataset.screen = screen;
  for (const name of ["sign-in", "home", "viewer", "ended"]) show(find(name), name === screen);
  show(find("bar"), screen !== "sign-in");
  renderBar();

  const now = world.now();
  const { live } = connection;
  if (screen === "home") home.render(facts, { now, live });
  if (screen === "viewer") {
    viewer.render({ name: facts.nameOf(watched.visitor), agent, rights: facts.rights, live, now });
  }
  if (screen === "ended") {
    const { title, text } = words.sessionEnd(facts.outcome.reason, isolate(facts.nameOf(facts.outcome.visitor)));
    write(find("ended-title"), title);
    write(find("ended-text"), text);
    find("ended").dataset.reason = facts.outcome.reason;
  }
  document.title = title();
  if (!moved) return;
  if (screen === "home" && before !== "start") home.focus();
  if (screen === "viewer") viewer.focus();
  if (screen === "ended") find("ended-back").focus();
}

function renderBar() {
  const { live, until } = connection;
  const signedIn = client !== null && screen !== "sign-in";
  const state = live ? "live" : connected ? "reconnecting" : "connecting";
  find("connection").dataset.state = state;
  write(find("connection-words"), { live: "Connected", reconnecting: "Reconnecting", connecting: "Connecting" }[state]);
  write(find("agent-name"), agent?.name ?? "");
  show(find("agent-name").parentElement, agent !== null);
  write(find("group"), kept()?.group ?? find("sign-in-group").value);

  const ends = signedIn && signInEnds !== null ? words.signInEnds(signInEnds - world.now()) : "";
  show(find("expiry"), ends !== "");
  write(find("expiry-words"), ends);

  const lost = signedIn && !live && (connected || until !== null);
  show(find("banner"), lost);
  if (!lost) return;
  const seconds = until === null ? 0 : Math.ceil((until - world.now()) / 1000);
  const what = connected ? "The connection to the server was lost." : "The server cannot be reached.";
  write(find("banner-words"), until === null || seconds <= 0 ? `${what} Trying to connect …`
    : `${what} Next try in ${words.count(seconds, "second")}.`);
  find("try-now").disabled = until === null;
}

function title() {
  if (screen === "sign-in") return "Sign in · coview";
  if (!connection.live && connected) return "Reconnecting · coview";
  if (screen === "viewer") return `${facts.nameOf(watched.visitor)} · coview`;
  if (screen === "ended") return "Session ended · coview";
  if (facts.ask !== null || facts.request?.kind === "ask") return "Asking · coview";
  return facts.watching ? `${facts.roster.size} online · coview` : "coview";
}

// Keys, help and the rest of the page.

/** Looked up when it is needed: the browser may have to read it from a disk. */
function singleKeys() {
  try {
    return localStorage.getItem(SINGLE_KEYS) !== "off";
  } catch {
    return true;
  }
}

find("single-keys").addEventListener("change", ({ target }) => {
  try {
    if (target.checked) localStorage.removeItem(SINGLE_KEYS);
    else localStorage.setItem(SINGLE_KEYS, "off");
  } catch {
    // Not kept, then: it holds for as long as the page is open.
  }
});

function help() {
  find("single-keys").checked = singleKeys();
  find("help").showModal();
}

find("help-button").addEventListener("click", help);
find("try-now").addEventListener("click", () => client?.hurry());
find("ended-back").addEventListener("click", () => act(() => facts.dismiss()));
for (const dialog of document.querySelectorAll("dialog")) {
  // A click beside a dialog closes it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close("no");
  });
}

document.addEventListener("keydown", (event) => {
  // An open dialog has the keys, Escape too: what is behind it stays as it is.
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && viewer.guestsAreOpen()) {
    viewer.guests(false);
    find("guests-button").focus();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const all = { "?": help };
  const here = {
    home: { "/": () => home.focusSearch(), k: () => home.focusKey() },
    viewer: {
      0: () => viewer.mode("fit"),
      1: () => viewer.mode("actual"),
      f: () => viewer.fullScreen(),
      g: () => viewer.guests(),
    },
  }[screen] ?? {};
  const what = screen === "sign-in" ? undefined : here[key] ?? all[key];
  if (what === undefined || !singleKeys()) return;
  event.preventDefault();
  what();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  client?.wake();
  render();
});
addEventListener("online", () => client?.hurry());
addEventListener("pagehide", () => {
  // Leaving the page is leaving: the visitor is told now and not after the grace.
  const own = client;
  client = null;
  own?.leave();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
addEventListener("beforeunload", (event) => {
  if (facts !== null && facts.view !== null) event.preventDefault();
});

// Times and countdowns go on without any news.
setInterval(() => {
  if (!document.hidden) later();
}, 1000);

show(find("insecure"), !isSecureContext);
const group = new URLSearchParams(location.search).get("group");
if (group !== null) find("sign-in-group").value = group;
const begun = takeBegun();
if (begun !== null) {
  find("sign-in-group").value = begun.signIn.group;
  signIn(begun.signIn, begun.link);
} else {
  render();
  (find("sign-in-group").value === "" ? find("sign-in-group") : find("sign-in-token")).focus();
}
