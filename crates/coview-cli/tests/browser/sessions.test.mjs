import assert from "node:assert/strict";
import { until } from "./lib/console.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";
import { viewerIs, watching } from "./lib/watching.mjs";

scene("a second agent joins late: the whole picture at once, and both know of each other", async (stage) => {
  const { ann, ada, key } = await watching(stage);
  await ann.draw("scroll", { lines: 30 }, { frames: 10 });
  await showsExactly(ada.page, ann, "before the second");

  const grace = await stage.open();
  await grace.atHome("grace");
  await grace.join(key);
  await grace.sees("viewer");
  const picture = grace.page.locator("canvas");
  await until("the second has a picture", () => picture.getAttribute("data-number"), (number) => number !== "0");
  // What is drawn first is whole already.
  await showsExactly(grace.page, ann, "the second's first picture");
  for (const desk of [ada, grace]) {
    await desk.reads("guests-count", /^2$/);
    await desk.id("guests-button").click();
    await desk.sees("guests-panel");
    await desk.reads("guests-panel", "Ada");
    await desk.reads("guests-panel", "Grace");
    await desk.page.keyboard.press("Escape");
  }
  await ann.draw("typing", {}, { frames: 5 });
  for (const desk of [ada, grace]) await showsExactly(desk.page, ann, "both");

  await ada.id("leave").click();
  await ada.sees("home");
  await grace.reads("guests-count", /^1$/);
  await ann.draw("jump");
  await showsExactly(grace.page, ann, "the one who stays");
});

scene("the visitor stops sharing: the agent is told in words", async (stage) => {
  const { ann, ada } = await watching(stage);
  await ann.do("end");
  await ada.sees("ended");
  await ada.reads("ended-title", /stopped sharing/);
  assert.equal(await ada.page.locator("canvas").count(), 0, "nothing of the picture is kept");
  await ada.id("ended-back").click();
  await ada.sees("home");
});

scene("the visitor's app dies: the agent is told in words", async (stage) => {
  const { ann, ada } = await watching(stage);
  await ann.do("drop");
  await ada.sees("ended");
  await ada.reads("ended-title", /left the app|was lost/);
});

scene("the agent ends the session for everybody, after a question", async (stage) => {
  const { ann, ada, key } = await watching(stage);
  const grace = await stage.open();
  await grace.atHome("grace");
  await grace.join(key);
  await grace.sees("viewer");

  await ada.id("end").click();
  await ada.sees("confirm-end");
  await ada.id("confirm-end-no").click();
  assert.equal(await ada.id("viewer").isVisible(), true);
  await ada.id("end").click();
  await ada.id("confirm-end-yes").click();
  await ada.sees("home");
  await grace.sees("ended");
  await grace.reads("ended-text", /Another agent/);
  assert.equal((await ann.event("ended")).reason, "agent");
});

scene("a session after a session: the next picture, and nothing of the one before", async (stage) => {
  const { ann, ada } = await watching(stage);
  await ann.do("end");
  await ada.sees("ended");
  await ada.id("ended-back").click();
  await ann.page(900, 500, 77);
  await ada.join(await ann.share());
  await ada.sees("viewer");
  await showsExactly(ada.page, ann, "the second session");
});

scene("two tabs, two agents, two visitors: each sees what is theirs", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  const bob = await stage.visitor("bob");
  await ann.page(800, 500, 11);
  await bob.page(640, 400, 22);
  const first = await open();
  const second = await open({ context: first.context });
  await first.atHome("ada");
  await second.atHome("grace");
  await first.join(await ann.share());
  await first.sees("viewer");
  await second.join(await bob.share());
  await second.sees("viewer");
  await showsExactly(first.page, ann, "the first tab");
  await showsExactly(second.page, bob, "the second tab");
  await ann.draw("typing");
  await bob.draw("jump");
  await showsExactly(first.page, ann, "the first tab, later");
  await showsExactly(second.page, bob, "the second tab, later");
  await bob.do("end");
  await second.sees("ended");
  assert.equal(await first.id("viewer").isVisible(), true);
});

scene("two tabs of the same agent watch the same session", async (stage) => {
  const { ann, ada, key } = await watching(stage);
  const other = await stage.open({ context: ada.context });
  await other.atHome("ada");
  await other.join(key);
  await other.sees("viewer");
  await showsExactly(other.page, ann, "the other tab");
  await ann.draw("typing", {}, { frames: 3 });
  for (const desk of [ada, other]) await showsExactly(desk.page, ann, "both tabs");
});

scene("an agent joins while the app is paused: the picture that stands still, and why", async (stage) => {
  const { ann, ada, key } = await watching(stage);
  await ann.do("pause");
  await viewerIs(ada, "paused");
  const grace = await stage.open();
  await grace.atHome("grace");
  await grace.join(key);
  await viewerIs(grace, "paused");
  await showsExactly(grace.page, ann, "the picture that stands still");
  await ann.do("resume");
  for (const desk of [ada, grace]) await viewerIs(desk, "live");
});

scene("an agent joins while the app is paused and nobody has watched: why there is no picture", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  await ann.do("pause");
  const ada = await open();
  await ada.atHome();
  await ada.join(await ann.share());
  await viewerIs(ada, "paused");
  await ada.reads("viewer", /has paused/);
  await ann.do("resume");
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "once it goes on");
});

scene("an agent joins after the screen was closed, and is told", async (stage) => {
  const { ann, ada, key } = await watching(stage);
  await ann.do("close");
  await viewerIs(ada, "gone");
  const grace = await stage.open();
  await grace.atHome("grace");
  await grace.join(key);
  await viewerIs(grace, "gone");
  await grace.reads("viewer", /was closed/);
});

scene("an agent joins while nothing may be shown, and sees it when it may", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  await ann.do("forget_masks");
  const ada = await open();
  await ada.atHome();
  await ada.join(await ann.share());
  await viewerIs(ada, "blank");
  await showsExactly(ada.page, ann, "nothing");
  await ann.do("mask");
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "everything");
});
