// The agent's page in a real browser, watched while it is used.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { keep } from "./picture.mjs";
import { PATIENCE_MS } from "./stage.mjs";

const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
export const LAPTOP = { width: 1280, height: 800 };
export const TABLET = { width: 820, height: 1180 };

export async function launch() {
  if (!existsSync(PROGRAM)) {
    throw new Error(`there is no ${PROGRAM}: install Debian's package \`chromium\`, or name another one in CHROMIUM`);
  }
  return chromium.launch({ executablePath: PROGRAM, args: FLAGS });
}

/** A desk of an agent: one tab, in a browser profile of its own unless it shares one. */
export class Desk {
  /** What must not happen on any page, and did. */
  faults = [];
  /** The messages that left the page: text as it is, `null` for binary. */
  said = [];
  /** That pixels are read back often is the test's doing. */
  #tolerated = [/willReadFrequently/];

  static async open(browser, stage, { url = stage.url, viewport = LAPTOP, context, ...options } = {}) {
    const desk = new Desk();
    desk.stage = stage;
    desk.context = context ?? (await browser.newContext({ viewport, ...options }));
    desk.page = await desk.context.newPage();
    desk.page.setDefaultTimeout(PATIENCE_MS);
    await desk.#watch(new URL(url).origin);
    await desk.page.goto(url);
    return desk;
  }

  async #watch(origin) {
    const { page } = this;
    const outside = (url) => !["data:"].includes(new URL(url).protocol) && new URL(url).origin !== origin;
    page.on("pageerror", (error) => this.faults.push(`uncaught: ${error.stack ?? error}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.faults.push(`${message.type()}: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (outside(request.url())) this.faults.push(`a request left for ${request.url()}`);
    });
    page.on("websocket", (socket) => {
      if (outside(socket.url().replace(/^ws/, "http"))) this.faults.push(`a socket was opened to ${socket.url()}`);
      socket.on("framesent", ({ payload }) => this.said.push(typeof payload === "string" ? payload : null));
    });
    await page.exposeBinding("coviewTestFault", (_, fault) => this.faults.push(fault));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        globalThis.coviewTestFault(`the policy forbids ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
  }

  /** What the browser itself writes when a server is away is no fault of the page. */
  tolerate(...patterns) {
    this.#tolerated.push(...patterns);
  }

  /** What an agent says with a word of the protocol, as objects. */
  words() {
    return this.said.filter((said) => said !== null).map((said) => JSON.parse(said));
  }

  id(name) {
    return this.page.getByTestId(name);
  }

  /** Waits until something is seen. */
  async sees(name) {
    await this.id(name).waitFor({ state: "visible" });
  }

  /** Waits until an element has these words. */
  async reads(name, pattern) {
    await until(
      `${name} reads ${pattern}`,
      async () => (await this.id(name).textContent()) ?? "",
      (text) => (pattern instanceof RegExp ? pattern.test(text) : text.includes(pattern)),
    );
  }

  async signIn(agent = "ada", { group = this.stage.group, token = this.stage.tokens[agent] } = {}) {
    await this.id("sign-in-group").fill(group);
    await this.id("sign-in-token").fill(token);
    await this.id("sign-in-button").click();
  }

  /** Signed in, with the list of visitors in front. */
  async atHome(agent) {
    await this.signIn(agent);
    await this.sees("home");
  }

  async join(key) {
    await this.id("key").fill(key);
    await this.id("join").click();
  }

  /** Begins to count what is drawn. */
  async countUpdates() {
    await this.page.evaluate(() => {
      globalThis.updates = 0;
      addEventListener("coview:drawn", () => (globalThis.updates += 1));
    });
  }

  updates() {
    return this.page.evaluate(() => globalThis.updates);
  }

  /** What has the focus, by the name tests know it by. */
  focused() {
    return this.page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.tagName);
  }

  async shoot(name, options) {
    await keep(`${name}.png`, await this.page.screenshot({ animations: "disabled", ...options }));
  }

  /** Nothing happened on this page that must not. */
  clean() {
    const faults = this.faults.filter((fault) => !this.#tolerated.some((pattern) => pattern.test(fault)));
    assert.deepEqual(faults, []);
  }

  async close() {
    await this.page.close();
    if (this.context.pages().length === 0) await this.context.close();
    this.clean();
  }
}

/** Asks again and again until the answer fits; what is waited for is said if it never does. */
export async function until(what, ask, fits = Boolean) {
  const late = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (fits(found)) return found;
    if (Date.now() > late) assert.fail(`${what}: never; last seen: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
