import assert from "node:assert/strict";
import test from "node:test";

import { signInEnds } from "../words.js";

test("the end of a sign-in is told in its last ten minutes, and never too late", () => {
  const minute = 60_000;
  assert.equal(signInEnds(11 * minute), "");
  assert.equal(signInEnds(5.5 * minute), "Your sign-in ends in 5 minutes.");
  assert.equal(signInEnds(1.9 * minute), "Your sign-in ends in 1 minute.");
  assert.equal(signInEnds(0.5 * minute), "Your sign-in ends in less than a minute.");
  assert.match(signInEnds(0), /has expired/);
});
