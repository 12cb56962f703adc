import assert from "node:assert/strict";
import { until } from "./lib/console.mjs";
import { scene } from "./lib/scene.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { watching } from "./lib/watching.mjs";

const HOUR = 3600;

scene("a key is not enough where the visitor confirms: nothing is seen before the yes", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  await ann.page(1280, 720, 5);
  const ada = await open();
  await ada.atHome("ada");
  await ada.join(await ann.share());
  await ada.reads("key-feedback", /visitor is asked to let you in/);
  assert.equal((await ann.event("join_requested")).agent, "Ada", "the verified name");
  assert.equal(await ada.id("viewer").isVisible(), false);
  assert.equal(await ada.page.locator("canvas").count(), 0);
  await ann.draw("typing", {}, { frames: 5 });
  await ann.do("confirm");
  await ada.sees("viewer");
  await showsExactly(ada.page, ann, "after the yes");
}, { confirm_join: true });

scene("the visitor does not let the agent in, and the key is burned", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  const ada = await open();
  await ada.atHome("ada");
  const key = await ann.share();
  await ada.join(key);
  await ann.event("join_requested");
  await ann.do("refuse");
  await ada.reads("key-feedback", /did not let you in/);
  const grace = await open();
  await grace.atHome("grace");
  await grace.join(key);
  await grace.reads("key-feedback", /No session has this key/);
  assert.equal((await ann.event("ended")).reason, "key_burned");
}, { confirm_join: true });

scene("a join that waits is taken back, and the visitor is not asked any more", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  const ada = await open();
  await ada.atHome("ada");
  await ada.join(await ann.share());
  await ann.event("join_requested");
  await ada.id("join").click();
  assert.equal((await ann.event("join_withdrawn")).reason, "agent");
  assert.equal(await ada.id("viewer").isVisible(), false);
}, { confirm_join: true });

scene("an agent who may only watch has no way to end or to remove", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  await ann.page(800, 500, 6);
  const [ada, grace] = [await open(), await open()];
  await ada.signIn("ada", { token: await stage.do("token", { agent: "ada", seconds: HOUR, rights: { view_only: true } }) });
  await ada.sees("home");
  await grace.atHome("grace");
  const key = await ann.share();
  for (const desk of [ada, grace]) {
    await desk.join(key);
    await desk.sees("viewer");
  }
  await ada.reads("guests-count", /^2$/);
  assert.equal(await ada.id("end").isVisible(), false);
  await ada.id("guests-button").click();
  await ada.sees("guests-panel");
  assert.equal(await ada.id("eject").count(), 0);
  assert.equal(await grace.id("end").isVisible(), true);
});

scene("an agent removes another, after a question", async (scene) => {
  const { ada, key } = await watching(scene);
  const grace = await scene.open();
  await grace.atHome("grace");
  await grace.join(key);
  await grace.sees("viewer");
  await ada.reads("guests-count", /^2$/);
  await ada.id("guests-button").click();
  await ada.id("eject").click();
  await ada.sees("confirm-eject");
  await ada.reads("confirm-eject", "Grace");
  await ada.page.keyboard.press("Escape");
  await ada.id("confirm-eject").waitFor({ state: "hidden" });
  assert.equal(await ada.id("guests-panel").isVisible(), true, "Escape closes the question, and not the list behind it");
  await until("the focus is where it was", () => ada.focused(), (name) => name === "eject");
  await ada.page.keyboard.press("Enter");
  await ada.id("confirm-eject-yes").click();
  await until("the focus is not lost with the button", () => ada.focused(), (name) => name === "guests-button");
  await grace.sees("ended");
  await grace.reads("ended-title", /You were removed/);
  await ada.reads("guests-count", /^1$/);
  await grace.id("ended-back").click();
  await grace.join(key);
  await grace.reads("key-feedback", /No session has this key/);
});

scene("a token without keys has no field for one, and one for some visitors shows only those", async ({ stage, open }) => {
  await stage.online("bea", "customer-42", { profile: { name: "Bea" } });
  await stage.online("cid", "customer-43", { profile: { name: "Cid" } });
  const rights = { manual_keys: false, visitors: ["customer-42"] };
  const ada = await open();
  await ada.signIn("ada", { token: await stage.do("token", { agent: "ada", seconds: HOUR, rights }) });
  await ada.sees("home");
  await ada.sees("key-forbidden");
  assert.equal(await ada.id("key").isVisible(), false);
  await ada.reads("online-count", /^1$/);
  await ada.reads("visitors", "Bea");
  assert.doesNotMatch(await ada.id("visitors").textContent(), /Cid/);
});

scene("a sign-in that ends soon is renewed while the session goes on", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  await ann.page(640, 400, 8);
  const ada = await open();
  await ada.signIn("ada", { token: await stage.do("token", { agent: "ada", seconds: 240 }) });
  await ada.sees("home");
  await ada.reads("expiry", /ends in [45] minutes/);
  await ada.join(await ann.share());
  await ada.sees("viewer");

  await ada.id("renew-button").click();
  await ada.id("renew-token").fill("not-a-token-of-anybody");
  await ada.id("renew-yes").click();
  await ada.reads("renew-dialog", /does not accept this token/);
  await ada.id("renew-token").fill(stage.tokens.ada);
  await ada.id("renew-yes").click();
  await ada.id("expiry").waitFor({ state: "hidden" });
  await until("the focus is not lost with the bar", () => ada.focused(), (name) => name === "stage");
  assert.equal(await ada.id("viewer").isVisible(), true);
  await ann.draw("typing");
  await showsExactly(ada.page, ann, "after the renewal");
});

scene("a sign-in that has ended signs the page out, in words", async ({ stage, open }) => {
  const ada = await open();
  await ada.signIn("ada", { token: await stage.do("token", { agent: "ada", seconds: 8, age: 30 }) });
  await ada.sees("home");
  await ada.sees("sign-in");
  await ada.reads("sign-in-notice", /sign-in has expired/);
});

scene("a token that is good for one sign-in is refused at the second", async ({ stage, open }) => {
  const token = await stage.do("token", { agent: "ada", seconds: HOUR, once: true });
  const [first, second] = [await open(), await open()];
  await first.signIn("ada", { token });
  await first.sees("home");
  await second.signIn("ada", { token });
  await second.reads("sign-in", /used before/);
});

scene("after too many wrong keys the page says when the next try is possible", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  const ada = await open();
  await ada.atHome("ada");
  const key = (await ann.share()).replaceAll(/\D/g, "");
  // Good check digits, and not the visitor's key.
  const wrong = ["123456786", "000000000"].filter((digits) => digits !== key);
  await ada.join(wrong[0]);
  await ada.reads("key-feedback", /No session has this key/);
  await ada.join(wrong.at(-1));
  await ada.reads("key-feedback", /next try is possible in 0:[0-3]\d/);
  assert.equal(await ada.id("join").isDisabled(), true);
}, { key_tries: 1 });
