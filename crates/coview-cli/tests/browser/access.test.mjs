import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { until } from "./lib/console.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";
import { watching } from "./lib/watching.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

scene("with the keyboard alone: sign in, join, watch, leave", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  const ada = await open();
  const { keyboard } = ada.page;
  const focused = () => ada.page.evaluate(() => document.activeElement?.dataset.testid ?? document.activeElement?.id ?? "");
  const tabTo = async (testid) => {
    for (let at = 0; at < 40; at += 1) {
      if ((await focused()) === testid) return;
      await keyboard.press("Tab");
    }
    assert.fail(`the keyboard does not get to ${testid}`);
  };
  await ada.sees("sign-in");
  await tabTo("sign-in-group");
  await keyboard.type(stage.group);
  await tabTo("sign-in-token");
  await keyboard.type(stage.tokens.ada);
  await keyboard.press("Enter");
  await ada.sees("home");

  const key = await ann.share();
  await tabTo("key");
  await keyboard.type(key);
  await keyboard.press("Enter");
  await ada.sees("viewer");
  await showsExactly(ada.page, ann);
  assert.equal(await focused(), "stage", "the keyboard is at the picture");

  await keyboard.press("1");
  assert.equal(await ada.id("actual").getAttribute("aria-pressed"), "true");
  await keyboard.press("0");
  assert.equal(await ada.id("fit").getAttribute("aria-pressed"), "true");
  await keyboard.press("g");
  await ada.sees("guests-panel");
  await keyboard.press("Escape");
  assert.equal(await ada.id("guests-panel").isVisible(), false);
  await keyboard.press("?");
  await ada.sees("help-dialog");
  await keyboard.press("Escape");
  await until("the help is closed", () => ada.id("help-dialog").isVisible(), (seen) => !seen);

  await ada.page.locator("#stage").focus();
  for (let at = 0; at < 20 && (await focused()) !== "leave"; at += 1) await keyboard.press("Shift+Tab");
  assert.equal(await focused(), "leave");
  await keyboard.press("Enter");
  await ada.sees("home");
});

scene("with the keyboard alone: find a visitor, ask, and take it back", async ({ stage, open }) => {
  const bea = await stage.online("bea", "customer-42", { profile: { name: "Bea Example" } });
  await stage.online("carl", "customer-7", { profile: { name: "Carl Sample" } });
  const ada = await open();
  await ada.atHome();
  const { keyboard } = ada.page;
  await until("both are listed", () => ada.id("visitor").count(), (count) => count === 2);
  await ada.page.evaluate(() => document.activeElement.blur());
  await keyboard.press("/");
  await keyboard.type("bea");
  await until("one is found", () => ada.id("visitor").count(), (count) => count === 1);
  await keyboard.press("Enter");
  await bea.event("asked");
  await ada.sees("withdraw");
  await until("the keyboard is there", () => ada.page.evaluate(() => document.activeElement.dataset.testid), (id) => id === "withdraw");
  await keyboard.press("Enter");
  await bea.event("withdrawn");
  await ada.reads("outcome-title", /took the request back/);
});

scene("what happens is told to screen readers", async (stage) => {
  const { ann, ada } = await watching(stage);
  const told = (pattern) => until(`${pattern} is told`, async () =>
    `${await ada.id("polite").textContent()}\n${await ada.id("assertive").textContent()}`, (text) => pattern.test(text));
  await told(/in the session|live/i);
  await ann.do("pause");
  await told(/paused/);
  await ann.do("resume");
  await told(/live/);
  await ann.do("end");
  await told(/stopped sharing/);
});

scene("axe finds nothing on any screen, light or dark", async ({ stage, open }) => {
  await stage.online("bea", "customer-42", { profile: { name: "Bea Example" }, data: { page: "/checkout" } });
  const ann = await stage.visitor("ann");
  for (const colorScheme of ["light", "dark"]) {
    const ada = await open({ colorScheme, reducedMotion: "reduce" });
    await ada.page.addInitScript({ path: AXE });
    await ada.page.reload();
    await ada.sees("sign-in");
    await axe(ada, `sign-in, ${colorScheme}`);
    await ada.atHome();
    await ada.id("visitor").first().waitFor();
    await axe(ada, `list, ${colorScheme}`);
    await ada.id("visitor").first().locator("button.choose").click();
    await axe(ada, `a visitor, ${colorScheme}`);
    await ada.id("help").click();
    await axe(ada, `help, ${colorScheme}`);
    await ada.page.keyboard.press("Escape");
    await ann.do("mask", { areas: [{ x: 100, y: 100, width: 300, height: 60, label: "Password" }] });
    await ada.join(await ann.share());
    await showsExactly(ada.page, ann);
    await axe(ada, `viewer, ${colorScheme}`);
    await ada.id("end").click();
    await axe(ada, `the question, ${colorScheme}`);
    await ada.id("confirm-end-no").click();
    await ann.do("end");
    await ada.sees("ended");
    await axe(ada, `the end, ${colorScheme}`);
  }
});

scene("axe finds nothing where tokens end, agents wait and agents are removed", async ({ stage, open }) => {
  const ann = await stage.visitor("ann");
  for (const colorScheme of ["light", "dark"]) {
    const key = await ann.share();
    const look = async (agent, seconds, rights) => {
      const desk = await open({ colorScheme, reducedMotion: "reduce" });
      await desk.page.addInitScript({ path: AXE });
      await desk.page.reload();
      await desk.signIn(agent, { token: await stage.do("token", { agent, seconds, rights }) });
      await desk.sees("home");
      return desk;
    };
    const ada = await look("ada", 300);
    await ada.sees("expiry");
    await axe(ada, `a sign-in that ends soon, ${colorScheme}`);
    await ada.id("renew-button").click();
    await ada.id("renew-yes").click();
    await ada.reads("renew-dialog", /Paste a newer token/);
    await axe(ada, `the renewal, ${colorScheme}`);
    await ada.page.keyboard.press("Escape");
    const grace = await look("grace", 3600);
    for (const desk of [ada, grace]) {
      await desk.join(key);
      await ann.event("join_requested");
      await desk.reads("key-feedback", /asked to let you in/);
      await axe(desk, `who waits, ${colorScheme}`);
      await ann.do("confirm");
      await desk.sees("viewer");
    }
    await ada.id("guests-button").click();
    await axe(ada, `who is watching, ${colorScheme}`);
    await ada.id("eject").click();
    await axe(ada, `the question who is removed, ${colorScheme}`);
    await ann.do("end");
    const keyless = await look("grace", 3600, { manual_keys: false });
    await keyless.sees("key-forbidden");
    assert.doesNotMatch(await keyless.id("roster-empty").textContent(), /key/, "nor a word of one");
    await axe(keyless, `no key, ${colorScheme}`);
  }
}, { confirm_join: true });

/** Axe's own rules, and that every control has a role and a name. */
async function axe(desk, where) {
  const { violations } = await desk.page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const found = violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`) }));
  assert.deepEqual(found, [], where);
}

scene("on a small or low window names are seen, and every control and all of a long panel is in reach", async ({ stage, open }) => {
  const data = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`entry-${at}`, "value ".repeat(8)]));
  const bea = await stage.online("bea", "customer-42", { profile: { name: "Bea Example" }, data });
  const ada = await open();
  await ada.atHome();
  await ada.page.locator("[data-visitor=customer-42] .choose").click();
  await ada.sees("panel-ask");
  const last = ada.id("panel").locator("dd").last();
  const below = async () => {
    await last.scrollIntoViewIfNeeded();
    return last.evaluate((entry) => entry.getBoundingClientRect().bottom - innerHeight);
  };
  assert.ok((await below()) <= 0, "the end of the panel");
  assert.equal(await ada.page.evaluate(() => scrollY), 0, "the page itself is not longer for it");
  for (const width of [360, 320]) {
    await ada.page.setViewportSize({ width, height: 640 });
    const name = await ada.page.locator("[data-visitor=customer-42] .name").evaluate((name) => name.clientWidth || name.offsetWidth);
    assert.ok(name >= 60, `at ${width} pixels the name has ${name}`);
    assert.ok((await ada.page.evaluate(() => document.documentElement.scrollWidth)) <= width, "and nothing sticks out");
  }
  await bea.page();
  await ada.join(await bea.share());
  await ada.sees("viewer");
  for (const width of [360, 320]) {
    await ada.page.setViewportSize({ width, height: 640 });
    for (const button of ["fit", "guests-button", "leave", "end"]) {
      const right = await ada.id(button).evaluate((button) => button.getBoundingClientRect().right);
      assert.ok(right <= width, `at ${width} pixels ${button} ends at ${right}`);
    }
    await ada.id("help").click();
    const over = await ada.id("help-dialog").evaluate((dialog) => dialog.scrollWidth - dialog.clientWidth);
    assert.ok(over <= 0, `at ${width} pixels the help is ${over} too wide`);
    await ada.page.keyboard.press("Escape");
  }
});
