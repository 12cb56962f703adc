import assert from "node:assert/strict";
import test from "node:test";

import { damm, groupDigits, groupTyped, readKey } from "../key.js";

test("the published example of the Damm algorithm", () => {
  assert.equal(damm("572"), 4);
  assert.equal(damm("5724"), 0);
});

test("keys are read with spaces and hyphens, as they are pasted", () => {
  for (const typed of ["123456786", "123 456 786", "123-456-786", " 123\u00a0456\u202f786 ", "123 456\n786\t"]) {
    assert.deepEqual(readKey(typed), { status: "good", digits: "123456786" }, JSON.stringify(typed));
  }
});

test("every wrong digit and every swap of neighbours is found", () => {
  for (const key of ["123459", "123456786", "123456789018"]) {
    assert.equal(readKey(key).status, "good", key);
    for (let at = 0; at < key.length; at += 1) {
      for (let digit = 0; digit < 10; digit += 1) {
        const wrong = `${key.slice(0, at)}${digit}${key.slice(at + 1)}`;
        if (wrong !== key) assert.equal(readKey(wrong).status, "mistyped", wrong);
      }
      const swapped = key.slice(0, at) + (key[at + 1] ?? "") + key[at] + key.slice(at + 2);
      if (swapped !== key) assert.equal(readKey(swapped).status, "mistyped", swapped);
    }
  }
});

test("what is no key says what it is", () => {
  const status = (text) => readKey(text).status;
  assert.equal(status(""), "empty");
  assert.equal(status(" - "), "empty");
  assert.equal(status("12345"), "unfinished");
  assert.equal(status("1234567890123"), "too_long");
  assert.equal(status("12345a"), "not_digits");
  assert.equal(status("１２３４５９"), "not_digits");
  assert.equal(status("-123459."), "not_digits");
});

test("keys are grouped in threes and no digit stands alone", () => {
  const shown = ["123459", "1234566", "12345671", "123456786", "1234567894", "12345678906", "123456789018"];
  assert.deepEqual(shown.map(groupDigits), [
    "123 459", "123 4566", "123 456 71", "123 456 786", "123 456 7894", "123 456 789 06", "123 456 789 018",
  ]);
});

test("the cursor stays behind its digit while the field groups", () => {
  const typed = (text, cursor) => groupTyped(text, cursor);
  assert.deepEqual(typed("1234", 4), { text: "123 4", cursor: 5 });
  assert.deepEqual(typed("123 456", 2), { text: "123 456", cursor: 2 });
  // A digit put in at the front moves the groups behind it.
  assert.deepEqual(typed("9123 456", 1), { text: "912 345 6", cursor: 1 });
  // One taken away in the middle.
  assert.deepEqual(typed("12 456", 2), { text: "124 56", cursor: 2 });
  assert.deepEqual(typed("123-456-786", 11), { text: "123 456 786", cursor: 11 });
  // What is no digit stays to be seen.
  assert.deepEqual(typed("12x", 3), { text: "12x", cursor: 3 });
});

test("where the length is known, a shorter key is unfinished and a longer one too long", () => {
  assert.equal(readKey("123456786", 9).status, "good");
  assert.equal(readKey("12345678", 9).status, "unfinished");
  assert.equal(readKey("1234567860", 9).status, "too_long");
});
