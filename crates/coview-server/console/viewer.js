// Watching: the picture, its size on the page, what is known about the line to the visitor.

import { announce, find, foreign, make, show, write } from "./dom.js";
import { Picture } from "./picture.js";
import * as words from "./words.js";

/** A visitor says something every three seconds; after this silence the agent is told. */
const SILENCE_MS = 8000;

/**
 * `to` acts: `say(buffer)` to the server, `leave()`, `end()`, `eject(agent)`, `changed()` when something is to be
 * rendered anew.
 */
export class Viewer {
  #to;
  #canvas = null;
  #picture = null;
  #view = null;
  #status = "live";
  #heardAt = null;
  #begunAt = 0;
  /** Whether the picture on the page is of this connection. */
  #fresh = false;
  #drawn = false;
  #mode = "fit";
  #state = "";
  #size = { width: 0, height: 0 };
  /** Whom the question on the page is about. */
  #ejecting = null;
  #observer = new ResizeObserver(() => this.#layOut());

  constructor(to) {
    this.#to = to;
    find("fit").addEventListener("click", () => this.mode("fit"));
    find("actual").addEventListener("click", () => this.mode("actual"));
    find("full").addEventListener("click", () => this.fullScreen());
    show(find("full"), document.fullscreenEnabled);
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement !== null;
      find("full").setAttribute("aria-pressed", String(full));
      announce(full ? "Full screen. Escape leaves it." : "Full screen is over.");
    });
    find("guests-button").addEventListener("click", () => this.guests());
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest?.(".guests")) this.guests(false);
    });
    find("leave").addEventListener("click", () => this.#to.leave());
    find("end").addEventListener("click", () => find("confirm-end").showModal());
    find("confirm-end").addEventListener("close", (event) => {
      const yes = event.target.returnValue === "yes";
      event.target.returnValue = "";
      if (yes && this.#view !== null) this.#to.end();
    });
    find("confirm-eject").addEventListener("close", (event) => {
      const yes = event.target.returnValue === "yes";
      event.target.returnValue = "";
      if (yes && this.#view !== null && this.#ejecting !== null) {
        this.#to.eject(this.#ejecting);
        // The button that asked goes with the agent.
        find("guests-button").focus();
      }
      this.#ejecting = null;
    });
    this.#pan(find("stage"));
  }

  /** Begins to watch a session. */
  begin(view, now) {
    this.#view = view;
    this.#begunAt = now;
    this.#heardAt = null;
    this.#status = "live";
    this.#fresh = false;
    this.#drawn = false;
    this.#state = "";
    // A canvas of its own: what was drawn of another session cannot come up again.
    const canvas = make("canvas", { id: "picture", width: 1, height: 1, data: { testid: "picture", number: "0", status: "waiting" } });
    canvas.setAttribute("role", "img");
    this.#canvas?.remove();
    this.#canvas = canvas;
    find("sheet").prepend(canvas);
    this.#picture = new Picture(canvas, view.session, {
      say: (buffer) => this.#to.say(buffer),
      heard: () => {
        this.#heardAt = performance.now();
        if (this.#state === "silent") this.#to.changed();
      },
      status: (status) => {
        this.#status = status;
        this.#to.changed();
      },
      masks: (areas) => this.#caption(areas),
      drawn: (update) => this.#wasDrawn(update),
    });
    this.#observer.observe(find("stage"));
    this.mode("fit", false);
  }

  take(buffer) {
    this.#picture?.take(buffer);
  }

  /** The connection was lost: what is on the page may be old. */
  interrupt() {
    this.#fresh = false;
    this.#picture?.interrupt();
  }

  /** The session is over: nothing of its picture stays. */
  finish() {
    if (this.#view === null) return;
    this.#picture.close();
    this.#picture = null;
    this.#canvas.remove();
    this.#canvas = null;
    this.#view = null;
    this.#size = { width: 0, height: 0 };
    this.#caption([]);
    this.#observer.disconnect();
    this.guests(false);
    for (const name of ["confirm-end", "confirm-eject"]) if (find(name).open) find(name).close("no");
    if (document.fullscreenElement !== null) document.exitFullscreen();
  }

  focus() {
    find("stage").focus();
  }

  mode(mode, aloud = true) {
    this.#mode = mode;
    find("stage").dataset.mode = mode;
    find("fit").setAttribute("aria-pressed", String(mode === "fit"));
    find("actual").setAttribute("aria-pressed", String(mode === "actual"));
    this.#layOut();
    if (aloud) announce(mode === "fit" ? "Fitted to the window" : "Actual size");
  }

  fullScreen() {
    if (document.fullscreenElement !== null) document.exitFullscreen();
    else find("viewer").requestFullscreen().catch(() => announce("The browser does not allow full screen."));
  }

  /** Opens or closes the list of who is watching. */
  guests(open = find("guests-panel").hidden) {
    show(find("guests-panel"), open);
    find("guests-button").setAttribute("aria-expanded", String(open));
  }

  guestsAreOpen() {
    return !find("guests-panel").hidden;
  }

  render({ name, agent, rights, live, now }) {
    const view = this.#view;
    if (view === null) return;
    write(find("viewer-name"), name);
    write(find("viewer-elapsed"), words.clock(now - view.since));
    write(find("guests-count"), String(view.count));
    find("guests-button").setAttribute("aria-label", `Who is watching: ${words.count(view.count, "agent")}`);
    this.#renderGuests(view, agent, rights);
    show(find("end"), !rights.viewOnly);
    this.#renderState(live, now);
    const { width, height } = this.#size;
    this.#canvas.setAttribute("aria-label", this.#drawn
      ? `The screen of ${name}, ${width} by ${height}` : "No picture yet");
  }

  #renderGuests({ guests, count }, agent, { viewOnly }) {
    const list = find("guests");
    const key = JSON.stringify([guests, count, viewOnly]);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    let own = false;
    const items = guests.map((guest) => {
      const mine = !own && guest.agent === agent?.agent;
      own ||= mine;
      const remove = mine || viewOnly || guest.agent === agent?.agent ? null : make("button", {
        type: "button",
        className: "small",
        data: { testid: "eject" },
        aria: { label: `Remove ${guest.name} from the session` },
        on: { click: () => this.#askToEject(guest) },
      }, "Remove …");
      return make("li", {}, foreign(guest.name), mine ? make("span", { className: "quiet" }, " (you)") : null, remove);
    });
    if (count > guests.length) items.push(make("li", { className: "quiet" }, `and ${count - guests.length} more`));
    list.replaceChildren(...items);
  }

  #askToEject({ agent, name }) {
    this.#ejecting = agent;
    write(find("eject-name"), name);
    find("confirm-eject").showModal();
  }

  /** What is true of the line to the visitor's screen, the most important first. `note` stands over
   * the picture, `instead` in its place. */
  #stateNow(live, now) {
    const silence = this.#heardAt === null ? 0 : performance.now() - this.#heardAt;
    if (!live) {
      // The bar of the page says the rest.
      return { state: "reconnecting", pill: "Reconnecting", note: this.#drawn ? "The picture may be old." : null };
    }
    if (this.#status === "gone") {
      const text = "No more pictures will come, but the session goes on.";
      return {
        state: "gone",
        pill: "Screen closed",
        ...this.#drawn ? { note: `What the visitor shared was closed. ${text}` }
          : { instead: ["screen", "What the visitor shared was closed", text] },
      };
    }
    // A source that paused while nobody watched has no picture for who comes then.
    if (this.#status === "paused" && !this.#fresh) {
      const text = "A picture comes when it goes on.";
      return {
        state: "paused",
        pill: "Paused",
        ...this.#drawn ? { note: `The visitor’s app has paused, and this picture may be old. ${text}` }
          : { instead: ["screen", "The visitor’s app has paused", text] },
      };
    }
    if (!this.#drawn) {
      const long = now - this.#begunAt > SILENCE_MS;
      return {
        state: "waiting",
        pill: "Waiting",
        instead: long ? ["screen", "No picture so far", "You are in the session, but the visitor’s app has sent no picture yet."]
          : ["screen", "Waiting for the picture", "It comes as soon as the visitor’s app has drawn it."],
      };
    }
    if (!this.#fresh) return { state: "waiting", pill: "Catching up", note: "Connected again. The picture comes anew in a moment." };
    if (silence > SILENCE_MS) {
      return {
        state: "silent",
        pill: `No word for ${words.clock(silence)}`,
        note: `No word from the visitor for ${words.count(Math.floor(silence / 1000), "second")}. The picture may be old.`,
      };
    }
    if (this.#status === "paused") return { state: "paused", pill: "Paused", note: "The visitor’s app has paused. The picture stands still on purpose." };
    if (this.#status === "blank") {
      return {
        state: "blank",
        pill: "Hidden",
        instead: ["hidden", "Hidden for now", "The visitor’s app does not know at the moment what is private, so nothing is shown."],
      };
    }
    return { state: "live", pill: "Live" };
  }

  #renderState(live, now) {
    const { state, pill, note = null, instead = null } = this.#stateNow(live, now);
    find("viewer").dataset.state = state;
    this.#canvas.dataset.status = state;
    write(find("viewer-state-words"), pill);
    show(find("viewer-note"), note !== null);
    write(find("viewer-note"), note ?? "");
    show(find("sheet"), this.#drawn);
    show(find("instead"), instead !== null);
    if (instead !== null) {
      const [name, title, text] = instead;
      find("instead-icon").setAttribute("href", `#i-${name}`);
      write(find("instead-title"), title);
      write(find("instead-text"), text);
    }
    if (state === this.#state) return;
    const before = this.#state;
    this.#state = state;
    // The page itself has said that it is in a session, and that the connection is lost.
    if (before === "" || state === "waiting" || state === "reconnecting") return;
    if (state === "live") announce("The picture is live.");
    else announce(note ?? instead.slice(1).join(". "), state === "gone" || state === "silent");
  }

  #wasDrawn({ number, stamp }) {
    const { width, height } = this.#canvas;
    const first = !this.#fresh;
    this.#fresh = true;
    this.#drawn = true;
    show(find("sheet"), true);
    this.#canvas.dataset.number = String(number);
    if (width !== this.#size.width || height !== this.#size.height) {
      this.#size = { width, height };
      this.#layOut();
    }
    if (first) this.#to.changed();
    this.#canvas.dispatchEvent(new CustomEvent("coview:drawn", { bubbles: true, detail: { number, stamp } }));
  }

  /** Names what is covered. The words stand over the canvas, never in it. */
  #caption(areas) {
    const { width, height } = this.#canvas ?? { width: 1, height: 1 };
    find("captions").replaceChildren(...areas.map(({ x, y, w, h, label }) => {
      const caption = make("div", { className: "caption", title: label, data: { testid: "caption" } },
        make("span", {}, label === "" ? "Hidden" : foreign(label)));
      Object.assign(caption.style, {
        left: `${100 * x / width}%`, top: `${100 * y / height}%`,
        width: `${100 * w / width}%`, height: `${100 * h / height}%`,
      });
      return caption;
    }));
  }

  /** Gives the canvas its size on the page: as large as fits, or one pixel of the picture on one of
   * the screen, and then on whole pixels of the screen. */
  #layOut() {
    const { width, height } = this.#size;
    if (this.#canvas === null || width === 0) return;
    const stage = find("stage");
    const ratio = devicePixelRatio || 1;
    const [room, tall] = [stage.clientWidth, stage.clientHeight];
    if (room === 0 || tall === 0) return;
    const scale = this.#mode === "actual" ? 1 / ratio : Math.min(room / width, tall / height);
    const snap = (value) => Math.floor(value * ratio) / ratio;
    const size = this.#mode === "actual" ? (side) => side * scale : (side) => Math.max(1, snap(side * scale));
    const [w, h] = [size(width), size(height)];
    Object.assign(find("sheet").style, {
      width: `${w}px`,
      height: `${h}px`,
      marginLeft: `${snap(Math.max(0, (room - w) / 2))}px`,
      marginTop: `${snap(Math.max(0, (tall - h) / 2))}px`,
    });
    this.#canvas.dataset.scale = String(scale * ratio);
  }

  /** Drags the picture with the mouse where it is larger than its room; fingers scroll anyway. */
  #pan(stage) {
    let from = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || this.#mode !== "actual") return;
      // The scroll bars are the browser's.
      if (event.offsetX > stage.clientWidth && event.target === stage) return;
      from = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("grabbed");
    });
    stage.addEventListener("pointermove", (event) => {
      if (from === null) return;
      stage.scrollTo(from.x - event.clientX, from.y - event.clientY);
    });
    for (const over of ["pointerup", "pointercancel"]) {
      stage.addEventListener(over, () => {
        from = null;
        stage.classList.remove("grabbed");
      });
    }
    // Another screen may have another density; the browser tells it of one density only.
    const watchDensity = () => {
      matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
        this.#layOut();
        watchDensity();
      }, { once: true });
    };
    watchDensity();
  }
}
