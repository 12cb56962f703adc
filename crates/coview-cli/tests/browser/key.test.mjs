import assert from "node:assert/strict";
import { damm } from "../../../coview-server/console/key.js";
import { until } from "./lib/console.mjs";
import { scene } from "./lib/scene.mjs";
import { showsExactly } from "./lib/picture.mjs";

const digits = (key) => key.replaceAll(/\D/g, "");
const joins = (desk) => desk.words().filter(({ t }) => t === "join").length;
/** What leaves by itself is only the heartbeat. */
const spoken = (desk) => desk.said.filter((said) => said === null || JSON.parse(said).t !== "ping").length;

scene("a visitor reads the key out, the agent types it and sees the screen", async ({ open, stage }) => {
  const ann = await stage.visitor("ann");
  await ann.page(1280, 720, 3);
  const desk = await open();
  await desk.atHome();
  const key = await ann.share();
  await desk.join(key);
  await desk.sees("viewer");
  await showsExactly(desk.page, ann);
  const { names } = await ann.event("guests", ({ count }) => count === 1);
  assert.deepEqual(names, ["Ada"]);
});

scene("a mistyped key is told before anything is sent", async ({ open, stage }) => {
  const ann = await stage.visitor("ann");
  const desk = await open();
  await desk.atHome();
  const key = digits(await ann.share());

  const wrongDigit = key.slice(0, 4) + ((Number(key[4]) + 1) % 10) + key.slice(5);
  const at = [...key].findIndex((digit, at) => digit !== key[at + 1]);
  const swapped = key.slice(0, at) + key[at + 1] + key[at] + key.slice(at + 2);
  const before = spoken(desk);
  const wrong = [[wrongDigit, /Mistyped/], [swapped, /Mistyped/], ["12a 456", /only digits/], [key.slice(0, 3), /has 9 digits/]];
  for (const [mistyped, told] of wrong) {
    await desk.join(mistyped);
    await desk.reads("key-feedback", told);
    assert.equal(await desk.id("viewer").isVisible(), false);
  }
  assert.equal(spoken(desk), before, "nothing was said to the server");
  assert.equal(joins(desk), 0);

  await desk.join(key);
  await desk.sees("viewer");
  assert.equal(joins(desk), 1);
  await showsExactly(desk.page, ann);
});

scene("a key of nobody, and a key that is used up, are told in the same words", async ({ open, stage }) => {
  const ann = await stage.visitor("ann");
  const desk = await open();
  await desk.atHome();
  const key = digits(await ann.share());
  await ann.do("end");

  const body = "27182818";
  const nobodys = body + [..."0123456789"].find((digit) => damm(body + digit) === 0);
  const told = [];
  for (const wrong of [key, nobodys]) {
    const tried = joins(desk);
    await desk.join(wrong);
    await until("it is asked for", () => joins(desk), (count) => count === tried + 1);
    await desk.reads("key-feedback", /No session has this key/);
    told.push(await desk.id("key-feedback").textContent());
  }
  assert.equal(told[0], told[1]);
});
