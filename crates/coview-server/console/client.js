// The agent's end of the protocol: one place at the server, over as many connections as it takes.
//
// It numbers what the console says, keeps it until the server has seen it, says something at least
// once in every heartbeat, comes back with the resume secret after a break, and begins anew where
// the server has forgotten it. It knows nothing of the page; time, chance and sockets are given.
//
//          start             open              first reply
//   new ──────────▶ opening ─────▶ greeting ───────────────▶ live
//                     ▲  ▲            │  ▲ sign_in after      │
//                     │  │            │  └ refused resume     │
//          time is up │  │            ▼                       │
//                     │  │        restoring ─── roster ──────▶│
//                     │  │            │                       │
//                     └──└─ waiting ◀─┴───────────────────────┘
//
//   any ── leave, or something final ──▶ closed

export const SUBPROTOCOL = "coview.v1";
const VERSION = 1;
const FIRST_REPLY_MS = 10_000;
const BACKOFF = { first: 500, max: 30_000 };
/** Closer together than this the tries of many clients would be a burden. */
const CLOSEST_MS = 1_000;
/** No policy of a server makes a client wake up more often than this. */
const LEAST_MS = 10;
const OUTBOX_LIMIT = 256;
const WINDOW = 32;

const text = (value) => typeof value === "string";
const number = (value) => Number.isSafeInteger(value) && value >= 0;
const flag = (value) => typeof value === "boolean";
const maybe = (is) => (value) => value === undefined || value === null || is(value);
const list = (is) => (value) => Array.isArray(value) && value.every(is);
const fields = (shape) => (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) &&
  Object.entries(shape).every(([name, is]) => is(value[name]));

const agentCard = { agent: text, name: text };
const guests = { count: number, guests: list(fields(agentCard)) };
const view = { session: number, ask: maybe(number), visitor: maybe(text), ...guests };
const profile = { name: maybe(text), email: maybe(text), phone: maybe(text) };
const data = (value) => fields({})(value) && Object.values(value).every(text);
const visitorCard = {
  visitor: text, profile: maybe(fields(profile)), data: maybe(data), app: text,
  reachable: flag, busy: flag, online_ms: number,
};
const timing = { heartbeat_ms: number, missed_heartbeats: number, first_reply_ms: number, resume_grace_ms: number };
const askEnded = { ask: number, outcome: text, session: maybe(number) };
const viewEnded = { session: number, reason: text };
const rights = { visitors: maybe(list(text)), view_only: maybe(flag), manual_keys: maybe(flag), max_guests: maybe(number) };
const joinWaiting = { re: number, expires_ms: number };
const snapshot = {
  seen: maybe(number),
  answered: maybe(fields({ re: number, refused: maybe(text) })),
  ask: maybe(fields({ re: number, ask: number, visitor: text, displayed: flag, expires_ms: number })),
  ask_ended: maybe(fields(askEnded)),
  joining: maybe(fields(joinWaiting)),
  view: maybe(fields(view)),
  view_ended: maybe(fields(viewEnded)),
};

/** What the server may say to an agent, and the fields it must have. Others are ignored. */
const MESSAGES = {
  signed_in: {
    re: number, secret: text, agent: fields(agentCard), timing: fields(timing),
    expires_ms: number, rights: maybe(fields(rights)), key_digits: number,
  },
  renewed: { re: number, expires_ms: number, rights: maybe(fields(rights)) },
  resumed: { re: number, snapshot: fields(snapshot) },
  roster: { re: maybe(number), first: flag, more: flag, visitors: list(fields(visitorCard)) },
  visitor_online: visitorCard,
  visitor_changed: visitorCard,
  visitor_offline: { visitor: text, reason: text },
  asked: { re: number, ask: number, expires_ms: number },
  terms_displayed: { ask: number },
  ask_ended: askEnded,
  join_waiting: joinWaiting,
  joined: { re: maybe(number), ...view },
  session_guests: { session: number, ...guests },
  session_ended: viewEnded,
  refused: { re: number, code: text, retry_ms: maybe(number) },
  problem: { re: maybe(number), code: text },
  pong: { seen: maybe(number) },
  closing: { reason: text, retry: flag },
};

/** Reads one message. Answers `{ message }`, `{ unknown: true }` or `{ malformed: true }`. */
export function decode(json) {
  let message;
  try {
    message = JSON.parse(json);
  } catch {
    return { malformed: true };
  }
  if (!fields({ t: text })(message)) return { malformed: true };
  if (!Object.hasOwn(MESSAGES, message.t)) return { unknown: true };
  return fields(MESSAGES[message.t])(message) ? { message } : { malformed: true };
}

/** The messages the server has not acknowledged, in order: the first `said` of them were said on
 * this connection, the first `ever` on any. */
class Outbox {
  entries = [];
  said = 0;
  ever = 0;

  /** The next message to say on this connection, unless too many are under way. */
  sayNext() {
    if (this.said >= WINDOW || this.said >= this.entries.length) return undefined;
    const message = this.entries[this.said];
    this.said += 1;
    this.ever = Math.max(this.ever, this.said);
    return message;
  }

  /** Takes out one message that has no more use. Numbers may have gaps. */
  drop(re) {
    const at = this.entries.findIndex((message) => message.re === re);
    if (at === -1) return;
    this.entries.splice(at, 1);
    if (at < this.said) this.said -= 1;
    if (at < this.ever) this.ever -= 1;
  }

  /** The connection is gone: everything has to be said again. */
  rewind() {
    this.said = 0;
  }

  /** Takes out what the server has seen. What was never said it cannot have seen. */
  acknowledge(seen) {
    let count = 0;
    while (count < this.ever && this.entries[count].re <= seen) count += 1;
    this.said = Math.max(0, this.said - count);
    this.ever -= count;
    return this.entries.splice(0, count);
  }
}

/**
 * One agent at one server.
 *
 * `to` is told what happens: `ready(agent)` once, `granted({ rights, expiresAt, keyDigits })` at every
 * sign-in and renewal, `hear(message)`, `binary(buffer)`,
 * `connection({ live, until })` at every change (`until`: when the next try begins), and
 * `closed({ why, code })` once, after which nothing more comes. `why` is `left`, `refused`,
 * `server`, `unreachable`, `no_answer`, `protocol` or `backlog`.
 *
 * Before `ready` every failure ends it, so that a person who signs in learns the cause at once. With
 * `insist` it tries on instead, except after a refusal that no waiting cures.
 */
export class Client {
  #config;
  #to;
  #world;
  #phase = { name: "new" };
  #socket = null;
  #timer = null;
  #place = null;
  /** Whether the server may still know this client; if not, whether it said that it shuts down. */
  #forgotten = false;
  #shutdown = false;
  #outbox = new Outbox();
  #renewing = null;
  #keyDigits = 0;
  #numbered = 0;
  #acknowledged = null;
  #base = { watch: null, ask: null, view: null };
  #failed = 0;
  #waited = 0;
  #lostAt = null;

  /**
   * @param config `{ group, token, insist }`
   * @param to the listener, see above
   * @param world `{ now(), after(ms, what) → cancel, random(), open() → WebSocket }`
   */
  constructor(config, to, world) {
    this.#config = config;
    this.#to = to;
    this.#world = world;
  }

  start() {
    if (this.#phase.name === "new") this.#open();
    this.#arm();
  }

  /** Says something of the console's; it gets the next number, which is the answer. */
  say(message) {
    if (this.#phase.name === "closed") return 0;
    this.#numbered += 1;
    if (this.#outbox.entries.length >= OUTBOX_LIMIT) {
      this.leave("backlog");
      return 0;
    }
    this.#outbox.entries.push({ ...message, re: this.#numbered });
    this.#flush();
    this.#arm();
    return this.#numbered;
  }

  /** Shows a newer token, so that the sign-in lasts longer; it is what signs in after a break, too. */
  renew(token) {
    const re = this.say({ t: "renew", token });
    if (re !== 0) this.#renewing = { re, token };
    return re;
  }

  /** Says something about pictures. It is not numbered and never said again. */
  sayBinary(bytes) {
    if (this.#phase.name === "live") this.#socket.send(bytes);
  }

  /** Leaves for good. */
  leave(why = "left") {
    if (this.#phase.name === "closed") return;
    if (["greeting", "restoring", "live"].includes(this.#phase.name)) this.#send({ t: "bye" });
    this.#letGo();
    this.#end({ why });
  }

  /** Tries to connect now, if it waits for the next try. */
  hurry() {
    if (this.#phase.name === "waiting") this.#open();
    this.#arm();
  }

  /** Looks at the time: timers of a page that was asleep may be late. */
  wake() {
    const now = this.#world.now();
    const phase = this.#phase;
    switch (phase.name) {
      case "opening":
      case "greeting":
      case "restoring":
        if (phase.failAt <= now) {
          this.#letGo();
          this.#lost("no_answer");
        }
        break;
      case "live":
        if (this.#silentAt() <= now) {
          this.#letGo();
          this.#lost("no_answer");
        } else if (this.#pingAt() <= now) {
          this.#ping();
        }
        break;
      case "waiting":
        if (phase.until <= now) this.#open();
        break;
      default:
    }
    this.#arm();
  }

  // The way up.

  #open() {
    this.#phase = { name: "opening", failAt: this.#replyDue() };
    let socket;
    try {
      socket = this.#world.open();
    } catch {
      this.#lost("unreachable");
      return;
    }
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    // What a socket says after it was let go is no longer heard.
    const mine = (what) => (event) => {
      if (this.#socket !== socket) return;
      what(event);
      this.#arm();
    };
    socket.addEventListener("open", mine(() => this.#opened()));
    socket.addEventListener("message", mine((event) => this.#message(event.data)));
    socket.addEventListener("close", mine(() => {
      this.#socket = null;
      this.#lost("unreachable");
    }));
    this.#tellConnection();
  }

  #opened() {
    if (this.#phase.name !== "opening") return;
    // The deadline that began with opening goes on.
    this.#greet(this.#phase.failAt);
  }

  #greet(failAt) {
    const resume = this.#place !== null && !this.#forgotten;
    if (!resume && this.#renewing !== null) {
      // The newer token signs in by itself, and may be good for one use only.
      this.#config = { ...this.#config, token: this.#renewing.token };
      this.#outbox.drop(this.#renewing.re);
    }
    const { group, token } = this.#config;
    this.#phase = { name: "greeting", asked: resume ? "resume" : "sign_in", failAt };
    const greeting = { re: 0, version: VERSION, group };
    this.#send(resume
      ? { t: "resume", ...greeting, secret: this.#place.secret }
      : { t: "sign_in", ...greeting, token });
  }

  #granted({ rights, expires_ms: ms }) {
    this.#to.granted({
      rights: {
        visitors: rights?.visitors ?? null,
        viewOnly: rights?.view_only ?? false,
        manualKeys: rights?.manual_keys ?? true,
        maxGuests: rights?.max_guests ?? null,
      },
      expiresAt: this.#world.now() + ms,
      keyDigits: this.#keyDigits,
    });
  }

  #signedIn(message) {
    const { secret, agent, timing: told } = message;
    this.#keyDigits = message.key_digits;
    const again = this.#place !== null;
    const renewed = this.#renewing;
    this.#renewing = null;
    const time = (ms) => Math.max(ms, LEAST_MS);
    const heartbeat = time(told.heartbeat_ms);
    this.#place = {
      secret,
      heartbeat,
      // The first heartbeat of silence is what a ping is said after, so the answer to it can only
      // be missed from the second on.
      silence: heartbeat * Math.max(told.missed_heartbeats, 2),
      firstReply: time(told.first_reply_ms),
      grace: time(told.resume_grace_ms),
    };
    this.#granted(message);
    if (!again) {
      this.#to.ready(agent);
      this.#live();
    } else if (this.#base.watch !== null) {
      this.#phase = { name: "restoring", failAt: this.#replyDue() };
      this.#send({ ...this.#base.watch, re: 0 });
    } else {
      this.#restored(null);
    }
    if (renewed !== null) this.#to.hear({ t: "renewed", re: renewed.re, expires_ms: message.expires_ms });
  }

  /** The server has a new place for this client: what it had before is over. */
  #restored(roster) {
    const { ask, view: session } = this.#base;
    this.#base.ask = null;
    this.#base.view = null;
    const told = { seen: this.#acknowledged ?? undefined };
    if (ask !== null) told.ask_ended = { ask, outcome: "lost" };
    if (session !== null) {
      told.view_ended = { session, reason: this.#shutdown ? "shutdown" : "agent_lost" };
    }
    this.#to.hear({ t: "resumed", re: 0, snapshot: told });
    this.#live(roster);
  }

  #live(roster = null) {
    const now = this.#world.now();
    this.#phase = { name: "live", since: now, said: now, pinged: now, heard: now };
    this.#forgotten = false;
    this.#shutdown = false;
    this.#lostAt = null;
    this.#tellConnection();
    if (roster !== null) this.#hear(roster);
    this.#flush();
  }

  // What the server says.

  #message(content) {
    if (this.#phase.name === "live") this.#phase.heard = this.#world.now();
    if (typeof content !== "string") {
      if (this.#phase.name === "live") this.#to.binary(content);
      return;
    }
    const { message, malformed } = decode(content);
    if (message) this.#sort(message);
    else if (malformed) this.#notCoview();
  }

  #sort(message) {
    const { name, asked } = this.#phase;
    switch (message.t) {
      case "signed_in":
        if (name === "greeting" && asked === "sign_in") this.#signedIn(message);
        else this.#notCoview();
        break;
      case "resumed":
        if (name === "greeting" && asked === "resume") {
          const { seen, answered } = message.snapshot;
          const refused = answered && answered.refused ? answered.re : null;
          if (number(seen)) this.#acknowledge(seen, refused);
          this.#hear(message);
          this.#live();
        } else {
          this.#notCoview();
        }
        break;
      case "pong":
        if (name === "live" && number(message.seen)) {
          this.#acknowledge(message.seen);
          this.#flush();
        }
        break;
      case "closing":
        this.#closing(message);
        break;
      case "refused":
      case "problem":
        this.#no(message);
        break;
      default:
        this.#news(message);
    }
  }

  #news(message) {
    const { name } = this.#phase;
    if (name === "live") {
      if (number(message.re) && message.re > 0) {
        // The server acts in order, so the answer to one message acknowledges all before.
        this.#acknowledge(message.re);
      }
      this.#hear(message);
      this.#flush();
    } else if (name === "restoring" && message.t === "roster" && message.re === 0) {
      this.#restored(message);
    } else {
      this.#notCoview();
    }
  }

  #no(message) {
    const { name, asked } = this.#phase;
    const re = message.re ?? 0;
    if (name === "greeting" && re === 0) {
      this.#greetingRefused(asked, message.code);
    } else if (name === "restoring" && re === 0) {
      this.#letGo();
      if (["shutting_down", "unavailable"].includes(message.code)) this.#lost("unreachable");
      else this.#end({ why: "refused", code: message.code });
    } else if (name === "live") {
      if (re > 0) this.#acknowledge(re, re);
      if (this.#renewing?.re === re) this.#renewing = null;
      if (message.re !== 0) this.#to.hear(message);
      this.#flush();
    } else {
      this.#notCoview();
    }
  }

  #greetingRefused(asked, code) {
    if (asked === "resume" && code === "resume_failed") {
      this.#forgotten = true;
      this.#greet(this.#replyDue());
    } else if (this.#goesOn() && ["shutting_down", "limit_exceeded", "unavailable"].includes(code)) {
      this.#letGo();
      this.#lost("refused", code);
    } else {
      this.#letGo();
      this.#end({ why: "refused", code });
    }
  }

  #closing({ reason, retry }) {
    this.#letGo();
    if (!retry || !this.#goesOn()) {
      this.#end({ why: "server", code: reason });
      return;
    }
    if (reason === "shutdown") {
      this.#forgotten = true;
      this.#shutdown = true;
    }
    this.#lost("server", reason);
  }

  #hear(message) {
    const base = this.#base;
    switch (message.t) {
      case "resumed":
        base.ask = message.snapshot.ask?.ask ?? null;
        base.view = message.snapshot.view?.session ?? null;
        break;
      case "asked":
        base.ask = message.ask;
        break;
      case "ask_ended":
        if (base.ask === message.ask) {
          base.ask = null;
          base.view = message.session ?? base.view;
        }
        break;
      case "renewed":
        if (this.#renewing?.re === message.re) {
          this.#config = { ...this.#config, token: this.#renewing.token };
          this.#renewing = null;
        }
        this.#granted(message);
        break;
      case "joined":
        base.view = message.session;
        break;
      case "session_ended":
        if (base.view === message.session) base.view = null;
        break;
      default:
    }
    this.#to.hear(message);
  }

  /** Before the first reply a fault shows that the other side is not what was looked for; later it
   * is a fault among good messages, and the next one may be good again. */
  #notCoview() {
    if (this.#place !== null) return;
    this.#letGo();
    this.#end({ why: "protocol" });
  }

  #acknowledge(seen, refused = null) {
    for (const message of this.#outbox.acknowledge(seen)) {
      this.#acknowledged = message.re;
      if (message.re === refused) continue;
      if (message.t === "watch") this.#base.watch = message;
      if (message.t === "unwatch") this.#base.watch = null;
      if (message.t === "leave" && (message.session ?? this.#base.view) === this.#base.view) {
        this.#base.view = null;
      }
    }
  }

  // What is said.

  #flush() {
    if (this.#phase.name !== "live") return;
    const before = this.#outbox.said;
    for (let next = this.#outbox.sayNext(); next; next = this.#outbox.sayNext()) {
      this.#phase.said = this.#world.now();
      this.#send(next);
    }
    // Only an acknowledgement opens the window again.
    if (this.#outbox.said >= WINDOW && before < WINDOW) this.#ping();
  }

  #ping() {
    const now = this.#world.now();
    this.#phase.said = now;
    this.#phase.pinged = now;
    this.#send({ t: "ping" });
  }

  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  // The way down, and time.

  #letGo() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #goesOn() {
    return this.#place !== null || this.#config.insist === true;
  }

  /** There is no connection any more: come back later. */
  #lost(why, code) {
    const now = this.#world.now();
    this.#outbox.rewind();
    if (!this.#goesOn()) {
      this.#end({ why, code });
      return;
    }
    if (this.#phase.name === "live") {
      this.#lostAt = now;
      // A connection that held longer than the wait before it was worth the wait. One that breaks at
      // once, again and again, is not tried ever faster for having been there.
      if (now - this.#phase.since >= this.#waited) this.#failed = 0;
    }
    this.#waited = this.#longestWait(now);
    this.#failed += 1;
    const wait = this.#waited / 2 + this.#world.random() * (this.#waited / 2);
    this.#phase = { name: "waiting", until: now + wait };
    this.#tellConnection();
  }

  /** While the server keeps the place, the tries close in on the end of its grace: otherwise a
   * network that is back in time would be noticed too late. */
  #longestWait(now) {
    const longest = Math.min(BACKOFF.first * 2 ** Math.min(this.#failed, 16), BACKOFF.max);
    if (this.#place === null || this.#lostAt === null || this.#forgotten) return longest;
    const left = Math.max(0, this.#place.grace - (now - this.#lostAt));
    return left === 0 ? longest : Math.min(longest, Math.max(CLOSEST_MS, left / 2));
  }

  #end(ended) {
    this.#phase = { name: "closed" };
    this.#place = null;
    this.#outbox = new Outbox();
    this.#arm();
    this.#to.closed(ended);
  }

  #tellConnection() {
    const { name, until } = this.#phase;
    this.#to.connection({ live: name === "live", until: name === "waiting" ? until : null });
  }

  #replyDue() {
    return this.#world.now() + (this.#place?.firstReply ?? FIRST_REPLY_MS);
  }

  /** A heartbeat after the last word of this side. If that word is not acknowledged it may never be
   * answered by itself, so then a heartbeat after the last ping, however much was said. */
  #pingAt() {
    const { said, pinged } = this.#phase;
    return (this.#outbox.said === 0 ? said : pinged) + this.#place.heartbeat;
  }

  #silentAt() {
    return this.#phase.heard + this.#place.silence;
  }

  #wakeAt() {
    const phase = this.#phase;
    switch (phase.name) {
      case "opening":
      case "greeting":
      case "restoring":
        return phase.failAt;
      case "live":
        return Math.min(this.#silentAt(), this.#pingAt());
      case "waiting":
        return phase.until;
      default:
        return null;
    }
  }

  /** A timer that fires too early is no harm and cheaper than a new one for every message. */
  #arm() {
    const at = this.#wakeAt();
    if (this.#timer !== null && at !== null && this.#timer.at <= at) return;
    this.#timer?.cancel();
    this.#timer = at === null ? null : {
      at,
      cancel: this.#world.after(Math.max(0, at - this.#world.now()), () => {
        this.#timer = null;
        this.wake();
      }),
    };
  }
}
