import assert from "node:assert/strict";
import test from "node:test";

import { Client, decode } from "../client.js";

const TIMING = { heartbeat_ms: 20_000, missed_heartbeats: 2, first_reply_ms: 10_000, resume_grace_ms: 30_000, background_lease_ms: 300_000 };
const SIGNED_IN = { t: "signed_in", re: 0, secret: "secret-1", agent: { agent: "agent-7", name: "Grace" }, timing: TIMING, expires_ms: 3_600_000, key_digits: 9 };

class Socket {
  said = [];
  closed = false;
  #listeners = new Map();

  addEventListener(name, what) {
    this.#listeners.set(name, what);
  }

  send(content) {
    this.said.push(typeof content === "string" ? JSON.parse(content) : content);
  }

  close() {
    this.closed = true;
  }

  open() {
    this.#listeners.get("open")({});
  }

  hears(message) {
    const data = typeof message === "object" && "t" in message ? JSON.stringify(message) : message;
    this.#listeners.get("message")({ data });
  }

  breaks() {
    this.#listeners.get("close")({});
  }
}

/** A client in a world whose time only moves when it is told to. */
function made({ insist = false } = {}) {
  const it = { now: 0, timers: [], sockets: [], ready: [], granted: [], heard: [], closed: [], connection: [], random: 1 };
  const world = {
    now: () => it.now,
    random: () => it.random,
    open: () => {
      const socket = new Socket();
      it.sockets.push(socket);
      return socket;
    },
    after: (ms, what) => {
      const timer = { at: it.now + ms, what };
      it.timers.push(timer);
      return () => {
        it.timers = it.timers.filter((other) => other !== timer);
      };
    },
  };
  it.pass = (ms) => {
    const end = it.now + ms;
    for (;;) {
      it.timers.sort((a, b) => a.at - b.at);
      if (it.timers.length === 0 || it.timers[0].at > end) break;
      const { at, what } = it.timers.shift();
      it.now = at;
      what();
    }
    it.now = end;
  };
  Object.defineProperty(it, "socket", { get: () => it.sockets.at(-1) });
  it.client = new Client({ group: "12345", token: "t0ken", insist }, {
    ready: (agent) => it.ready.push(agent),
    granted: (granted) => it.granted.push(granted),
    hear: (message) => it.heard.push(message),
    binary: (buffer) => it.heard.push(buffer),
    connection: (connection) => it.connection.push(connection),
    closed: (ended) => it.closed.push(ended),
  }, world);
  it.client.start();
  return it;
}

/** One that has signed in and watches. */
function live(options) {
  const it = made(options);
  it.socket.open();
  it.socket.hears(SIGNED_IN);
  it.client.say({ t: "watch" });
  it.socket.hears({ t: "roster", re: 1, first: true, more: false, visitors: [] });
  it.socket.said.length = 0;
  it.heard.length = 0;
  return it;
}

test("signing in", () => {
  const it = made();
  it.socket.open();
  assert.deepEqual(it.socket.said, [{ t: "sign_in", re: 0, version: 1, group: "12345", token: "t0ken" }]);
  it.socket.hears(SIGNED_IN);
  assert.deepEqual(it.ready, [{ agent: "agent-7", name: "Grace" }]);
  assert.deepEqual(it.connection.at(-1), { live: true, until: null });
  assert.equal(it.client.say({ t: "watch" }), 1);
  assert.deepEqual(it.socket.said.at(-1), { t: "watch", re: 1 });
});

test("whoever cannot sign in learns why at once", () => {
  const ends = (what) => {
    const it = made();
    what(it);
    assert.equal(it.closed.length, 1);
    it.pass(1e6);
    assert.equal(it.sockets.length, 1, "it does not try again");
    return it.closed[0];
  };
  const refused = (code) => ({ t: "refused", re: 0, code });
  assert.deepEqual(ends((it) => it.socket.breaks()), { why: "unreachable", code: undefined });
  assert.deepEqual(ends((it) => it.pass(10_000)), { why: "no_answer", code: undefined });
  assert.deepEqual(ends((it) => {
    it.socket.open();
    it.socket.hears(refused("bad_token"));
  }), { why: "refused", code: "bad_token" });
  assert.deepEqual(ends((it) => {
    it.socket.open();
    it.socket.hears("<html>");
  }), { why: "protocol" });
  assert.deepEqual(ends((it) => {
    it.socket.open();
    it.socket.hears({ t: "closing", reason: "policy", retry: true });
  }), { why: "server", code: "policy" });
});

test("a reload insists, except where no waiting helps", () => {
  const it = made({ insist: true });
  it.socket.breaks();
  assert.deepEqual(it.closed, []);
  it.pass(500);
  assert.equal(it.sockets.length, 2);
  it.socket.open();
  it.socket.hears({ t: "refused", re: 0, code: "limit_exceeded" });
  it.pass(1000);
  assert.equal(it.sockets.length, 3);
  it.socket.open();
  it.socket.hears({ t: "refused", re: 0, code: "bad_token" });
  assert.deepEqual(it.closed, [{ why: "refused", code: "bad_token" }]);
});

test("a heartbeat after the last word, and no more", () => {
  const it = live();
  it.pass(19_999);
  assert.deepEqual(it.socket.said, []);
  it.pass(1);
  assert.deepEqual(it.socket.said, [{ t: "ping" }]);
  it.socket.hears({ t: "pong", seen: 1 });
  it.pass(19_999);
  assert.equal(it.socket.said.length, 1);
  it.pass(1);
  assert.equal(it.socket.said.length, 2);
});

test("silence is a broken connection", () => {
  const it = live();
  it.pass(39_999);
  assert.equal(it.socket.closed, false);
  const { socket } = it;
  it.pass(1);
  assert.equal(socket.closed, true);
  assert.equal(it.connection.at(-1).live, false);
});

test("any message is a sign of life, pictures too", () => {
  const it = live();
  for (let at = 0; at < 10; at += 1) {
    it.pass(15_000);
    it.socket.hears(new ArrayBuffer(4));
  }
  assert.equal(it.sockets.length, 1);
  assert.equal(it.heard.length, 10);
});

test("it comes back with the secret, and says again what was not seen", () => {
  const it = live();
  it.client.say({ t: "ask", visitor: "customer-42" });
  it.socket.breaks();
  it.client.say({ t: "withdraw" });
  it.pass(500);
  it.socket.open();
  assert.deepEqual(it.socket.said, [{ t: "resume", re: 0, version: 1, group: "12345", secret: "secret-1" }]);
  it.socket.hears({ t: "resumed", re: 0, snapshot: { seen: 2, answered: { re: 2 } } });
  assert.deepEqual(it.socket.said.slice(1), [{ t: "withdraw", re: 3 }]);
  assert.equal(it.heard.at(-1).t, "resumed");
  assert.equal(it.connection.at(-1).live, true);
});

test("the waits double, shortened at random, and close in on the end of the grace", () => {
  const it = live();
  it.socket.breaks();
  const waits = [];
  for (let at = 0; at < 8; at += 1) {
    waits.push(it.connection.at(-1).until - it.now);
    it.pass(it.connection.at(-1).until - it.now);
    it.socket.breaks();
  }
  // The grace is over after 30 s: half of what is left of it at most, but at least a second.
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 7250, 3625, 1812.5]);

  const other = live();
  other.random = 0;
  other.socket.breaks();
  assert.equal(other.connection.at(-1).until - other.now, 250);
});

test("where the place is gone it signs in anew and says what was lost", () => {
  const it = live();
  it.socket.hears({ t: "joined", session: 21, ask: 3, count: 1, guests: [] });
  it.client.say({ t: "leave", session: 20 });
  it.heard.length = 0;
  it.socket.breaks();
  it.pass(500);
  it.socket.open();
  it.socket.hears({ t: "refused", re: 0, code: "resume_failed" });
  assert.equal(it.socket.said.at(-1).t, "sign_in");
  it.socket.hears({ ...SIGNED_IN, secret: "secret-2" });
  assert.deepEqual(it.socket.said.at(-1), { t: "watch", re: 0 });
  it.socket.hears({ t: "roster", re: 0, first: true, more: false, visitors: [] });
  assert.deepEqual(it.heard[0].snapshot.view_ended, { session: 21, reason: "agent_lost" });
  assert.equal(it.heard[1].t, "roster");
  assert.deepEqual(it.socket.said.at(-1), { t: "leave", session: 20, re: 2 });
  assert.equal(it.ready.length, 1, "it is the same agent");
});

test("after a shutdown it begins anew without asking for its place", () => {
  const it = live();
  it.socket.hears({ t: "joined", session: 21, ask: 3, count: 1, guests: [] });
  it.socket.hears({ t: "closing", reason: "shutdown", retry: true });
  it.pass(500);
  it.socket.open();
  assert.equal(it.socket.said[0].t, "sign_in");
  it.socket.hears(SIGNED_IN);
  it.socket.hears({ t: "roster", re: 0, first: true, more: false, visitors: [] });
  assert.equal(it.heard.at(-2).snapshot.view_ended.reason, "shutdown");
});

test("what the server does not want back stays away", () => {
  const it = live();
  it.socket.hears({ t: "closing", reason: "superseded", retry: false });
  assert.deepEqual(it.closed, [{ why: "server", code: "superseded" }]);
  it.pass(1e6);
  assert.equal(it.sockets.length, 1);
});

test("a token that no longer holds ends it after a restart", () => {
  const it = live();
  it.socket.breaks();
  it.pass(500);
  it.socket.open();
  it.socket.hears({ t: "refused", re: 0, code: "resume_failed" });
  it.socket.hears({ t: "refused", re: 0, code: "bad_token" });
  assert.deepEqual(it.closed, [{ why: "refused", code: "bad_token" }]);
});

test("leaving says bye, once and as the last word", () => {
  const it = live();
  it.client.leave();
  assert.deepEqual(it.socket.said, [{ t: "bye" }]);
  assert.equal(it.socket.closed, true);
  it.client.leave();
  it.client.say({ t: "watch" });
  it.pass(1e6);
  assert.deepEqual(it.closed, [{ why: "left" }]);
  assert.deepEqual(it.timers, []);
});

test("no more is under way than the window, and no more waits than the outbox holds", () => {
  const it = live();
  for (let at = 0; at < 40; at += 1) it.client.say({ t: "unwatch" });
  assert.deepEqual(it.socket.said.map(({ t }) => t), [...Array(32).fill("unwatch"), "ping"]);
  it.socket.hears({ t: "pong", seen: 33 });
  assert.equal(it.socket.said.length, 33 + 8);
  it.socket.breaks();
  for (let at = 0; at < 300; at += 1) it.client.say({ t: "unwatch" });
  assert.deepEqual(it.closed, [{ why: "backlog" }]);
});

test("what a server of another kind says is passed over once there is a place", () => {
  const it = live();
  it.socket.hears("{");
  it.socket.hears({ t: "joined", session: "21" });
  it.socket.hears({ t: "a_word_of_a_newer_version" });
  it.socket.hears(SIGNED_IN);
  assert.deepEqual([it.heard, it.closed], [[], []]);
});

test("what a connection says after it was given up is not heard", () => {
  const it = live();
  const old = it.socket;
  it.pass(40_000);
  it.pass(500);
  old.hears({ t: "closing", reason: "policy", retry: false });
  old.breaks();
  assert.deepEqual(it.closed, []);
});

test("messages are read strictly enough to rely on their fields", () => {
  assert.equal(decode('{"t":"asked","re":2,"ask":3,"expires_ms":60000,"more":[]}').message.ask, 3);
  assert.deepEqual(decode('{"t":"asked","re":2,"ask":-3,"expires_ms":60000}'), { malformed: true });
  assert.deepEqual(decode('{"t":"asked","re":2,"ask":3.5,"expires_ms":60000}'), { malformed: true });
  assert.deepEqual(decode('{"t":"asked","re":2,"ask":9007199254740992,"expires_ms":1}'), { malformed: true });
  assert.deepEqual(decode('{"t":"joined","session":1,"count":1,"guests":[{"agent":"a"}]}'), { malformed: true });
  assert.deepEqual(decode('[{"t":"pong"}]'), { malformed: true });
  assert.deepEqual(decode('{"t":"toString"}'), { unknown: true });
  assert.ok(decode('{"t":"pong","seen":null}').message);
});

test("what the token allows, and until when, is told at the sign-in and at every renewal", () => {
  const it = live();
  const everything = { visitors: null, viewOnly: false, manualKeys: true, maxGuests: null };
  assert.deepEqual(it.granted, [{ rights: everything, expiresAt: 3_600_000, keyDigits: 9 }]);

  it.pass(1000);
  const re = it.client.renew("newer");
  assert.deepEqual(it.socket.said.at(-1), { t: "renew", token: "newer", re });
  it.socket.hears({ t: "renewed", re, expires_ms: 7_200_000, rights: { view_only: true, manual_keys: false, visitors: ["ann"], max_guests: 2 } });
  assert.deepEqual(it.granted.at(-1), {
    rights: { visitors: ["ann"], viewOnly: true, manualKeys: false, maxGuests: 2 },
    expiresAt: 7_201_000,
    keyDigits: 9,
  });

  // The newest token signs in where the server has forgotten this client.
  it.socket.hears({ t: "closing", reason: "shutdown", retry: true });
  it.pass(1000);
  it.socket.open();
  assert.equal(it.socket.said[0].token, "newer");
});

test("a token that was refused at a renewal is not signed in with", () => {
  const it = live();
  const re = it.client.renew("wrong");
  it.socket.hears({ t: "refused", re, code: "bad_token" });
  assert.equal(it.heard.at(-1).code, "bad_token");
  it.socket.hears({ t: "closing", reason: "shutdown", retry: true });
  it.pass(1000);
  it.socket.open();
  assert.equal(it.socket.said[0].token, "t0ken");
});

test("a renewal that was not answered signs in by itself, and is not said again", () => {
  const it = live();
  const re = it.client.renew("newer");
  it.socket.hears({ t: "closing", reason: "shutdown", retry: true });
  it.pass(1000);
  it.socket.open();
  assert.equal(it.socket.said[0].token, "newer");
  it.socket.hears(SIGNED_IN);
  it.socket.hears({ t: "roster", re: 0, first: true, more: false, visitors: [] });
  assert.equal(it.heard.some((message) => message.t === "renewed" && message.re === re), true);
  assert.equal(it.socket.said.some(({ t }) => t === "renew"), false);
});
