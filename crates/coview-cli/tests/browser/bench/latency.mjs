// How long a pixel takes from the capture of a frame until a script of the agent's page can read
// it, and how long an agent who joins late waits for the first picture. Everything is on one
// machine, so one clock is behind both ends; the way between them is the loopback.
//
// The frames carry their number in their upper left corner, painted as squares of four pixels; the
// stage says when each was captured, and the page reads the number back each time something was
// drawn. Nothing else changes while the page is still.

import { Desk, launch, until } from "../lib/console.mjs";
import { Stage } from "../lib/stage.mjs";

const FPS = 20;
const FRAMES = Number(process.argv[2] ?? 160);
const JOINS = Number(process.argv[3] ?? 15);
/** The first frames find caches cold and code uncompiled. */
const WARM_UP = 20;

const SCENES = [
  ["still", "still", {}, "≤ 5"],
  ["typing", "typing", {}, "≤ 5"],
  ["scrolling by 3", "scroll", { lines: 3 }, "≤ 10"],
  ["scrolling by 24", "scroll", { lines: 24 }, "≤ 10"],
  ["a window dragged", "drag", {}, ""],
];

const stage = await Stage.open();
const browser = await launch();
try {
  const ann = await stage.visitor("ann", { stamped: true, fps: FPS });
  await ann.page(1280, 720, 1);
  const ada = await Desk.open(browser, stage);
  await ada.atHome("ada");
  const key = await ann.share();
  await ada.join(key);
  await until("there is a picture", () => ada.page.locator("canvas").getAttribute("data-number"), (number) => number !== "0");
  await ada.page.evaluate(() => {
    globalThis.seen = [];
    addEventListener("coview:drawn", ({ target, detail }) => {
      const drawn = performance.now();
      const { data } = target.getContext("2d").getImageData(0, 2, 192, 1);
      const read = performance.now();
      let number = 0;
      // Eight squares of a sign, thirty-two of the number, eight of a checksum.
      for (let square = 8; square < 40; square += 1) number = number * 2 + (data[(square * 4 + 2) * 4] > 127 ? 1 : 0);
      globalThis.seen.push({ number, at: performance.timeOrigin + read, reading: read - drawn, update: detail.number });
    });
  });

  console.log(`capture → pixel readable, 1280×720, ${FPS} frames a second, ${FRAMES} frames, milliseconds`);
  console.log(`${"".padEnd(18)}${["best", "p50", "p95", "max"].map((word) => word.padStart(8)).join("")}   goal for p50   drawn/captured`);
  for (const [name, scene, fields, goal] of SCENES) {
    await ann.draw(scene, fields);
    await ada.page.evaluate(() => globalThis.seen.splice(0));
    await ann.do("stamps");
    await until("enough frames", () => ada.page.evaluate(() => globalThis.seen.length), (count) => count >= FRAMES + WARM_UP);
    const captured = new Map((await ann.do("stamps")).map(([number, at]) => [number, at]));
    const seen = await ada.page.evaluate(() => globalThis.seen);
    const times = [];
    for (const { number, at } of seen.slice(WARM_UP)) {
      const from = captured.get(number);
      if (from !== undefined) times.push(at - from);
    }
    row(name, times, goal, `${seen.length}/${captured.size}`);
  }

  console.log(`\na late joiner: page start → first whole picture, ${JOINS} times, milliseconds`);
  console.log(`${"".padEnd(18)}${["best", "p50", "p95", "max"].map((word) => word.padStart(8)).join("")}   goal`);
  await ann.draw("still");
  const steps = { "modules run": [], "signed in": [], "joined": [], "first picture": [] };
  const joinLate = await lateJoiner(browser, stage, key);
  for (let at = 0; at < JOINS + 2; at += 1) {
    const found = await joinLate();
    // The first two find caches cold.
    if (at >= 2) for (const [step, time] of Object.entries(found)) steps[step].push(time);
  }
  for (const [step, times] of Object.entries(steps)) row(step, times, step === "first picture" ? "≤ 110" : "");
} finally {
  await browser.close();
  await stage.close();
}

function row(name, times, goal, more = "") {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const figures = [at(0), at(0.5), at(0.95), at(1)].map((time) => (time ?? NaN).toFixed(1).padStart(8)).join("");
  console.log(`${name.padEnd(18)}${figures}   ${goal.padEnd(15)}${more}`);
}

/** An agent who is signed in already loads the page, and the key is typed as soon as it can be. */
async function lateJoiner(browser, stage, key) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(({ group, token, key }) => {
    if (location.protocol !== "http:") return;
    sessionStorage.setItem("coview.sign-in", JSON.stringify({ group, token }));
    const found = (globalThis.found = {});
    let asked = false;
    /** Looks at little, so that looking costs little. */
    const look = () => {
      const { screen } = document.body.dataset;
      if (screen === "viewer") found.joined ??= performance.now();
      const join = document.getElementById("join");
      const live = document.getElementById("connection").dataset.state === "live";
      if (asked || !live || screen !== "home" || join.disabled) return;
      asked = true;
      found["signed in"] = performance.now();
      document.getElementById("key").value = key;
      document.getElementById("key-form").requestSubmit();
    };
    document.addEventListener("DOMContentLoaded", () => {
      found["modules run"] = performance.now();
      const attributes = { subtree: true, attributes: true, attributeFilter: ["data-screen", "data-state", "disabled"] };
      new MutationObserver(look).observe(document.body, attributes);
    });
    addEventListener("coview:drawn", ({ target }) => {
      target.getContext("2d").getImageData(0, 0, 1, 1);
      found["first picture"] = performance.now();
    }, { once: true, capture: true });
  }, { group: stage.group, token: stage.tokens.grace, key });
  return async () => {
    await page.goto("about:blank");
    await page.goto(stage.url);
    return until("the late joiner has a picture", () => page.evaluate(() => globalThis.found), (found) => found["first picture"]);
  };
}
