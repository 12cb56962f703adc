import assert from "node:assert/strict";
import { scene } from "./lib/scene.mjs";

scene("an agent signs in, and signs out", async ({ open }) => {
  const desk = await open();
  await desk.sees("sign-in");
  await desk.signIn("ada");
  await desk.sees("home");
  await desk.reads("agent-name", "Ada");
  await desk.reads("group", "12345");
  await desk.reads("connection", /online|connected/i);

  await desk.id("sign-out").click();
  await desk.sees("sign-in");
  assert.equal(await desk.id("sign-in-token").inputValue(), "", "the token is not left behind");
  await desk.page.reload();
  await desk.sees("sign-in");
});

scene("a wrong token is told, and the next try may be right", async ({ open, stage }) => {
  const desk = await open();
  await desk.signIn("ada", { token: "not-a-token-of-anybody" });
  await desk.reads("sign-in", /does not know this token/);
  assert.equal(await desk.id("home").isVisible(), false);

  await desk.signIn("ada", { group: "67890" });
  await desk.reads("sign-in", /no such group/);

  await desk.signIn("ada", { group: stage.group });
  await desk.sees("home");
});

scene("what is missing is told before anything is sent", async ({ open }) => {
  const desk = await open();
  await desk.signIn("ada", { token: "" });
  await desk.reads("sign-in-error", /\S/);
  assert.deepEqual(desk.said, []);
});

scene("a tab that is loaded again stays signed in, another tab is for itself", async ({ open }) => {
  const first = await open();
  await first.atHome("ada");
  await first.page.reload();
  await first.sees("home");
  await first.reads("agent-name", "Ada");

  const second = await open({ context: first.context });
  await second.sees("sign-in");
  await second.atHome("grace");
  await second.reads("agent-name", "Grace");
  await first.reads("agent-name", "Ada");
});

scene("without JavaScript the page says that it needs it", async ({ open }) => {
  const desk = await open({ javaScriptEnabled: false });
  await desk.page.locator(".noscript").waitFor({ state: "visible" });
});
