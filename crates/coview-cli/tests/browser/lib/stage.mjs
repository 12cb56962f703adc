// The other side of a test: a process with server, visitors, their screens and their network. What
// it can be told is in examples/stage/order.rs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
const PROGRAM = process.env.COVIEW_STAGE ?? join(TARGET, "debug/examples/stage");

/** Nothing takes this long unless it hangs, however busy the machine is. Shorten it to look for a fault. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 60_000);

export class Stage {
  #process;
  #orders = new Map();
  #next = 1;
  #events = [];
  #waiting = new Set();
  #over = null;

  /** Starts the process, and a server in it with this policy. */
  static async open(policy = {}) {
    if (!existsSync(PROGRAM)) {
      throw new Error(`${PROGRAM} is not built: run \`cargo build -p coview-cli --example stage\``);
    }
    const stage = new Stage();
    await stage.#serve(policy);
    return stage;
  }

  constructor() {
    this.#process = spawn(PROGRAM, { stdio: ["pipe", "pipe", "inherit"], env: { SMOL_THREADS: "2", ...process.env } });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#hear(JSON.parse(line)));
    this.#process.on("exit", (code, signal) => this.#end(new Error(`the stage ended: ${code ?? signal}`)));
    this.#process.on("error", (error) => this.#end(error));
    this.#process.stdin.on("error", () => {});
  }

  async #serve(policy) {
    const { address, group, tokens } = await this.do("serve", { policy });
    Object.assign(this, { address, group, tokens, url: `http://${address}/console` });
  }

  /** Tells the stage to do something; its answer. */
  do(order, fields = {}) {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the stage does not answer to ${order}`)), PATIENCE_MS);
      this.#orders.set(id, { order, resolve, reject, late });
      this.#process.stdin.write(`${JSON.stringify({ id, do: order, ...fields })}\n`);
    });
  }

  /** Connects a visitor. */
  async visitor(name, fields = {}) {
    await this.do("connect", { name, ...fields });
    return new Visitor(this, name);
  }

  /** A visitor who is logged in and online. */
  async online(name, visitor_id, { profile, data, ...fields } = {}) {
    const visitor = await this.visitor(name, fields);
    await visitor.do("identify", { visitor_id, profile });
    await visitor.do("connect_presence", { data });
    return visitor;
  }

  /** The first event of that kind nobody has waited for yet, as soon as it happens. */
  event(visitor, event, fits = () => true) {
    const matches = (seen) => seen.visitor === visitor && seen.event === event && fits(seen);
    const at = this.#events.findIndex(matches);
    if (at >= 0) return Promise.resolve(this.#events.splice(at, 1)[0]);
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const wait = { matches, resolve, reject };
      wait.late = setTimeout(() => {
        this.#waiting.delete(wait);
        reject(new Error(`${visitor}: no event \`${event}\`; there were ${JSON.stringify(this.#events)}`));
      }, PATIENCE_MS);
      this.#waiting.add(wait);
    });
  }

  async close() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.stdin.end();
    const late = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }

  #hear({ id, ok, error, ...event }) {
    if (id === undefined) {
      for (const wait of this.#waiting) {
        if (!wait.matches(event)) continue;
        this.#waiting.delete(wait);
        clearTimeout(wait.late);
        wait.resolve(event);
        return;
      }
      this.#events.push(event);
      return;
    }
    const { order, resolve, reject, late } = this.#orders.get(id);
    this.#orders.delete(id);
    clearTimeout(late);
    if (error === undefined) resolve(ok);
    else reject(new Error(`${order}: ${error}`));
  }

  #end(why) {
    this.#over = why;
    for (const { reject, late } of [...this.#orders.values(), ...this.#waiting]) {
      clearTimeout(late);
      reject(why);
    }
    this.#orders.clear();
    this.#waiting.clear();
  }
}

/** A visitor of the stage. */
export class Visitor {
  constructor(stage, name) {
    Object.assign(this, { stage, name });
  }

  do(order, fields = {}) {
    return this.stage.do(order, { to: this.name, ...fields });
  }

  event(event, fits) {
    return this.stage.event(this.name, event, fits);
  }

  state() {
    return this.do("state");
  }

  /** Begins to share; the key to read out. */
  async share() {
    const { key } = await this.do("start_manual");
    return key;
  }

  draw(scene, fields = {}, { frames = 1, fps = 0 } = {}) {
    return this.do("draw", { what: { scene, ...fields }, frames, fps });
  }

  page(width = 1280, height = 720, seed = 1) {
    return this.draw("page", { width, height, seed });
  }

  /** What a viewer must see now: `{ width, height, pixels }`. */
  async seen() {
    const path = join(tmpdir(), `coview-${process.pid}-${this.name}.rgba`);
    const { width, height } = await this.do("dump", { path });
    const pixels = await readFile(path);
    await rm(path);
    return { width, height, pixels };
  }
}
