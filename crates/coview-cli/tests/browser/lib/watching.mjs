// What most tests begin with: a visitor who shares and an agent who watches.

import { showsExactly } from "./picture.mjs";

/** A visitor who shares this page by a key, and the desk of the agent who joined with it. */
export async function watching({ stage, open }, { visitor = {}, page = [1280, 720, 1], desk = {} } = {}) {
  const ann = await stage.visitor("ann", visitor);
  await ann.page(...page);
  const ada = await open(desk);
  await ada.atHome("ada");
  const key = await ann.share();
  await ada.join(key);
  await ada.sees("viewer");
  await showsExactly(ada.page, ann, "the first picture");
  return { ann, ada, key };
}

/** Waits until the viewer is in this state: live, paused, blank, gone, reconnecting. */
export async function viewerIs(desk, state) {
  await desk.page.locator(`[data-testid=viewer][data-state=${state}]`).waitFor({ state: "visible" });
}
