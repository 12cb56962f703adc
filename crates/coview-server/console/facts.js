// What is true now, as far as this console has been told.
//
// Messages are absorbed into facts as they arrive; whatever was missed, one snapshot after a
// reconnect puts right. What can be late carries a number and is passed over if that is not the
// current one. Every ask, every request and every session is told to be over exactly once.

/** More visitors than this are not kept: nobody reads such a list. */
export const ROSTER_MAX = 16 * 1024;

/** A name somebody can see, or `null`: an app may tell one that is empty, or of spaces only, and a
 * visitor would have no name in the list. */
const visible = (name) => (/[^\s\p{Default_Ignorable_Code_Point}]/u.test(name ?? "") ? name : null);

/**
 * The facts of one signed-in agent. What it has to say goes through `say(message) → number`; the
 * time in milliseconds comes from `now()`.
 *
 * - `roster`: `Map` of visitor id → card, with `since` instead of `online_ms`; `rosterChanges` grows
 *   with every change of it; `whole` says whether
 *   everybody is in it, `watching` whether a first list has arrived at all.
 * - `request`: what waits for an answer, `{ re, kind: "ask" | "join", visitor }`; a join that waits for
 *   the visitor to let the agent in has `expiresAt`.
 * - `rights`: what the token allows, `{ visitors, viewOnly, manualKeys, maxGuests }`.
 * - `ask`: the ask that waits for the visitor, `{ ask, visitor, expiresAt, status, session }`, where
 *   `status` is `sent`, `displayed` or `accepted`.
 * - `view`: the session this agent is in, `{ session, visitor, count, guests, since }`.
 * - `outcome`: what ended last, until it is dismissed: `{ kind: "ask", visitor, outcome }`,
 *   `{ kind: "refused", request, visitor, code, retryAt }` (`retryAt` if the server named a time) or `{ kind: "view", visitor, reason }`.
 */
export class Facts {
  roster = new Map();
  rosterChanges = 0;
  watching = false;
  paging = false;
  cut = false;
  request = null;
  ask = null;
  view = null;
  outcome = null;
  rights = { visitors: null, viewOnly: false, manualKeys: true, maxGuests: null };
  /** What those were called who went offline while something was under way with them. */
  #names = new Map();
  #lastAsk = null;
  #watch = null;
  #say;
  #now;

  constructor(say, now) {
    this.#say = say;
    this.#now = now;
  }

  get whole() {
    return this.watching && !this.paging && !this.cut;
  }

  /** Whether another ask or join can be said. */
  get free() {
    return this.request === null && this.ask === null && this.view === null;
  }

  /** What to call a visitor: by name, if the app told one, or by the id. */
  nameOf(visitor) {
    return this.roster.get(visitor)?.name ?? this.#names.get(visitor) ?? visitor ?? "The visitor";
  }

  // What the agent does.

  watch() {
    this.#watch = this.#say({ t: "watch" });
  }

  askFor(visitor) {
    if (!this.free) return;
    this.outcome = null;
    this.request = { kind: "ask", visitor, re: this.#say({ t: "ask", visitor }) };
  }

  join(key) {
    if (!this.free) return;
    this.outcome = null;
    this.request = { kind: "join", visitor: null, re: this.#say({ t: "join", key }) };
  }

  /** Takes back whatever waits for an answer, at once; what still comes of it is stale. */
  withdraw() {
    if (this.ask !== null) {
      const { ask, visitor, session } = this.ask;
      this.ask = null;
      if (session === null) this.#say({ t: "withdraw", ask });
      else this.#say({ t: "leave", session });
      this.outcome = { kind: "ask", visitor, outcome: "withdrawn" };
    } else if (this.request?.kind === "ask") {
      this.#say({ t: "withdraw" });
      this.outcome = { kind: "ask", visitor: this.request.visitor, outcome: "withdrawn" };
      this.request = null;
    } else if (this.request?.kind === "join") {
      this.#say({ t: "leave" });
      this.request = null;
    }
  }

  /** Leaves the session, which goes on. */
  leave() {
    if (this.view === null) return;
    this.#say({ t: "leave", session: this.view.session });
    this.outcome = { kind: "view", visitor: this.view.visitor, reason: "left" };
    this.view = null;
  }

  /** Ends the session for everybody. */
  end() {
    if (this.view === null) return;
    this.#say({ t: "end", session: this.view.session });
    // A newer token may have taken the right away on its way: then the session goes on without us.
    this.#say({ t: "leave", session: this.view.session });
    this.outcome = { kind: "view", visitor: this.view.visitor, reason: "own" };
    this.view = null;
  }

  /** Removes another agent from the session. */
  eject(agent) {
    if (this.view !== null) this.#say({ t: "eject", session: this.view.session, agent });
  }

  dismiss() {
    this.outcome = null;
  }

  // What the world does.

  absorb(message) {
    switch (message.t) {
      case "resumed":
        this.#reconcile(message.snapshot);
        break;
      case "roster":
        this.#page(message);
        break;
      case "visitor_online":
      case "visitor_changed":
        if (this.watching) this.#put(message);
        break;
      case "visitor_offline":
        this.#forget(message.visitor);
        this.rosterChanges += 1;
        break;
      case "asked":
        this.#asked(message.re, message.ask, message.expires_ms);
        break;
      case "terms_displayed":
        if (this.ask?.ask === message.ask && this.ask.status === "sent") {
          this.ask.status = "displayed";
        }
        break;
      case "ask_ended":
        this.#askEnded(message.ask, message.outcome, message.session ?? null);
        break;
      case "join_waiting":
        this.#joinWaits(message);
        break;
      case "joined":
        this.#joined(message.re ?? null, message);
        break;
      case "session_guests":
        this.#guestsAre(message);
        break;
      case "session_ended":
        this.#viewEnded(message.session, message.reason);
        break;
      case "refused":
      case "problem":
        this.#refused(message.re ?? null, message.code, message.retry_ms ?? null);
        break;
      default:
    }
  }

  /** The connection is closed for good: nothing of this goes on. */
  closed() {
    this.request = null;
    this.ask = null;
    this.view = null;
    this.roster.clear();
    this.watching = false;
  }

  #page({ re, first, more, visitors }) {
    // A roster that answers nothing follows a resume; one that answers an earlier watch is stale.
    if (re !== undefined && re !== null && re !== 0 && re !== this.#watch) return;
    this.rosterChanges += 1;
    if (first) {
      for (const visitor of [...this.roster.keys()]) this.#forget(visitor);
      this.cut = false;
    }
    this.watching = true;
    this.paging = more;
    for (const card of visitors) this.#put(card);
  }

  #forget(visitor) {
    const name = this.roster.get(visitor)?.name ?? null;
    this.roster.delete(visitor);
    const concerned = [this.request, this.ask, this.view, this.outcome];
    if (name !== null && concerned.some((it) => it?.visitor === visitor)) {
      // One thing is under way at a time, so one name is enough.
      this.#names.clear();
      this.#names.set(visitor, name);
    }
  }

  #put(card) {
    if (this.roster.size >= ROSTER_MAX && !this.roster.has(card.visitor)) {
      this.cut = true;
      return;
    }
    const { visitor, profile, data, app, reachable, busy, online_ms: onlineMs } = card;
    this.rosterChanges += 1;
    this.roster.set(visitor, {
      visitor,
      name: visible(profile?.name),
      email: profile?.email ?? null,
      phone: profile?.phone ?? null,
      data: Object.entries(data ?? {}),
      app,
      reachable,
      busy,
      since: this.#now() - onlineMs,
    });
  }

  #asked(re, ask, expiresMs) {
    if (this.request?.kind !== "ask" || this.request.re !== re) return;
    const { visitor } = this.request;
    this.request = null;
    this.#lastAsk = ask;
    this.ask = { ask, visitor, expiresAt: this.#now() + expiresMs, status: "sent", session: null };
  }

  #askEnded(ask, outcome, session) {
    const mine = this.ask?.ask === ask ? this.ask : null;
    if (outcome === "accepted") {
      if (mine !== null && mine.session === null) {
        mine.status = "accepted";
        mine.session = session;
      } else if (mine === null && session !== null && session !== this.view?.session) {
        // The visitor accepted while this side gave the ask up.
        this.#say({ t: "leave", session });
      }
    } else if (mine !== null && mine.status !== "accepted") {
      // An ask has one outcome: after *accepted* only the session can end.
      this.#endAsk(outcome);
    }
  }

  #endAsk(outcome) {
    this.outcome = { kind: "ask", visitor: this.ask.visitor, outcome };
    this.ask = null;
  }

  /** The key is right, and the visitor is asked whether to let this agent in. */
  #joinWaits({ re, expires_ms: expiresMs }) {
    if (this.request?.kind !== "join" || this.request.re !== re) return;
    this.request.expiresAt = this.#now() + expiresMs;
  }

  #joined(re, facts) {
    if (this.view?.session === facts.session) {
      this.#guestsAre(facts);
    } else if (re !== null) {
      // A join that was given up has been followed by a leave already.
      if (this.request?.kind === "join" && this.request.re === re) {
        this.request = null;
        this.#viewIs(facts, facts.visitor ?? null);
      }
    } else if (
      this.ask !== null && this.ask.ask === facts.ask &&
      (this.ask.session === null || this.ask.session === facts.session)
    ) {
      const visitor = facts.visitor ?? this.ask.visitor;
      this.ask = null;
      this.#viewIs(facts, visitor);
    } else {
      this.#say({ t: "leave", session: facts.session });
    }
  }

  #viewIs({ session, count, guests }, visitor) {
    this.outcome = null;
    this.view = { session, visitor, count, guests, since: this.#now() };
  }

  #guestsAre({ session, count, guests }) {
    if (this.view?.session !== session) return;
    this.view.count = count;
    this.view.guests = guests;
  }

  #viewEnded(session, reason) {
    if (this.view !== null) {
      if (this.view.session !== session) return;
      this.outcome = { kind: "view", visitor: this.view.visitor, reason };
      this.view = null;
    } else if (this.ask?.status === "accepted" && this.ask.session === session) {
      // The visitor accepted, and there will be no session.
      this.#endAsk("lost");
    }
  }

  #refused(re, code, retryMs = null) {
    if (re === null || this.request?.re !== re) return;
    const { kind, visitor } = this.request;
    this.request = null;
    this.outcome = { kind: "refused", request: kind, visitor, code };
    if (retryMs !== null) this.outcome.retryAt = this.#now() + retryMs;
  }

  // One snapshot of the truth.

  #reconcile(snapshot) {
    this.#reconcileRequest(snapshot);
    this.#reconcileAsk(snapshot);
    this.#reconcileView(snapshot);
  }

  #reconcileRequest(snapshot) {
    if (this.request === null) return;
    const { re } = this.request;
    const answered = snapshot.answered?.re === re ? snapshot.answered : null;
    if (snapshot.joining?.re === re) this.#joinWaits(snapshot.joining);
    else if (answered?.refused) this.#refused(re, answered.refused);
    // What was seen was answered, whatever the snapshot names as the last answer.
    else if (answered !== null || (snapshot.seen ?? 0) >= re) this.#grantedIn(snapshot);
  }

  /** The request was granted while nobody listened: what it was granted stands in the snapshot, or
   * has ended since. */
  #grantedIn(snapshot) {
    const { re, kind } = this.request;
    if (kind === "join") {
      const view = snapshot.view ?? null;
      if (view !== null && (view.ask ?? null) === null) this.#joined(re, view);
      else this.#refused(re, "session_gone");
      return;
    }
    const isNew = (ask) => (ask ?? null) !== null && ask !== this.#lastAsk;
    if (snapshot.ask?.re === re) {
      this.#asked(re, snapshot.ask.ask, snapshot.ask.expires_ms);
    } else if (isNew(snapshot.view?.ask)) {
      this.#asked(re, snapshot.view.ask, 0);
    } else if (isNew(snapshot.ask_ended?.ask)) {
      this.#asked(re, snapshot.ask_ended.ask, 0);
    } else {
      this.#refused(re, "no_answer");
    }
  }

  #reconcileAsk(snapshot) {
    if (this.ask === null) return;
    const { ask } = this.ask;
    if (snapshot.ask?.ask === ask) {
      this.ask.expiresAt = this.#now() + snapshot.ask.expires_ms;
      if (snapshot.ask.displayed && this.ask.status === "sent") this.ask.status = "displayed";
    } else if (snapshot.view && snapshot.view.ask === ask) {
      this.#joined(null, snapshot.view);
    } else if (snapshot.ask_ended?.ask === ask) {
      this.#askEnded(ask, snapshot.ask_ended.outcome, snapshot.ask_ended.session ?? null);
      const ended = snapshot.view_ended ?? null;
      if (ended !== null && this.ask?.session === ended.session) {
        this.#viewEnded(ended.session, ended.reason);
      }
    } else {
      this.#endAsk("lost");
    }
  }

  #reconcileView(snapshot) {
    const now = snapshot.view ?? null;
    if (this.view !== null && this.view.session !== now?.session) {
      const { session } = this.view;
      const ended = snapshot.view_ended?.session === session ? snapshot.view_ended.reason : null;
      this.#viewEnded(session, ended ?? "agent_lost");
    }
    if (now === null) return;
    if (this.view?.session === now.session) this.#guestsAre(now);
    // A join that was given up: its leave is in the outbox and is said after this.
    else if ((now.ask ?? null) !== null) this.#joined(null, now);
  }
}
