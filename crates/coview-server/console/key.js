// The key a visitor reads out: 6 to 12 digits, the last of them a Damm check digit, which catches
// every single wrong digit and every swap of two neighbours.

export const DIGITS_MIN = 6;
export const DIGITS_MAX = 12;

const DAMM = [
  [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
  [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
  [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
  [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
  [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
  [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
  [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
  [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
  [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
  [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/** Runs the digits through the table; the result is 0 where the last is their check digit. */
export function damm(digits) {
  let row = 0;
  for (const digit of digits) row = DAMM[row][digit.charCodeAt(0) - 48];
  return row;
}

/**
 * Reads a key as a person types or pastes it: digits, with spaces or hyphens anywhere between.
 *
 * `status` is `empty`, `unfinished` (too few digits), `mistyped` (enough digits, and the check
 * digit does not fit), `too_long`, `not_digits` or `good`. Keys of a group have one length, which the
 * server tells at the sign-in: `length`.
 */
export function readKey(text, length = null) {
  const digits = text.replace(/[\s\u00a0\u202f-]/gu, "");
  if (digits === "") return { status: "empty", digits };
  if (!/^[0-9]+$/.test(digits)) return { status: "not_digits", digits };
  if (digits.length < (length ?? DIGITS_MIN)) return { status: "unfinished", digits };
  if (digits.length > (length ?? DIGITS_MAX)) return { status: "too_long", digits };
  return { status: damm(digits) === 0 ? "good" : "mistyped", digits };
}

/** Groups digits in threes, as they are read out; a single digit joins the group before it. */
export function groupDigits(digits) {
  let text = "";
  for (let at = 0; at < digits.length; at += 1) {
    if (at > 0 && at % 3 === 0 && digits.length - at > 1) text += " ";
    text += digits[at];
  }
  return text;
}

/**
 * Groups what stands in a field and keeps the cursor behind the digit it was behind. What is no
 * digit stays as it was typed, so that the person sees what is wrong with it.
 */
export function groupTyped(text, cursor) {
  const { status, digits } = readKey(text);
  if (status === "not_digits" || status === "empty") return { text, cursor };
  const before = readKey(text.slice(0, cursor)).digits.length;
  // While somebody types, a fourth digit begins a group: it will not stay alone.
  const grouped = digits.replace(/(.{3})(?=.)/g, "$1 ");
  let at = 0;
  for (let seen = 0; seen < before; at += 1) if (grouped[at] !== " ") seen += 1;
  return { text: grouped, cursor: at };
}
