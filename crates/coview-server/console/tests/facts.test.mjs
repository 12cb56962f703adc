import assert from "node:assert/strict";
import test from "node:test";

import { Facts, ROSTER_MAX } from "../facts.js";

const GRACE = { agent: "agent-7", name: "Grace" };
const card = (visitor, more = {}) => ({
  t: "visitor_online", visitor, app: "active", reachable: true, busy: false, online_ms: 1000, ...more,
});

/** Facts that watch, what they have said, and a clock that stands still. */
function facts() {
  const said = [];
  const clock = { now: 50_000 };
  const made = new Facts((message) => said.push(message), () => clock.now);
  made.watch();
  made.absorb({ t: "roster", re: 1, first: true, more: false, visitors: [card("customer-42", { profile: { name: "Ada" } })] });
  return { facts: made, said, clock, hear: (message) => made.absorb(message) };
}

/** Facts that ask: the request is number 2, the ask 3. */
function asking() {
  const it = facts();
  it.facts.askFor("customer-42");
  it.hear({ t: "asked", re: 2, ask: 3, expires_ms: 60_000 });
  return it;
}

/** Facts in session 21 by a key. */
function watching() {
  const it = facts();
  it.facts.join("123456786");
  it.hear({ t: "joined", re: 2, session: 21, count: 1, guests: [GRACE] });
  return it;
}

test("the roster comes in pages and follows every change", () => {
  const { facts: it, hear } = facts();
  assert.equal(it.roster.get("customer-42").since, 49_000);
  assert.equal(it.whole, true);
  hear({ t: "roster", re: 1, first: true, more: true, visitors: [card("a")] });
  assert.equal(it.whole, false);
  hear({ t: "roster", re: 1, first: false, more: false, visitors: [card("b")] });
  assert.deepEqual([...it.roster.keys()], ["a", "b"], "what was known before is forgotten");
  hear({ ...card("a", { busy: true, data: { page: "/x" } }), t: "visitor_changed" });
  assert.deepEqual([it.roster.get("a").busy, it.roster.get("a").data], [true, [["page", "/x"]]]);
  hear({ t: "visitor_offline", visitor: "b", reason: "left" });
  assert.deepEqual([...it.roster.keys()], ["a"]);
});

test("a roster of an earlier watch is stale, one without a number is the truth", () => {
  const { facts: it, hear } = facts();
  hear({ t: "roster", re: 9, first: true, more: false, visitors: [] });
  assert.equal(it.roster.size, 1);
  hear({ t: "roster", first: true, more: false, visitors: [] });
  assert.equal(it.roster.size, 0);
});

test("no list grows without end", () => {
  const { facts: it, hear } = facts();
  for (let at = 0; at < ROSTER_MAX + 2; at += 1) hear(card(`visitor-${at}`));
  assert.equal(it.roster.size, ROSTER_MAX);
  assert.equal(it.whole, false);
});

test("an ask from the click to the session", () => {
  const { facts: it, said, hear } = asking();
  assert.deepEqual(said.at(-1), { t: "ask", visitor: "customer-42" });
  assert.deepEqual(it.ask, { ask: 3, visitor: "customer-42", expiresAt: 110_000, status: "sent", session: null });
  assert.equal(it.free, false);
  hear({ t: "terms_displayed", ask: 3 });
  assert.equal(it.ask.status, "displayed");
  hear({ t: "ask_ended", ask: 3, outcome: "accepted", session: 22 });
  assert.equal(it.ask.status, "accepted");
  hear({ t: "joined", session: 22, ask: 3, visitor: "customer-42", count: 1, guests: [GRACE] });
  assert.equal(it.ask, null);
  assert.deepEqual([it.view.session, it.view.visitor], [22, "customer-42"]);
  hear({ t: "session_guests", session: 22, count: 2, guests: [GRACE, GRACE] });
  assert.equal(it.view.count, 2);
  hear({ t: "session_ended", session: 22, reason: "visitor" });
  assert.deepEqual([it.view, it.outcome], [null, { kind: "view", visitor: "customer-42", reason: "visitor" }]);
});

for (const outcome of ["declined", "expired", "busy", "lost", "unknown"]) {
  test(`an ask that ends as ${outcome}`, () => {
    const { facts: it, hear } = asking();
    hear({ t: "ask_ended", ask: 2, outcome });
    assert.notEqual(it.ask, null, "another ask's end is stale");
    hear({ t: "ask_ended", ask: 3, outcome });
    assert.deepEqual([it.ask, it.outcome], [null, { kind: "ask", visitor: "customer-42", outcome }]);
    assert.equal(it.free, true);
  });
}

test("an accepted ask whose session never begins is lost", () => {
  const { facts: it, hear } = asking();
  hear({ t: "ask_ended", ask: 3, outcome: "accepted", session: 22 });
  hear({ t: "session_ended", session: 22, reason: "visitor_lost" });
  assert.equal(it.outcome.outcome, "lost");
});

test("a request that is refused is told once, under the number it has", () => {
  const { facts: it, hear } = facts();
  it.askFor("customer-42");
  hear({ t: "refused", re: 1, code: "not_online" });
  assert.notEqual(it.request, null);
  hear({ t: "refused", re: 2, code: "visitor_busy" });
  assert.deepEqual(it.outcome, { kind: "refused", request: "ask", visitor: "customer-42", code: "visitor_busy" });
  assert.equal(it.free, true);
});

test("withdrawing takes effect at once, and what crosses it is stale", () => {
  const { facts: it, said, hear } = asking();
  it.withdraw();
  assert.deepEqual(said.at(-1), { t: "withdraw", ask: 3 });
  assert.equal(it.outcome.outcome, "withdrawn");
  hear({ t: "ask_ended", ask: 3, outcome: "withdrawn" });
  assert.equal(it.free, true);
  // The visitor had accepted already: this side does not want the session any more.
  hear({ t: "ask_ended", ask: 3, outcome: "accepted", session: 22 });
  assert.deepEqual(said.at(-1), { t: "leave", session: 22 });
  hear({ t: "joined", session: 22, ask: 3, count: 1, guests: [GRACE] });
  assert.equal(it.view, null);
});

test("withdrawing before the answer", () => {
  const { facts: it, said, hear } = facts();
  it.askFor("customer-42");
  it.withdraw();
  assert.deepEqual(said.at(-1), { t: "withdraw" });
  hear({ t: "asked", re: 2, ask: 3, expires_ms: 60_000 });
  assert.deepEqual([it.ask, it.request], [null, null]);
});

test("a join given up is followed by a leave, and its yes is stale", () => {
  const { facts: it, said, hear } = facts();
  it.join("123456786");
  it.withdraw();
  assert.deepEqual(said.at(-1), { t: "leave" });
  hear({ t: "joined", re: 2, session: 21, count: 1, guests: [GRACE] });
  assert.equal(it.view, null);
});

test("one thing at a time", () => {
  const { facts: it, said } = watching();
  const before = said.length;
  it.askFor("customer-42");
  it.join("123456786");
  assert.equal(said.length, before);
});

test("leaving and ending take effect at once", () => {
  const leave = { t: "leave", session: 21 };
  for (const [verb, messages, reason] of [
    ["leave", [leave], "left"],
    // It may not be allowed to end it any more; then it has left it.
    ["end", [{ t: "end", session: 21 }, leave], "own"],
  ]) {
    const { facts: it, said, hear } = watching();
    const before = said.length;
    it[verb]();
    assert.deepEqual(said.slice(before), messages);
    assert.deepEqual([it.view, it.outcome.reason], [null, reason]);
    hear({ t: "session_ended", session: 21, reason: "agent" });
    assert.equal(it.outcome.reason, reason, "the echo is stale");
  }
});

test("a visitor who goes offline keeps the name for what was under way", () => {
  const { facts: it, hear } = asking();
  assert.equal(it.nameOf("customer-42"), "Ada");
  hear({ t: "visitor_offline", visitor: "customer-42", reason: "left" });
  hear({ t: "ask_ended", ask: 3, outcome: "lost" });
  assert.equal(it.nameOf(it.outcome.visitor), "Ada");
  assert.equal(it.nameOf("customer-43"), "customer-43");
  assert.equal(it.nameOf(null), "The visitor");

  const other = asking();
  other.hear({ t: "roster", first: true, more: false, visitors: [] });
  assert.equal(other.facts.nameOf("customer-42"), "Ada", "a new list without them too");
});

test("a visitor whose name cannot be seen is called by the id", () => {
  const { facts: it, hear } = facts();
  const called = (name) => {
    hear(card("customer-42", { profile: { name } }));
    return it.nameOf("customer-42");
  };
  for (const name of ["", "   ", "\u00a0", "\u200b\u2060", "\u202e\u2066"]) {
    assert.equal(called(name), "customer-42", JSON.stringify(name));
  }
  assert.equal(called("\u200bA"), "\u200bA");
});

const resumed = (snapshot) => ({ t: "resumed", re: 0, snapshot });

test("a snapshot that changes nothing", () => {
  const { facts: it, hear } = watching();
  const { view } = it;
  hear(resumed({ seen: 2, view: { session: 21, count: 2, guests: [GRACE, GRACE] } }));
  assert.equal(it.view, view);
  assert.equal(it.view.count, 2);
});

test("a session that ended while the connection was broken", () => {
  for (const [snapshot, reason] of [
    [{ view_ended: { session: 21, reason: "visitor" } }, "visitor"],
    [{ view_ended: { session: 20, reason: "visitor" } }, "agent_lost"],
    [{}, "agent_lost"],
  ]) {
    const { facts: it, hear } = watching();
    hear(resumed({ seen: 2, ...snapshot }));
    assert.deepEqual([it.view, it.outcome.reason], [null, reason]);
  }
});

test("an ask after a broken connection", () => {
  const waits = { re: 2, ask: 3, visitor: "customer-42", displayed: true, expires_ms: 5000 };
  const still = asking();
  still.hear(resumed({ seen: 2, ask: waits }));
  assert.deepEqual([still.facts.ask.status, still.facts.ask.expiresAt], ["displayed", 55_000]);

  const begun = asking();
  begun.hear(resumed({ seen: 2, view: { session: 22, ask: 3, count: 1, guests: [GRACE] } }));
  assert.equal(begun.facts.view.session, 22);

  const declined = asking();
  declined.hear(resumed({ seen: 2, ask_ended: { ask: 3, outcome: "declined" } }));
  assert.equal(declined.facts.outcome.outcome, "declined");

  const over = asking();
  over.hear(resumed({
    seen: 2, ask_ended: { ask: 3, outcome: "accepted", session: 22 }, view_ended: { session: 22, reason: "visitor" },
  }));
  assert.deepEqual([over.facts.ask, over.facts.view, over.facts.outcome.outcome], [null, null, "lost"]);

  const gone = asking();
  gone.hear(resumed({ seen: 2 }));
  assert.equal(gone.facts.outcome.outcome, "lost");
});

test("a request whose answer was missed", () => {
  const requested = (kind) => {
    const it = facts();
    if (kind === "ask") it.facts.askFor("customer-42");
    else it.facts.join("123456786");
    return it;
  };
  const waits = { re: 2, ask: 3, visitor: "customer-42", displayed: false, expires_ms: 5000 };

  const asked = requested("ask");
  asked.hear(resumed({ seen: 2, answered: { re: 2 }, ask: waits }));
  assert.equal(asked.facts.ask.ask, 3);

  const declined = requested("ask");
  declined.hear(resumed({ seen: 2, answered: { re: 2 }, ask_ended: { ask: 3, outcome: "declined" } }));
  assert.equal(declined.facts.outcome.outcome, "declined");

  const refused = requested("ask");
  refused.hear(resumed({ seen: 2, answered: { re: 2, refused: "visitor_busy" } }));
  assert.equal(refused.facts.outcome.code, "visitor_busy");

  const joined = requested("join");
  joined.hear(resumed({ seen: 2, answered: { re: 2 }, view: { session: 21, count: 1, guests: [GRACE] } }));
  assert.equal(joined.facts.view.session, 21);

  const over = requested("join");
  over.hear(resumed({ seen: 2, answered: { re: 2 } }));
  assert.equal(over.facts.outcome.code, "session_gone");

  const unheard = requested("join");
  unheard.hear(resumed({ seen: 1 }));
  assert.equal(unheard.facts.request.re, 2, "it is in the outbox and is said again");
});

test("a join waits for the visitor to let the agent in", () => {
  const { facts: it, clock, hear } = facts();
  it.join("123456786");
  hear({ t: "join_waiting", re: 1, expires_ms: 9 });
  assert.equal(it.request.expiresAt, undefined, "of another request");
  hear({ t: "join_waiting", re: 2, expires_ms: 60_000 });
  assert.equal(it.request.expiresAt, clock.now + 60_000);
  assert.equal(it.free, false);
  assert.equal(it.view, null);
  hear({ t: "joined", re: 2, session: 21, count: 1, guests: [GRACE] });
  assert.deepEqual([it.request, it.view.session], [null, 21]);
});

test("a join the visitor declines is told, one that is given up is not", () => {
  const declined = facts();
  declined.facts.join("123456786");
  declined.hear({ t: "join_waiting", re: 2, expires_ms: 60_000 });
  declined.hear({ t: "refused", re: 2, code: "join_declined" });
  assert.deepEqual(declined.facts.outcome, { kind: "refused", request: "join", visitor: null, code: "join_declined" });

  const given = facts();
  given.facts.join("123456786");
  given.hear({ t: "join_waiting", re: 2, expires_ms: 60_000 });
  given.facts.withdraw();
  assert.deepEqual(given.said.at(-1), { t: "leave" });
  given.hear({ t: "refused", re: 2, code: "cancelled" });
  assert.equal(given.facts.outcome, null);
});

test("a join that waits is still waiting after a break", () => {
  const { facts: it, clock, hear } = facts();
  it.join("123456786");
  hear({ t: "join_waiting", re: 2, expires_ms: 60_000 });
  clock.now += 20_000;
  hear({ t: "resumed", re: 0, snapshot: { seen: 2, joining: { re: 2, expires_ms: 41_000 } } });
  assert.equal(it.request.expiresAt, clock.now + 41_000);
  hear({ t: "resumed", re: 0, snapshot: { seen: 2, answered: { re: 2, refused: "no_answer" } } });
  assert.equal(it.outcome.code, "no_answer");
});

test("after too many wrong keys the time of the next try is known", () => {
  const { facts: it, clock, hear } = facts();
  it.join("123456786");
  hear({ t: "refused", re: 2, code: "too_many_tries", retry_ms: 30_000 });
  assert.equal(it.outcome.retryAt, clock.now + 30_000);
});

test("an agent removes another", () => {
  const { facts: it, said } = watching();
  it.eject("agent-8");
  assert.deepEqual(said.at(-1), { t: "eject", session: 21, agent: "agent-8" });
});
