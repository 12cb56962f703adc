// A test with a stage of its own, in a browser all tests of a file share.

import { after, before, test } from "node:test";
import { Desk, launch } from "./console.mjs";
import { Stage } from "./stage.mjs";

/** A hang ends with what it waited for; this is for a hang of the test itself. */
const TOO_LONG_MS = 5 * 60_000;

let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

/**
 * `play` is given the stage and `open`, which opens a desk of an agent. When it is through, no desk
 * may have seen a fault: nothing uncaught, no error of the browser's, no request to elsewhere.
 */
export function scene(name, play, policy = {}) {
  test(name, { timeout: TOO_LONG_MS }, async () => {
    const stage = await Stage.open(policy);
    const desks = [];
    const open = async (options) => {
      const desk = await Desk.open(browser, stage, options);
      desks.push(desk);
      return desk;
    };
    try {
      await play({ stage, open, browser });
      for (const desk of desks) desk.clean();
    } catch (error) {
      await Promise.allSettled(desks.map((desk, at) => desk.shoot(`failed-${name.replaceAll(/[^a-z0-9]+/gi, "-")}-${at}`)));
      throw error;
    } finally {
      await Promise.allSettled(desks.map((desk) => desk.context.close()));
      await stage.close();
    }
  });
}
