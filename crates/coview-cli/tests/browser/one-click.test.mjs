import assert from "node:assert/strict";
import { until } from "./lib/console.mjs";
import { showsExactly } from "./lib/picture.mjs";
import { scene } from "./lib/scene.mjs";

const PROFILE = { name: "Bea Example" };

/** A visitor who is online and an agent who asked; the terms are on the visitor's screen. */
async function asked({ stage, open }) {
  const bea = await stage.online("bea", "customer-42", { profile: PROFILE, data: { page: "/checkout" } });
  const ada = await open();
  await ada.atHome();
  await row(ada).waitFor();
  await row(ada).getByTestId("ask").click();
  const { agent } = await bea.event("asked");
  assert.equal(agent, "Ada");
  await stepIs(ada, "displayed", "now");
  await bea.do("terms_displayed");
  await stepIs(ada, "displayed", "done");
  return { bea, ada };
}

const row = (desk) => desk.page.locator("[data-testid=visitor][data-visitor=customer-42]");
const stepIs = (desk, step, is) =>
  desk.page.locator(`[data-testid=steps] [data-step=${step}][data-is=${is}]`).waitFor();

scene("a visitor who is online is asked, accepts, and is seen", async (stage) => {
  const { bea, ada } = await asked(stage);
  await bea.do("accept");
  await ada.sees("viewer");
  await ada.reads("viewer-name", "Bea Example");
  await showsExactly(ada.page, bea);
  assert.equal((await bea.state()).key, null, "there is no key to show");
  await ada.id("leave").click();
  await ada.sees("home");
});

scene("a visitor declines", async (stage) => {
  const { bea, ada } = await asked(stage);
  await bea.do("decline");
  await ada.reads("outcome-title", /declined/);
  assert.equal(await ada.id("viewer").isVisible(), false);
  await until("Bea is free again", () => row(ada).getByTestId("ask").isEnabled());
  await ada.id("ask-again").click();
  await bea.event("asked");
});

scene("the agent takes the request back", async (stage) => {
  const { bea, ada } = await asked(stage);
  await ada.id("withdraw").click();
  await ada.reads("outcome-title", /took the request back/);
  await bea.event("withdrawn");
  assert.equal((await bea.state()).state, "PresenceConnected");
  await ada.id("dismiss").click();
  await until("it is gone", () => ada.id("outcome-title").count(), (count) => count === 0);
});

scene("no answer in time is a no", async (stage) => {
  const { bea, ada } = await asked(stage);
  await ada.reads("outcome-title", /No answer in time/);
  await bea.event("withdrawn");
  await assert.rejects(bea.do("accept"), /not possible/);
}, { terms_unanswered_ms: 3000 });

scene("a visitor goes offline while being asked", async (stage) => {
  const { bea, ada } = await asked(stage);
  await bea.do("drop");
  await ada.reads("outcome-title", /lost/);
  await until("the list is empty", () => row(ada).count(), (count) => count === 0);
  await ada.sees("roster-empty");
});

scene("the list: who is online, where, busy or in the background, and the search", async ({ stage, open }) => {
  const ada = await open();
  await ada.atHome();
  await ada.sees("roster-empty");
  const bea = await stage.online("bea", "customer-42", { profile: PROFILE, data: { page: "/checkout" } });
  await stage.online("carl", "customer-7", { profile: { name: "Carl Sample" } });
  await stage.online("dora", "customer-9");
  await until("three are listed", () => ada.id("visitor").count(), (count) => count === 3);
  await ada.reads("online-count", /^3$/);
  await ada.reads("visitors", "/checkout");

  await ada.id("search").fill("check");
  await until("one is found", () => ada.id("visitor").count(), (count) => count === 1);
  await ada.id("search").fill("nobody at all");
  await ada.sees("roster-empty");
  await ada.id("clear-search").click();
  await until("all are back", () => ada.id("visitor").count(), (count) => count === 3);

  await bea.do("app_moved", { background: true });
  await until("Bea is in the background", () => row(ada).getAttribute("data-look"), (look) => look === "background");
  await bea.do("app_moved", { background: false });
  await until("Bea is back", () => row(ada).getAttribute("data-look"), (look) => look === "ready");
  await bea.share();
  await until("Bea is busy", () => row(ada).getAttribute("data-look"), (look) => look === "busy");
  assert.equal(await row(ada).getByTestId("ask").isDisabled(), true);
  await bea.do("end");
  await until("Bea is free", () => row(ada).getByTestId("ask").isEnabled());
  await bea.do("disconnect");
  await until("Bea is gone", () => row(ada).count(), (count) => count === 0);
});
