import assert from "node:assert/strict";
import { until } from "./lib/console.mjs";
import { differing, pixel, shown, showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";
import { viewerIs, watching } from "./lib/watching.mjs";

/** Every frame must be shown exactly before the next one is drawn. */
async function step({ ann, ada }, times, drawing, fields = {}) {
  await ann.draw(drawing, fields);
  let before = await showsExactly(ada.page, ann, `${drawing} begins`);
  for (let at = 1; at <= times; at += 1) {
    await ann.draw(drawing, fields);
    const now = await showsExactly(ada.page, ann, `${drawing} ${at}`);
    assert.notEqual(differing(now, before), 0, `${drawing} ${at} changed something`);
    before = now;
  }
}

scene("text that is typed, frame by frame", async (stage) => {
  await step(await watching(stage), 12, "typing");
});

scene("a page that scrolls, a little and a lot, in one column, apart, and sideways", async (stage) => {
  const both = await watching(stage);
  await step(both, 4, "scroll", { lines: 3 });
  await step(both, 4, "scroll", { lines: 24 });
  await step(both, 3, "column_scroll");
  await step(both, 3, "scroll_apart");
  await step(both, 3, "sideways");
});

scene("a window that is dragged", async (stage) => {
  await step(await watching(stage), 8, "drag");
});

scene("another part of the page, and again another", async (stage) => {
  await step(await watching(stage), 4, "jump");
});

scene("a dialog that opens over a darkened page and closes", async (stage) => {
  const { ann, ada } = await watching(stage);
  for (let at = 0; at < 4; at += 1) {
    await ann.draw("dialog", {}, { frames: 10 });
    await showsExactly(ada.page, ann, `dialog ${at}`);
  }
});

scene("many frames in a row: the last one is exact", async (stage) => {
  const { ann, ada } = await watching(stage);
  for (const [drawing, fields] of [["typing", {}], ["scroll", { lines: 7 }], ["drag", {}], ["scroll_apart", {}], ["jump", {}]]) {
    await ann.draw(drawing, fields, { frames: 40, fps: 40 });
    await showsExactly(ada.page, ann, drawing);
  }
});

scene("a picture that moves may be lossy, and is exact once it rests", async (stage) => {
  const { ann, ada } = await watching(stage, { visitor: { lossy: true, fps: 20 } });
  await ann.draw("video", {}, { frames: 40, fps: 20 });
  await showsExactly(ada.page, ann, "at rest");
  await ann.draw("typing", {}, { frames: 5, fps: 20 });
  await showsExactly(ada.page, ann, "and on");
});

scene("what is masked is covered and named, wherever the mask moves", async (stage) => {
  const { ann, ada } = await watching(stage);
  await ann.do("mask", { areas: [] });
  const open = await showsExactly(ada.page, ann, "nothing covered");
  const password = { x: 200, y: 120, width: 240, height: 40, label: "Password" };
  await ann.do("mask", { areas: [password] });
  const covered = await showsExactly(ada.page, ann, "covered");
  assert.notEqual(differing(covered, open), 0, "the mask covers something");
  assert.deepEqual(pixel(covered, 300, 140), pixel(covered, 210, 125), "one colour");
  await until("the mask is named", () => ada.id("caption").allTextContents(), (texts) => texts.join() === "Password");
  const box = await ada.id("caption").boundingBox();
  const canvas = await ada.page.locator("canvas").boundingBox();
  const scale = canvas.width / 1280;
  const near = (a, b) => assert.ok(Math.abs(a - b) <= 2, `${a} is not near ${b}`);
  near(box.x - canvas.x, password.x * scale);
  near(box.y - canvas.y, password.y * scale);
  near(box.width, password.width * scale);

  await ann.draw("typing", {}, { frames: 5 });
  await showsExactly(ada.page, ann, "typing beside it");
  await ann.do("mask", { areas: [{ ...password, y: 300, label: "Card number" }, { x: 0, y: 0, width: 50, height: 50, label: "" }] });
  await showsExactly(ada.page, ann, "moved");
  await until("both are named", () => ada.id("caption").allTextContents(), (texts) => texts.join() === "Card number,Hidden");
  await ann.do("mask", { areas: [] });
  await showsExactly(ada.page, ann, "uncovered");
  await until("nothing is named", () => ada.id("caption").count(), (count) => count === 0);
});

scene("while it is unknown what is private, nothing is shown", async (stage) => {
  const { ann, ada } = await watching(stage);
  await ann.do("forget_masks");
  await viewerIs(ada, "blank");
  const blank = await showsExactly(ada.page, ann, "blank");
  const colours = new Set(new Uint32Array(Uint8Array.from(blank.pixels).buffer).map((word) => word & 0x00ff_ffff));
  assert.equal(colours.size, 1, "it is of one colour");
  await ada.reads("viewer", /Hidden for now/);
  await ann.draw("jump");
  await ann.draw("jump");
  assert.equal(differing(await shown(ada.page), blank), 0, "it stays hidden");
  await ann.do("mask");
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "shown again");
});

scene("the page's own masks go with what they cover", async (stage) => {
  const { ann, ada } = await watching(stage);
  const names = () => ada.id("caption").allTextContents();
  const before = await until("the fields are named", names, (texts) => texts.includes("Card number"));
  assert.ok(before.length >= 2);
  for (let at = 0; at < 12; at += 1) {
    await ann.draw("scroll", { lines: 24 });
    await showsExactly(ada.page, ann, `scrolled ${at}`);
  }
});

scene("a paused app stands still and says so, a closed one too", async (stage) => {
  const { ann, ada } = await watching(stage);
  const before = await shown(ada.page);
  await ann.do("pause");
  await viewerIs(ada, "paused");
  await ann.draw("jump");
  await ada.reads("viewer-note", /paused/);
  assert.equal(differing(await shown(ada.page), before), 0, "the picture stands still");
  await ann.do("resume");
  await viewerIs(ada, "live");
  await showsExactly(ada.page, ann, "after the pause");

  await ann.do("close");
  await viewerIs(ada, "gone");
  await ada.reads("viewer-note", /closed/);
  await ada.id("leave").click();
  await ada.sees("home");
});

scene("the app's window gets another size", async (stage) => {
  const { ann, ada } = await watching(stage);
  for (const [width, height] of [[800, 600], [1920, 1080], [333, 777], [1, 1], [1280, 720]]) {
    await ann.page(width, height, width);
    await showsExactly(ada.page, ann, `${width}x${height}`);
    await ann.draw("scroll", { lines: 5 }, { frames: 3 });
    await showsExactly(ada.page, ann, `scrolled at ${width}x${height}`);
  }
});

scene("the picture fits the browser's window, or is shown one to one", async (stage) => {
  const { ann, ada } = await watching(stage);
  const canvas = ada.page.locator("canvas");
  const room = ada.id("stage");
  for (const [width, height] of [[1280, 800], [700, 900], [1900, 500]]) {
    await ada.page.setViewportSize({ width, height });
    await until(`it fits ${width}x${height}`, async () => {
      const [picture, outer] = [await canvas.boundingBox(), await room.boundingBox()];
      const inside = picture.width <= outer.width + 1 && picture.height <= outer.height + 1;
      const touches = outer.width - picture.width <= 4 || outer.height - picture.height <= 4;
      const shape = Math.abs(picture.width / picture.height - 1280 / 720) < 0.02;
      return { inside, touches, shape, picture, outer };
    }, ({ inside, touches, shape }) => inside && touches && shape);
  }
  await ada.page.setViewportSize({ width: 900, height: 600 });
  await ada.id("actual").click();
  await until("one to one", () => canvas.boundingBox(), (box) => box.width === 1280 && box.height === 720);
  assert.equal(await ada.id("actual").getAttribute("aria-pressed"), "true");
  await room.focus();
  await ada.page.keyboard.press("End");
  await until("it scrolls", () => room.evaluate((element) => element.scrollTop), (top) => top > 0);
  await ada.page.keyboard.press("0");
  await until("it fits again", () => canvas.boundingBox(), (box) => box.width < 900);
  await showsExactly(ada.page, ann, "at any size on the page");
});
