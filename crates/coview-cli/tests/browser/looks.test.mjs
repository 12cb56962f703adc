// Pictures of every state, light and dark, on a laptop and a tablet. They are kept to be looked at;
// what is in them the other tests hold. With UPDATE_DOCS=1 the one in the documents is taken anew.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PNG } from "pngjs";
import { LAPTOP, TABLET, until } from "./lib/console.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";
import { ROOT } from "./lib/stage.mjs";
import { viewerIs } from "./lib/watching.mjs";

const PEOPLE = [
  ["customer-42", "Bea Example", { page: "/checkout" }],
  ["customer-7", "Carl Sample", { page: "/orders/1817" }],
  ["customer-9", "Dora Placeholder", { page: "/help" }],
  ["customer-1024", "Emil Nobody", { page: "/" }],
  ["guest-5", null, {}],
];

const SETTINGS = [
  ["light-laptop", { colorScheme: "light", viewport: LAPTOP }],
  ["dark-laptop", { colorScheme: "dark", viewport: LAPTOP }],
  ["light-tablet", { colorScheme: "light", viewport: TABLET, hasTouch: true }],
  ["dark-tablet", { colorScheme: "dark", viewport: TABLET, hasTouch: true }],
];

for (const [setting, options] of SETTINGS) {
  scene(`every state, ${setting}`, async ({ stage, open }) => {
    const people = {};
    for (const [id, name, data] of PEOPLE) {
      people[id] = await stage.online(id, id, { profile: name === null ? undefined : { name }, data });
    }
    await people["customer-9"].do("app_moved", { background: true });
    await people["customer-1024"].share();
    const bea = people["customer-42"];
    const ann = await stage.visitor("ann");
    await ann.page(1280, 720, 7);

    const ada = await open({ ...options, reducedMotion: "reduce" });
    /** Nothing may be wider than the window. */
    const shoot = async (name) => {
      const wide = await ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
      await ada.shoot(`${name}-${setting}`);
    };
    await ada.sees("sign-in");
    await shoot("sign-in");
    await ada.signIn("ada", { token: "not-a-token-of-anybody" });
    await ada.reads("sign-in", /does not know this token/);
    await shoot("sign-in-refused");
    await ada.atHome();
    await until("all are listed", () => ada.id("visitor").count(), (count) => count === PEOPLE.length);
    await shoot("list");

    const row = ada.page.locator("[data-testid=visitor][data-visitor=customer-42]");
    await row.locator("button.choose").click();
    await ada.sees("panel-ask");
    await shoot("visitor");
    await row.getByTestId("ask").click();
    await bea.event("asked");
    await bea.do("terms_displayed");
    await ada.page.locator("[data-step=displayed][data-is=done]").waitFor();
    await shoot("asking");
    await bea.do("decline");
    await ada.sees("outcome-title");
    await shoot("declined");
    await ada.join("123 456 789");
    await ada.reads("key-feedback", /Mistyped/);
    await shoot("mistyped");

    const key = await ann.share();
    await ada.join(key);
    await showsExactly(ada.page, ann);
    await ann.draw("dialog", {}, { frames: 2 });
    await ann.draw("typing", {}, { frames: 30 });
    await showsExactly(ada.page, ann);
    await viewerIs(ada, "live");
    // A line that says what was joined goes by itself.
    await until("no toast is left", () => ada.id("toast").isVisible(), (seen) => !seen);
    await shoot("viewer");
    const grace = await open({ viewport: LAPTOP });
    await grace.atHome("grace");
    await grace.join(key);
    await grace.sees("viewer");
    await ada.reads("guests-count", /^2$/);
    await ada.id("guests-button").click();
    await ada.sees("guests-panel");
    await shoot("guests");
    await ada.page.keyboard.press("Escape");
    await ada.id("actual").click();
    await shoot("one-to-one");
    await ada.id("fit").click();
    await ann.do("pause");
    await viewerIs(ada, "paused");
    await shoot("paused");
    await ann.do("resume");
    await ann.do("forget_masks");
    await viewerIs(ada, "blank");
    await shoot("hidden");
    await ann.do("mask");
    await viewerIs(ada, "live");
    await ada.id("end").click();
    await ada.sees("confirm-end");
    await shoot("question");
    await ada.id("confirm-end-no").click();

    ada.tolerate(/WebSocket connection to .* failed/, /ERR_CONNECTION/);
    grace.tolerate(/WebSocket connection to .* failed/, /ERR_CONNECTION/);
    await stage.do("crash_server");
    await viewerIs(ada, "reconnecting");
    await ada.sees("banner");
    await shoot("reconnecting");
    await stage.do("start_server");
    await ada.sees("ended");
    await until("the connection is back", () => ada.id("banner").isVisible(), (seen) => !seen);
    await shoot("ended");
  });
}

if (process.env.UPDATE_DOCS) {
  scene("the picture in the documents", async ({ stage, open }) => {
    const visitor = await stage.online("visitor", "customer-42", { profile: { name: "Nadia Lindqvist" } });
    await visitor.page(1280, 720, 7);
    await visitor.draw("typing", {}, { frames: 30 });
    const grace = await open({ colorScheme: "light", viewport: { width: 1180, height: 738 }, reducedMotion: "reduce" });
    await grace.atHome("grace");
    await grace.id("ask").click();
    await visitor.event("asked");
    await visitor.do("terms_displayed");
    await visitor.do("accept");
    await grace.sees("viewer");
    await showsExactly(grace.page, visitor);
    await viewerIs(grace, "live");
    await until("no toast is left", () => grace.id("toast").isVisible(), (seen) => !seen);
    await grace.page.evaluate(() => document.activeElement.blur());
    const picture = PNG.sync.read(await grace.page.screenshot({ animations: "disabled" }));
    // Fewer shades make it much smaller, and hardly anybody sees which are gone.
    for (let at = 0; at < picture.data.length; at += 1) picture.data[at] = Math.min(255, Math.round(picture.data[at] / 5) * 5);
    await writeFile(join(ROOT, "docs/images/console-watching.png"), PNG.sync.write(picture, { colorType: 2, deflateLevel: 9 }));
  });
}
