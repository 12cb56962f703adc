// The list of who is online, the key, and what is under way with one visitor.

import { announce, find, foreign, icon, isolate, make, show, write } from "./dom.js";
import { DIGITS_MAX, groupDigits, groupTyped, readKey } from "./key.js";
import * as words from "./words.js";

/** More rows than this nobody looks through; the search narrows them down. */
const ROWS_MAX = 200;
/** How long after the last digit what was typed is taken for all there is. */
const TYPING_MS = 1200;

const collator = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });

/**
 * `to` acts: `ask(visitor)`, `withdraw()`, `join(digits)`, `dismiss()`.
 */
export class Home {
  #to;
  #facts = null;
  #now = 0;
  #live = false;
  #chosen = null;
  #rows = new Map();
  #shown = [];
  /** What the search found last; a second without news finds the same. */
  #found = null;
  #panelKey = "";
  #key = new KeyField((digits) => this.#to.join(digits), () => this.#to.withdraw());

  constructor(to) {
    this.#to = to;
    const search = find("search");
    search.addEventListener("input", () => {
      this.#renderRoster();
      this.#announceMatches();
    });
    search.addEventListener("keydown", (event) => this.#searchKey(event));
    find("visitors").addEventListener("keydown", (event) => this.#listKey(event));
    find("clear-search").addEventListener("click", () => {
      search.value = "";
      this.#renderRoster();
      search.focus();
    });
  }

  /** Forgets whom and what this agent looked at. */
  reset() {
    this.#chosen = null;
    this.#panelKey = "";
    this.#rows.clear();
    find("visitors").replaceChildren();
    find("search").value = "";
    this.#key.clear();
  }

  /** Where the keyboard goes when the list comes back. */
  focus() {
    const row = this.#rows.get(this.#chosen);
    (row?.choose ?? find("search")).focus();
  }

  focusSearch() {
    find("search").focus();
    find("search").select();
  }

  focusKey() {
    find("key").focus();
    find("key").select();
  }

  choose(visitor) {
    this.#chosen = visitor;
  }

  /** The keys of the group have so many digits. */
  keysHave(digits) {
    this.#key.length(digits);
  }

  /** A key that was good is of no more use. */
  joined() {
    this.#key.clear();
  }

  render(facts, { now, live }) {
    this.#facts = facts;
    this.#now = now;
    this.#live = live;
    this.#renderRoster();
    this.#renderPanel();
    this.#key.render(facts, { now, live });
  }

  // The list.

  /** Whom the search finds, in the order of their names. */
  #matches() {
    const facts = this.#facts;
    const wanted = find("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const key = `${facts.rosterChanges} ${wanted.join(" ")}`;
    if (this.#found?.facts === facts && this.#found.key === key) return this.#found.cards;
    const cards = [];
    for (const card of facts.roster.values()) {
      const { visitor, name, email, phone, data } = card;
      const text = [visitor, name ?? "", email ?? "", phone ?? "", ...data.map(([, value]) => value)]
        .join("\n").toLocaleLowerCase();
      if (wanted.every((word) => text.includes(word))) cards.push(card);
    }
    cards.sort((a, b) =>
      collator.compare(a.name ?? a.visitor, b.name ?? b.visitor) ||
      collator.compare(a.visitor, b.visitor));
    this.#found = { facts, key, cards };
    return cards;
  }

  #renderRoster() {
    const facts = this.#facts;
    if (facts === null) return;
    const loading = !facts.watching || (facts.paging && facts.roster.size === 0);
    const matches = loading ? [] : this.#matches();
    const shown = matches.slice(0, ROWS_MAX);
    const searching = find("search").value.trim() !== "";

    show(find("roster-loading"), loading);
    write(find("online-count"), loading ? "" : String(facts.roster.size));
    find("roster").dataset.stale = String(!this.#live);

    const empty = !loading && shown.length === 0;
    show(find("roster-empty"), empty);
    if (empty) {
      write(find("roster-empty-title"), searching ? "No visitor fits the search" : "Nobody is online yet");
      write(find("roster-empty-text"), searching
        ? "Search looks at names, ids, e-mail addresses, phone numbers and pages."
        : `Visitors appear here as soon as their app connects.${
          facts.rights.manualKeys ? " If one reads a key out to you, type it on this page." : ""}`);
      show(find("clear-search"), searching);
    }
    const left = matches.length - shown.length;
    const more = left > 0
      ? `${words.count(left, "more visitor")} not shown. Search to narrow the list down.`
      : facts.cut ? "More visitors are online than this list can hold." : "";
    show(find("roster-more"), more !== "");
    write(find("roster-more"), more);

    this.#shown = shown.map(({ visitor }) => visitor);
    const list = find("visitors");
    const rows = new Map();
    let at = list.firstElementChild;
    for (const card of shown) {
      const row = this.#rows.get(card.visitor) ?? this.#makeRow(card.visitor);
      rows.set(card.visitor, row);
      this.#fillRow(row, card);
      // Only rows that are elsewhere are moved, so that the keyboard stays where it is.
      if (row.element === at) at = at.nextElementSibling;
      else list.insertBefore(row.element, at);
    }
    for (const [visitor, row] of this.#rows) if (!rows.has(visitor)) row.element.remove();
    this.#rows = rows;
    const tabbable = rows.has(this.#chosen) ? this.#chosen : this.#shown[0];
    for (const [visitor, row] of rows) row.choose.tabIndex = visitor === tabbable ? 0 : -1;
  }

  #makeRow(visitor) {
    const part = (className) => make("span", { className });
    const name = make("bdi", { className: "name", dir: "auto" });
    const id = make("bdi", { className: "id", dir: "auto" });
    const where = make("bdi", { className: "where-now", dir: "auto" });
    const light = part("light");
    light.setAttribute("aria-hidden", "true");
    const state = part("state");
    const since = make("time", { className: "since" });
    const choose = make("button", {
      type: "button",
      className: "choose",
      on: { click: () => this.#choose(visitor) },
    }, light, make("span", { className: "names" }, name, id), where,
    make("span", { className: "when" }, state, since));
    const ask = make("button", {
      type: "button",
      className: "ask",
      data: { testid: "ask" },
      on: { click: () => this.#ask(visitor) },
    }, "Ask to share");
    const element = make("li", { data: { testid: "visitor", visitor } }, choose, ask);
    return { element, choose, ask, name, id, where, light, state, since };
  }

  #fillRow(row, card) {
    const { look, words: state } = words.light(card);
    const name = card.name ?? card.visitor;
    write(row.name, name);
    write(row.id, card.name === null ? "" : card.visitor);
    // Most apps tell a page; of what others tell, the first has to do.
    write(row.where, (card.data.find(([name]) => name === "page") ?? card.data[0])?.[1] ?? "");
    write(row.state, state);
    write(row.since, words.span(this.#now - card.since));
    row.light.dataset.look = look;
    row.element.dataset.look = look;
    row.element.classList.toggle("chosen", card.visitor === this.#chosen);
    row.choose.setAttribute("aria-current", String(card.visitor === this.#chosen));
    row.ask.disabled = !this.#mayAsk(card);
    row.ask.setAttribute("aria-label", `Ask to share: ${name}`);
  }

  #mayAsk(card) {
    return this.#live && this.#facts.free && !card.busy;
  }

  #choose(visitor) {
    this.#chosen = visitor;
    if (this.#facts.outcome !== null) this.#to.dismiss();
    this.render(this.#facts, { now: this.#now, live: this.#live });
  }

  #ask(visitor) {
    const card = this.#facts.roster.get(visitor);
    if (card === undefined || !this.#mayAsk(card)) return;
    this.#chosen = visitor;
    this.#to.ask(visitor);
    find("panel").querySelector("button")?.focus();
  }

  #step(by) {
    if (this.#shown.length === 0) return null;
    const at = this.#shown.indexOf(this.#chosen);
    const next = at === -1 ? (by > 0 ? 0 : this.#shown.length - 1) : at + by;
    return this.#shown[Math.min(Math.max(next, 0), this.#shown.length - 1)];
  }

  #searchKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const visitor = this.#step(event.key === "ArrowDown" ? 1 : -1);
      if (visitor === null) return;
      this.#choose(visitor);
      const row = this.#rows.get(visitor);
      row.element.scrollIntoView({ block: "nearest" });
      announce(`${row.name.textContent}, ${row.state.textContent}`);
    } else if (event.key === "Enter") {
      event.preventDefault();
      // One visitor left by the search is as good as chosen.
      const visitor = this.#shown.includes(this.#chosen) ? this.#chosen
        : this.#shown.length === 1 ? this.#shown[0] : null;
      if (visitor !== null) this.#ask(visitor);
    } else if (event.key === "Escape" && find("search").value !== "") {
      event.preventDefault();
      find("search").value = "";
      this.#renderRoster();
    }
  }

  #listKey(event) {
    const row = event.target.closest(".choose")?.closest("li").dataset.visitor;
    if (event.key === "Enter" && row !== undefined && row === this.#chosen) {
      event.preventDefault();
      this.#ask(row);
      return;
    }
    const to = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (to === undefined || this.#shown.length === 0) return;
    event.preventDefault();
    const on = event.target.closest("li")?.dataset.visitor;
    const at = Math.min(Math.max(this.#shown.indexOf(on) + to, 0), this.#shown.length - 1);
    const visitor = this.#shown[at];
    this.#choose(visitor);
    this.#rows.get(visitor).choose.focus();
  }

  #announceMatches() {
    const text = this.#shown.length === 0 ? "No visitor fits" : `${words.count(this.#shown.length, "visitor")} found`;
    announce(text);
  }

  // What is under way with one visitor.

  #renderPanel() {
    const { request, ask, outcome } = this.#facts;
    const panel = find("panel");
    if (ask !== null || request?.kind === "ask") {
      const visitor = (ask ?? request).visitor;
      this.#build(`asking ${visitor}`, () => this.#makeProgress(visitor));
      this.#fillProgress(panel, ask);
    } else if (outcome !== null && outcome.kind !== "view" && outcome.request !== "join") {
      this.#build(`outcome ${outcome.visitor} ${outcome.outcome ?? outcome.code}`, () => this.#makeOutcome(outcome));
      const again = panel.querySelector(".again");
      const card = this.#facts.roster.get(outcome.visitor);
      if (again) again.disabled = card === undefined || !this.#mayAsk(card);
    } else if (this.#facts.roster.has(this.#chosen)) {
      const card = this.#facts.roster.get(this.#chosen);
      this.#build(`visitor ${JSON.stringify(card)}`, () => this.#makeDetails(card));
      write(panel.querySelector(".since"), words.span(this.#now - card.since));
      panel.querySelector(".again").disabled = !this.#mayAsk(card);
    } else {
      this.#build("nobody", () => [
        make("p", { className: "panel-hint" }, "Choose a visitor to see where they are and to ask them to share."),
      ]);
      panel.dataset.state = "nobody";
    }
  }

  #build(key, content) {
    if (this.#panelKey === key) return;
    this.#panelKey = key;
    const panel = find("panel");
    const hadFocus = panel.contains(document.activeElement);
    panel.replaceChildren(...content());
    panel.dataset.state = key.split(" ")[0];
    delete panel.dataset.outcome;
    if (hadFocus) (panel.querySelector("button:not(:disabled)") ?? find("search")).focus();
  }

  #makeProgress(visitor) {
    const step = (name, text) => make("li", { data: { step: name } },
      make("span", { className: "dot" }, icon("check")),
      make("span", { className: "step-words" }, text));
    return [
      make("h2", {}, "Asking ", foreign(this.#facts.nameOf(visitor))),
      make("ol", { className: "steps", data: { testid: "steps" } },
        step("sent", "Request sent"),
        step("displayed", "Terms on the visitor’s screen"),
        step("accepted", "")),
      make("p", { className: "countdown", data: { testid: "countdown" } }),
      make("button", {
        type: "button",
        className: "wide",
        data: { testid: "withdraw" },
        on: { click: () => this.#to.withdraw() },
      }, "Take the request back"),
    ];
  }

  #fillProgress(panel, ask) {
    const order = ["sent", "displayed", "accepted"];
    const status = ask?.status ?? null;
    const reached = order.indexOf(status);
    panel.dataset.ask = status ?? "sending";
    for (const [at, name] of order.entries()) {
      const item = panel.querySelector(`[data-step="${name}"]`);
      item.dataset.is = at <= reached ? "done" : at === reached + 1 ? "now" : "to-come";
      if (at === reached + 1) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    write(panel.querySelector('[data-step="accepted"] .step-words'), status === "accepted" ? "Accepted" : "The visitor’s answer");
    const left = ask === null ? null : ask.expiresAt - this.#now;
    const texts = {
      sending: this.#live ? "Sending the request …" : "Waiting for the connection …",
      sent: "Waiting for the visitor’s app to show the terms.",
      displayed: "The visitor reads the terms and decides.",
      accepted: "The session begins …",
    };
    const time = left !== null && status !== "accepted" && left > 0
      ? ` ${words.clock(left)} left to answer.` : "";
    write(panel.querySelector(".countdown"), texts[status ?? "sending"] + time);
  }

  #makeOutcome(outcome) {
    const who = this.#facts.nameOf(outcome.visitor);
    const { title, text } = outcome.kind === "ask"
      ? words.askOutcome(outcome.outcome, isolate(who))
      : words.refusal(outcome.code, outcome.request, isolate(who));
    const panel = find("panel");
    queueMicrotask(() => {
      panel.dataset.outcome = outcome.outcome ?? outcome.code;
    });
    return [
      make("h2", { data: { testid: "outcome-title" } }, title),
      make("p", { data: { testid: "outcome-text" } }, text),
      make("div", { className: "actions" },
        make("button", {
          type: "button",
          className: "primary again",
          data: { testid: "ask-again" },
          on: { click: () => this.#ask(outcome.visitor) },
        }, "Ask again"),
        make("button", {
          type: "button",
          data: { testid: "dismiss" },
          on: { click: () => this.#to.dismiss() },
        }, "Close")),
    ];
  }

  #makeDetails(card) {
    const { look, words: state } = words.light(card);
    const row = (name, value, testid = null) => value === null || value === "" ? null
      : make("div", {}, make("dt", {}, foreign(name)), make("dd", testid ? { data: { testid } } : {}, foreign(value)));
    const light = make("span", { className: "light", data: { look } });
    light.setAttribute("aria-hidden", "true");
    return [
      make("h2", { data: { testid: "panel-name" } }, foreign(card.name ?? card.visitor)),
      make("p", { className: "panel-state" }, light,
        make("span", {}, `${state} · online `, make("span", { className: "since" }))),
      make("button", {
        type: "button",
        className: "primary wide again",
        data: { testid: "panel-ask" },
        on: { click: () => this.#ask(card.visitor) },
      }, "Ask to share"),
      make("p", { className: "hint" }, card.busy
        ? "Being asked or sharing already. Wait until the visitor is free."
        : "The visitor sees the terms and says yes or no. No key is needed."),
      make("dl", { className: "facts" },
        row("Visitor id", card.visitor),
        row("E-mail", card.email),
        row("Phone", card.phone),
        ...card.data.map(([name, value]) => row(name, value))),
    ];
  }
}

/** The field of the key: groups as it is typed, and says what is wrong before anything is sent. */
class KeyField {
  #submit;
  #cancel;
  #timer = null;
  #waiting = false;
  #refused = null;
  #dismissed = null;
  /** How long a key of this group is. */
  #length = null;
  #retryAt = null;
  #now = 0;

  constructor(submit, cancel) {
    this.#submit = submit;
    this.#cancel = cancel;
    const input = find("key");
    input.addEventListener("input", () => {
      const { text, cursor } = groupTyped(input.value, input.selectionStart ?? input.value.length);
      if (text !== input.value) {
        input.value = text;
        input.setSelectionRange(cursor, cursor);
      }
      this.#refused = null;
      this.#feedback(false);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#feedback(true), TYPING_MS);
    });
    find("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#waiting) {
        this.#cancel();
        return;
      }
      const { status, digits } = readKey(input.value, this.#length);
      this.#refused = null;
      this.#feedback(true);
      if (status === "good" && !this.#mustWait()) this.#submit(digits);
      else input.focus();
    });
  }

  /** The keys of the group have so many digits. */
  length(digits) {
    this.#length = digits;
  }

  /** Whether the server has asked for a pause after too many wrong keys. */
  #mustWait() {
    return this.#retryAt !== null && this.#retryAt > this.#now;
  }

  clear() {
    find("key").value = "";
    this.#retryAt = null;
    this.#refused = null;
    this.#feedback(false);
  }

  render(facts, { now, live }) {
    this.#now = now;
    const allowed = facts.rights.manualKeys;
    show(find("key-form"), allowed);
    show(find("key-forbidden"), !allowed);
    const waiting = facts.request?.kind === "join";
    const { outcome } = facts;
    if (outcome?.request === "join" && outcome !== this.#dismissed) {
      this.#dismissed = outcome;
      this.#refused = words.refusal(outcome.code, "join", "");
      this.#retryAt = outcome.retryAt ?? null;
      this.#feedback(true);
      find("key").focus();
      find("key").select();
    }
    const join = find("join");
    if (waiting !== this.#waiting) {
      this.#waiting = waiting;
      write(join, waiting ? "Cancel" : "Join");
      join.classList.toggle("primary", !waiting);
      if (waiting) this.#say("checking", "Asking the server …");
      else this.#feedback(true);
    }
    const { expiresAt } = facts.request ?? {};
    if (waiting && expiresAt !== undefined) {
      if (find("key-feedback").dataset.state !== "waiting") announce("The key is right. The visitor is asked to let you in.", true);
      this.#say("waiting", `The key is right. The visitor is asked to let you in: ${words.clock(expiresAt - now)} left.`);
    }
    if (!waiting && this.#retryAt !== null) {
      // The last second of the wait takes the refusal away with it.
      if (!this.#mustWait()) {
        this.#retryAt = null;
        this.#refused = null;
      }
      this.#feedback(true);
    }
    find("key").readOnly = waiting;
    join.disabled = !waiting && (!(facts.free && live) || this.#mustWait());
  }

  /** `finished`: nobody is typing any more, so what is there is all there is. */
  #feedback(finished) {
    if (this.#waiting) return;
    if (this.#refused !== null) {
      const text = this.#mustWait()
        ? `The next try is possible in ${words.clock(this.#retryAt - this.#now)}.` : this.#refused.text;
      this.#say("refused", `${this.#refused.title}. ${text}`);
      return;
    }
    const { status, digits } = readKey(find("key").value, this.#length);
    const whole = finished || digits.length >= (this.#length ?? DIGITS_MAX);
    if (status === "empty") this.#say("empty", "");
    else if (status === "good") this.#say("good", "The check digit fits.");
    else if (status === "not_digits") this.#say("bad", "A key has only digits.");
    else if (status === "too_long") this.#say("bad", `A key has ${this.#length ?? `at most ${DIGITS_MAX}`} digits.`);
    else if (status === "mistyped" && whole) {
      this.#say("bad", `Mistyped: the check digit of ${groupDigits(digits)} does not fit. Ask for the key again.`);
    } else if (finished && status === "unfinished") {
      this.#say("unfinished", `A key has ${this.#length ?? "6 to 12"} digits.`);
    } else this.#say("unfinished", words.count(digits.length, "digit"));
  }

  #say(state, text) {
    const feedback = find("key-feedback");
    feedback.dataset.state = state;
    write(feedback, text);
    const bad = state === "bad" || state === "refused";
    find("key").setAttribute("aria-invalid", String(bad));
  }
}
