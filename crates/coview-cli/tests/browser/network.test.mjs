import assert from "node:assert/strict";
import { until } from "./lib/console.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";
import { viewerIs, watching } from "./lib/watching.mjs";

/** What the browser itself writes while a server is away. */
const AWAY = [/WebSocket connection to .* failed/, /ERR_CONNECTION/];

scene("the server restarts: the page says it reconnects, and comes back signed in", async (stage) => {
  const { ann, ada } = await watching(stage);
  ada.tolerate(...AWAY);
  await stage.stage.do("stop_server");
  await ada.sees("banner");
  await ada.reads("banner", /connection to the server was lost/);
  await ada.reads("connection", /Reconnecting/);
  await stage.stage.do("start_server");
  await ada.id("try-now").click({ timeout: 5000 }).catch(() => {});
  await ada.reads("connection", /^\s*Connected/);
  assert.equal(await ada.id("banner").isVisible(), false);
  await ada.reads("agent-name", "Ada");
  // The server remembers no session: the agent is told, and can go on.
  await ada.sees("ended");
  await ada.id("ended-back").click();
  await ada.sees("home");
  const bob = await stage.stage.visitor("bob");
  await ada.join(await bob.share());
  await showsExactly(ada.page, bob, "a session at the new server");
  void ann;
});

scene("the server crashes and comes back", async ({ stage, open }) => {
  const ada = await open();
  await ada.atHome();
  ada.tolerate(...AWAY);
  await stage.do("crash_server");
  await ada.sees("banner");
  await stage.do("start_server");
  await ada.id("try-now").click({ timeout: 5000 }).catch(() => {});
  await ada.reads("connection", /^\s*Connected/);
  await ada.sees("home");
  await stage.online("bea", "customer-42");
  await until("the list is live", () => ada.id("visitor").count(), (count) => count === 1);
});

scene("the agent's network is cut and comes back: the same session, the newest picture", async ({ stage, open }) => {
  const { address } = await stage.do("relay", { name: "line" });
  const { ann, ada } = await watching({ stage, open }, { desk: { url: `http://${address}/console` } });
  ada.tolerate(...AWAY);
  await stage.do("cut", { name: "line" });
  await viewerIs(ada, "reconnecting");
  await ada.sees("banner");
  await ada.reads("viewer-note", /may be old/);
  await ann.draw("jump");
  await stage.do("mend", { name: "line" });
  await ada.id("try-now").click({ timeout: 5000 }).catch(() => {});
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "after the cut");
  await ann.draw("typing");
  await showsExactly(ada.page, ann, "and on");
});

scene("the visitor's network is cut and comes back: the same session, the newest picture", async ({ stage, open }) => {
  await stage.do("relay", { name: "line" });
  const { ann, ada } = await watching({ stage, open }, { visitor: { over: "line" } });
  await stage.do("cut", { name: "line" });
  await ann.event("connectivity", ({ connected }) => !connected);
  await ann.draw("scroll", { lines: 50 }, { frames: 3 });
  await ann.draw("typing");
  await stage.do("mend", { name: "line" });
  await ann.event("connectivity", ({ connected }) => connected);
  await showsExactly(ada.page, ann, "after the cut");
  await viewerIs(ada, "live");
  await ann.draw("jump");
  await showsExactly(ada.page, ann, "and on");
});

scene("a visitor who does not say a word for long is told of, and is back", async ({ stage, open }) => {
  await stage.do("relay", { name: "line" });
  const { ann, ada } = await watching({ stage, open }, { visitor: { over: "line" } });
  await stage.do("cut", { name: "line" });
  await viewerIs(ada, "silent");
  await ada.reads("viewer-note", /No word from the visitor/);
  await stage.do("mend", { name: "line" });
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "back");
});

scene("a visitor whose network stays away is lost, and the agent is told", async ({ stage, open }) => {
  await stage.do("relay", { name: "line" });
  const { ada } = await watching({ stage, open }, { visitor: { over: "line" } });
  await stage.do("cut", { name: "line" });
  await ada.sees("ended");
  await ada.reads("ended-title", /was lost/);
}, { resume_grace_ms: 2000 });

scene("an agent on a slow line skips to the newest picture, and does not slow another one down", async ({ stage, open }) => {
  const { address } = await stage.do("relay", { name: "slow", bytes_per_second: 600_000 });
  const { ann, ada, key } = await watching({ stage, open });
  const grace = await open({ url: `http://${address}/console` });
  await grace.atHome("grace");
  await grace.join(key);
  await grace.sees("viewer");
  await showsExactly(grace.page, ann, "the slow one's first picture");
  for (const desk of [ada, grace]) await desk.countUpdates();

  // Far more than the slow line carries meanwhile.
  await ann.draw("jump", {}, { frames: 60, fps: 15 });
  await showsExactly(ada.page, ann, "the fast one");
  const [fast, slow] = [await ada.updates(), await grace.updates()];
  assert.ok(slow < fast, `${slow} updates are less than ${fast}`);
  await showsExactly(grace.page, ann, "the slow one");
  await viewerIs(grace, "live");
});

scene("what changed while the agent's network was away is true when it is back: paused, hidden, masked", async ({ stage, open }) => {
  const { address } = await stage.do("relay", { name: "line" });
  const { ann, ada } = await watching({ stage, open }, { desk: { url: `http://${address}/console` } });
  ada.tolerate(...AWAY);
  const away = async (meanwhile, state) => {
    await stage.do("cut", { name: "line" });
    await viewerIs(ada, "reconnecting");
    await meanwhile();
    await stage.do("mend", { name: "line" });
    await ada.id("try-now").click({ timeout: 5000 }).catch(() => {});
    await viewerIs(ada, state);
    await showsExactly(ada.page, ann, state);
  };
  await away(() => ann.do("pause"), "paused");
  await away(() => ann.do("resume"), "live");
  await away(() => ann.do("forget_masks"), "blank");
  await away(() => ann.do("mask", { areas: [{ x: 10, y: 10, width: 400, height: 300, label: "Form" }] }), "live");
  await ada.reads("captions", "Form");
});

scene("what changed while the visitor's network was away is true when it is back", async ({ stage, open }) => {
  await stage.do("relay", { name: "line" });
  const { ann, ada } = await watching({ stage, open }, { visitor: { over: "line" } });
  const away = async (meanwhile, state) => {
    await stage.do("cut", { name: "line" });
    await ann.event("connectivity", ({ connected }) => !connected);
    await meanwhile();
    await stage.do("mend", { name: "line" });
    await ann.event("connectivity", ({ connected }) => connected);
    await viewerIs(ada, state);
    await showsExactly(ada.page, ann, state);
  };
  await away(() => ann.do("pause"), "paused");
  await away(() => ann.do("resume"), "live");
  await away(() => ann.do("forget_masks"), "blank");
  await away(() => ann.do("mask"), "live");
  await away(() => ann.page(900, 600, 5), "live");
});
