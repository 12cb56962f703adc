import assert from "node:assert/strict";
import test from "node:test";

import { Assembly, Malformed, dimensions, parse, signal, unpack } from "../picture.js";

const u16 = (value) => [value >> 8, value & 255];
const u32 = (value) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const area = (...sides) => sides.flatMap(u16);
const head = ({ number = 1, base = 0, part = 0, flags = 1, width = 64, height = 48, stamp = 7 } = {}) =>
  [1, ...u32(number), ...u32(base), ...u16(part), flags, ...u16(width), ...u16(height), ...u32(stamp)];
const bytes = (...parts) => Uint8Array.from(parts.flat());

test("a relayed message is unpacked, and nothing else is", () => {
  const message = bytes([4], u32(0x00000001), u32(0x00000002), [3, 0, 0, 0, 9]);
  const { session, body } = unpack(message.buffer);
  assert.equal(session, 2 ** 32 + 2);
  assert.deepEqual([...body], [3, 0, 0, 0, 9]);
  assert.equal(unpack(bytes([1], u32(0), u32(2), [3]).buffer), null);
  assert.equal(unpack(bytes([4], u32(0), u32(2)).buffer), null, "no body");
  assert.equal(unpack(bytes().buffer), null);
});

test("a viewer says acknowledged and refresh", () => {
  assert.deepEqual([...new Uint8Array(signal(21, 70000))], [3, ...u32(0), ...u32(21), 1, ...u32(70000)]);
  assert.deepEqual([...new Uint8Array(signal(2 ** 32 + 5))], [3, ...u32(1), ...u32(5), 2]);
});

test("every operation of an update is read", () => {
  const label = [...new TextEncoder().encode("Käse")];
  const part = parse(bytes(
    head({ number: 2, base: 1, part: 3, flags: 0, stamp: 0xfffffff0 }),
    [1], area(0, 1, 2, 3), area(4, 5),
    [2], area(10, 11, 12, 13), [1, 2, 255],
    [3], area(0, 0, 64, 48), [2], u32(3), [9, 8, 7],
    [4], u16(2), area(1, 2, 3, 4), [label.length], label, area(60, 40, 100, 100), [0],
  ));
  const { ops, ...rest } = part;
  assert.deepEqual(rest, {
    kind: "part", number: 2, base: 1, part: 3, last: false, width: 64, height: 48, stamp: 0xfffffff0, bytes: part.bytes,
  });
  assert.deepEqual(ops[0], { op: "copy", x: 0, y: 1, w: 2, h: 3, fromX: 4, fromY: 5 });
  assert.deepEqual(ops[1], { op: "fill", x: 10, y: 11, w: 12, h: 13, colour: "rgb(1 2 255)" });
  const { bytes: image, ...placed } = ops[2];
  assert.deepEqual(placed, { op: "image", x: 0, y: 0, w: 64, h: 48, type: "image/webp" });
  assert.deepEqual([...image], [9, 8, 7]);
  assert.deepEqual(ops[3].areas, [
    { x: 1, y: 2, w: 3, h: 4, label: "Käse" },
    { x: 60, y: 40, w: 100, h: 100, label: "" },
  ]);
});

test("status, beat and what a newer visitor may send", () => {
  assert.deepEqual([1, 2, 3, 4].map((code) => parse(bytes([2, code])).status), ["live", "paused", "blank", "gone"]);
  assert.deepEqual(parse(bytes([3], u32(12))), { kind: "beat", number: 12 });
  assert.equal(parse(bytes([77, 1, 2])).kind, "unknown");
});

test("nothing malformed is read, wherever it is cut off", () => {
  const whole = bytes(
    head(),
    [3], area(0, 0, 64, 48), [1], u32(4), [1, 2, 3, 4],
    [4], u16(1), area(0, 0, 1, 1), [2], [65, 66],
  );
  parse(whole);
  // After the head and after a whole operation an update may end.
  const ends = [head().length, head().length + 1 + 8 + 1 + 4 + 4];
  for (let length = 0; length < whole.length; length += 1) {
    if (ends.includes(length)) {
      parse(whole.subarray(0, length));
      continue;
    }
    assert.throws(() => parse(whole.subarray(0, length)), Malformed, `${length} bytes`);
  }
});

test("areas outside of the picture and sizes out of bounds are malformed", () => {
  const wrong = (...parts) => assert.throws(() => parse(bytes(...parts)), Malformed);
  wrong(head({ number: 0 }));
  wrong(head({ width: 0 }));
  wrong(head({ height: 8193 }));
  wrong(head(), [2], area(60, 0, 5, 1), [0, 0, 0]);
  wrong(head(), [2], area(0, 0, 0, 1), [0, 0, 0]);
  wrong(head(), [1], area(0, 0, 10, 10), area(55, 0));
  wrong(head(), [3], area(0, 47, 1, 2), [1], u32(0));
  wrong(head(), [3], area(0, 0, 1, 1), [9], u32(0));
  wrong(head(), [9]);
  wrong(head(), [4], u16(257), Array.from({ length: 257 }, () => [...area(0, 0, 1, 1), 0]).flat());
});

const part = (fields) => ({
  number: 1, base: 0, part: 0, last: true, width: 64, height: 48, stamp: 0, bytes: 18, ops: [], ...fields,
});

test("updates are handed out whole and in order", () => {
  const assembly = new Assembly();
  assert.deepEqual(assembly.take(part({ last: false, ops: ["a"] })), {});
  assert.deepEqual(assembly.take(part({ part: 1, ops: ["b", "c"] })), {
    update: { number: 1, base: 0, width: 64, height: 48, stamp: 0, ops: ["a", "b", "c"] },
  });
  assert.equal(assembly.take(part({ number: 2, base: 1 })).update.number, 2);
  assert.equal(assembly.take(part({ number: 9, base: 2 })).update.number, 9, "numbers may skip");
});

test("whoever is out of step asks once for a whole picture", () => {
  const assembly = new Assembly();
  assert.deepEqual(assembly.take(part({ number: 5, base: 4 })), { refresh: true });
  assert.deepEqual(assembly.take(part({ number: 6, base: 5 })), {});
  assert.equal(assembly.take(part({ number: 7, base: 0 })).update.number, 7);
  assert.equal(assembly.take(part({ number: 8, base: 7 })).update.number, 8);
  assert.deepEqual(assembly.take(part({ number: 10, base: 9 })), { refresh: true }, "and again later");
});

test("a beat tells of an update that was lost, and of a question that was", () => {
  const assembly = new Assembly();
  assert.deepEqual(assembly.beat(0), {}, "no picture was sent so far");
  assembly.take(part({ number: 5 }));
  assert.deepEqual(assembly.beat(5), {});
  assert.deepEqual(assembly.beat(6), { refresh: true });
  assert.deepEqual(assembly.beat(6), { refresh: true }, "and again");
  assert.deepEqual(assembly.take(part({ number: 7, base: 6 })), {});
  assembly.take(part({ number: 8 }));
  assert.deepEqual(assembly.beat(8), {});
});

test("a part that is missing, doubled or of another update discards what was collected", () => {
  for (const second of [
    { part: 2 },
    { part: 1, number: 2 },
    { part: 1, base: 1 },
    { part: 1, width: 65 },
  ]) {
    const assembly = new Assembly();
    assembly.take(part({ last: false, ops: ["a"] }));
    assert.deepEqual(assembly.take(part({ ...second, ops: ["b"] })), { refresh: true }, JSON.stringify(second));
    assert.deepEqual(assembly.take(part({ part: 1, ops: ["c"] })), {}, "what follows is passed over");
    assert.deepEqual(assembly.take(part({ number: 3, ops: ["d"] })).update.ops, ["d"]);
  }
});

test("a whole picture may begin while another is half there", () => {
  const assembly = new Assembly();
  assembly.take(part({ last: false, ops: ["a"] }));
  assert.deepEqual(assembly.take(part({ number: 2, ops: ["b"] })).update.ops, ["b"]);
});

test("after another connection nothing is asked for that comes by itself", () => {
  const assembly = new Assembly();
  assembly.take(part({}));
  assembly.forget();
  assert.equal(assembly.take(part({ number: 1 })).update.number, 1);
});

test("an update that draws far more than a picture, or is endless, is not drawn", () => {
  const fill = { op: "fill", x: 0, y: 0, w: 64, h: 48 };
  const image = { ...fill, op: "image" };
  const times = (count, op) => Array.from({ length: count }, () => op);
  const drawn = (...ops) => new Assembly().take(part({ ops: ops.flat() })).update !== undefined;
  assert.ok(drawn(times(16, fill)) && !drawn(times(17, fill)));
  assert.ok(drawn(times(4, image)) && !drawn(times(5, image)), "images are all held at once");
  const dot = { ...fill, w: 1, h: 1 };
  const assembly = new Assembly();
  const large = { last: false, width: 8192, height: 8192, ops: times(2 ** 17, dot) };
  assert.deepEqual(assembly.take(part(large)), {});
  assert.deepEqual(assembly.take(part({ ...large, part: 1 })), {});
  assert.deepEqual(assembly.take(part({ ...large, part: 2 })), { refresh: true });
  const long = { last: false, bytes: 33 * 2 ** 20 };
  assert.deepEqual(assembly.take(part(long)), {});
  assert.deepEqual(assembly.take(part({ ...long, part: 1 })), {}, "it has asked already");
  assert.deepEqual(assembly.take(part({ ...long, part: 2 })), {}, "and collects nothing");
});

test("the size of an image is known before it is decoded", () => {
  const ascii = (text) => [...text].map((char) => char.charCodeAt(0));
  const png = bytes([0x89], ascii("PNG\r\n"), [26, 10], u32(13), ascii("IHDR"), u32(300), u32(20), [8, 2, 0, 0, 0]);
  // Fourteen bits for each side less one, the lowest first.
  const webp = bytes(ascii("RIFF"), u32(0), ascii("WEBPVP8L"), u32(0), [0x2f, 0xff, 0xff, 0x04, 0x00], [0]);
  const segment = (marker, length) => [0xff, marker, ...u16(length), ...Array(length - 2).fill(0)];
  const jpeg = bytes([0xff, 0xd8], segment(0xe0, 16), segment(0xc4, 9), [0xff, 0xc0, 0, 11, 8], u16(20), u16(300), [3]);
  assert.deepEqual(dimensions({ type: "image/png", bytes: png }), { width: 300, height: 20 });
  assert.deepEqual(dimensions({ type: "image/webp", bytes: webp }), { width: 16384, height: 20 });
  assert.deepEqual(dimensions({ type: "image/jpeg", bytes: jpeg }), { width: 300, height: 20 });
  const all = { "image/png": png, "image/webp": webp, "image/jpeg": jpeg };
  for (const [type, image] of Object.entries(all)) {
    for (const [other, another] of Object.entries(all)) {
      if (other !== type) assert.equal(dimensions({ type, bytes: another }), null);
    }
    for (let length = 0; length < 20; length += 1) {
      assert.equal(dimensions({ type, bytes: image.subarray(0, length) }), null);
    }
  }
  const animated = webp.slice();
  animated.set(ascii("VP8X"), 12);
  assert.equal(dimensions({ type: "image/webp", bytes: animated }), null, "no extended file");
  assert.equal(dimensions({ type: "image/jpeg", bytes: bytes([0xff, 0xd8], Array(4000).fill([0xff, 0, 0, 0]).flat()) }), null);
});
