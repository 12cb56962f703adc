// The picture: binary messages in, pixels on a canvas out.
//
// An update arrives in parts and is drawn when its last part is here: all its images are decoded
// first, at the same time, and then everything is drawn in order without a pause, so nobody ever
// sees half an update. Updates are drawn in their order; the next one is decoded meanwhile.

const RELAYED = 4;
const SIGNAL = 3;
const ACKNOWLEDGED = 1;
const REFRESH = 2;
const SIDE_MAX = 8192;
const PIXELS_MAX = 2 ** 25;
const MASKS_MAX = 256;
/** What the parts of one update may come to, in bytes and in operations. */
const UPDATE_BYTES_MAX = 64 * 1024 * 1024;
const UPDATE_OPS_MAX = 2 ** 18;
/** How many times over one update may draw the picture, and how much of that may be images: all of
 * them are held at once. */
const REDRAWS_MAX = 16;
const IMAGES_MAX = 4;
/** How many pixels are decoded ahead of their turn. What is more is decoded in turn. */
const AHEAD_MAX = 2 ** 26;
/** How many updates, and how many bytes of images, may wait for their turn. A visitor stops long
 * before, since nothing is acknowledged; this is for one that does not. */
const QUEUE_MAX = 512;
/** How soon a picture that could not be drawn may be asked for again. */
const REFRESH_AGAIN_MS = 2000;

export const MEDIA_TYPES = { 1: "image/png", 2: "image/webp", 3: "image/jpeg" };
export const STATUS = { 1: "live", 2: "paused", 3: "blank", 4: "gone" };

/** A body that does not keep to the format. */
export class Malformed extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  #step(length) {
    if (length > this.left) throw new Malformed("it ends too early");
    const at = this.at;
    this.at += length;
    return at;
  }

  u8() {
    return this.view.getUint8(this.#step(1));
  }

  u16() {
    return this.view.getUint16(this.#step(2));
  }

  u32() {
    return this.view.getUint32(this.#step(4));
  }

  take(length) {
    const at = this.#step(length);
    return this.bytes.subarray(at, at + length);
  }
}

/** Unpacks a message of the server's: `{ session, body }`, or `null` if it is not of pictures. */
export function unpack(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 10 || bytes[0] !== RELAYED) return null;
  const session = Number(new DataView(buffer).getBigUint64(1));
  return { session, body: bytes.subarray(9) };
}

/** What a viewer says about pictures: that it has drawn `number`, or without one that it needs a
 * whole picture. */
export function signal(session, number = null) {
  const view = new DataView(new ArrayBuffer(number === null ? 10 : 14));
  view.setUint8(0, SIGNAL);
  view.setBigUint64(1, BigInt(session));
  view.setUint8(9, number === null ? REFRESH : ACKNOWLEDGED);
  if (number !== null) view.setUint32(10, number);
  return view.buffer;
}

/** Reads a body: a part of an update, a status or a beat. Throws `Malformed`. */
export function parse(body) {
  const reader = new Reader(body);
  const kind = reader.u8();
  if (kind === 1) return parsePart(reader);
  if (kind === 2) return { kind: "status", status: STATUS[reader.u8()] ?? "live" };
  if (kind === 3) return { kind: "beat", number: reader.u32() };
  // A newer visitor may send what this console does not know.
  return { kind: "unknown" };
}

function parsePart(reader) {
  const part = {
    kind: "part",
    number: reader.u32(),
    base: reader.u32(),
    part: reader.u16(),
    last: (reader.u8() & 1) === 1,
    width: reader.u16(),
    height: reader.u16(),
    stamp: reader.u32(),
    bytes: reader.bytes.length,
    ops: [],
  };
  if (part.number === 0) throw new Malformed("updates count from 1");
  const { width, height } = part;
  if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX || width * height > PIXELS_MAX) {
    throw new Malformed("no such size");
  }
  while (reader.left > 0) part.ops.push(parseOp(reader, width, height));
  return part;
}

function parseOp(reader, width, height) {
  const area = () => {
    const found = { x: reader.u16(), y: reader.u16(), w: reader.u16(), h: reader.u16() };
    if (found.w < 1 || found.h < 1 || found.x + found.w > width || found.y + found.h > height) {
      throw new Malformed("an area is outside of the picture");
    }
    return found;
  };
  const op = reader.u8();
  switch (op) {
    case 1: {
      const to = area();
      const from = { x: reader.u16(), y: reader.u16() };
      if (from.x + to.w > width || from.y + to.h > height) {
        throw new Malformed("an area is outside of the picture");
      }
      return { op: "copy", ...to, fromX: from.x, fromY: from.y };
    }
    case 2:
      return { op: "fill", ...area(), colour: `rgb(${reader.u8()} ${reader.u8()} ${reader.u8()})` };
    case 3: {
      const to = area();
      const type = MEDIA_TYPES[reader.u8()];
      if (type === undefined) throw new Malformed("no such image format");
      return { op: "image", ...to, type, bytes: reader.take(reader.u32()) };
    }
    case 4: {
      const areas = [];
      let count = reader.u16();
      if (count > MASKS_MAX) throw new Malformed("too many masks");
      for (; count > 0; count -= 1) {
        const found = { x: reader.u16(), y: reader.u16(), w: reader.u16(), h: reader.u16() };
        const label = new TextDecoder().decode(reader.take(reader.u8()));
        areas.push({ ...found, label });
      }
      return { op: "masks", areas };
    }
    default:
      throw new Malformed("no such operation");
  }
}

/**
 * Puts parts together and decides what fits: pure, so that it can be tested without a browser.
 *
 * `take(part)` answers `{ update }` once the last part is here, `{ refresh: true }` when a whole
 * picture has to be asked for, and `{}` otherwise. After `refresh` it passes over everything until a
 * whole picture comes, so it asks once.
 */
export class Assembly {
  /** The number the picture will stand at when all that was handed out is drawn; 0: none. */
  #stands = 0;
  #asked = false;
  #parts = null;

  take(part) {
    if (part.part === 0) {
      this.#parts = null;
      const fits = part.base === 0 || (this.#stands !== 0 && part.base === this.#stands);
      if (!fits) return this.lose();
      this.#parts = { ...part, next: 0 };
      this.#parts.ops = [];
      this.#parts.bytes = 0;
      this.#parts.drawn = 0;
      this.#parts.images = 0;
    }
    const parts = this.#parts;
    if (parts === null) return this.lose();
    const same = ["number", "base", "width", "height"].every((name) => part[name] === parts[name]);
    parts.bytes += part.bytes;
    if (!same || part.part !== parts.next || parts.bytes > UPDATE_BYTES_MAX) return this.lose();
    if (parts.ops.length + part.ops.length > UPDATE_OPS_MAX) return this.lose();
    parts.next += 1;
    for (const op of part.ops) {
      const pixels = (op.w ?? 0) * (op.h ?? 0);
      parts.drawn += pixels;
      if (op.op === "image") parts.images += pixels;
      parts.ops.push(op);
    }
    const picture = parts.width * parts.height;
    if (parts.drawn > REDRAWS_MAX * picture || parts.images > IMAGES_MAX * picture) return this.lose();
    if (!part.last) return {};
    this.#parts = null;
    this.#stands = parts.number;
    if (parts.base === 0) this.#asked = false;
    const { number, base, width, height, stamp, ops } = parts;
    return { update: { number, base, width, height, stamp, ops } };
  }

  /** A beat names the update the picture should stand at: so one that was lost is noticed where no
   * other follows it, and what was asked for in vain is asked for again. */
  beat(number) {
    if (!this.#asked && number === this.#stands) return {};
    this.#asked = false;
    return this.lose();
  }

  /** What stands is not what it should be: forgets it and asks for a whole picture, once. */
  lose() {
    this.#parts = null;
    this.#stands = 0;
    if (this.#asked) return {};
    this.#asked = true;
    return { refresh: true };
  }

  /** Begins anew: on another connection a whole picture comes without being asked for. */
  forget() {
    this.#parts = null;
    this.#stands = 0;
    this.#asked = false;
  }
}

/**
 * Draws what a session sends on a canvas.
 *
 * `to` is told: `say(buffer)` what goes to the server, `drawn(update)`, `masks(areas)`,
 * `status(word)`, `heard()` at everything that arrives.
 */
export class Picture {
  #canvas;
  #context;
  /** Where areas are held while they are copied. */
  #aside = null;
  #session;
  #to;
  #assembly = new Assembly();
  /** Ends when everything handed out so far is drawn. */
  #queue = Promise.resolve();
  #queued = 0;
  #queuedBytes = 0;
  /** Pixels that are decoded, or being decoded, and not drawn yet. */
  #ahead = 0;
  /** Grows when what is queued is of no use any more. */
  #epoch = 0;
  #timer = null;
  #refreshedAt = -Infinity;

  constructor(canvas, session, to) {
    this.#canvas = canvas;
    this.#session = session;
    this.#to = to;
    this.#context = canvas.getContext("2d", { alpha: false, desynchronized: false });
    this.#context.imageSmoothingEnabled = false;
  }

  /** Takes one message of the server's. Those of another session are passed over. */
  take(buffer) {
    const found = unpack(buffer);
    if (found === null || found.session !== this.#session) return;
    this.#to.heard();
    let body;
    try {
      body = parse(found.body);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#refuse();
      return;
    }
    if (body.kind === "status") this.#to.status(body.status);
    if (body.kind === "beat") this.#decide(this.#assembly.beat(body.number));
    if (body.kind === "part") this.#decide(this.#assembly.take(body));
  }

  /** The connection was lost: a whole picture will come by itself on the next one. */
  interrupt() {
    this.#epoch += 1;
    this.#assembly.forget();
  }

  /** Ends, and leaves nothing of the picture behind. */
  close() {
    this.interrupt();
    clearTimeout(this.#timer);
    this.#canvas.width = 1;
    this.#canvas.height = 1;
    if (this.#aside !== null) Object.assign(this.#aside.canvas, { width: 1, height: 1 });
  }

  #decide({ update, refresh }) {
    if (refresh) this.#refresh();
    if (update) this.#apply(update);
  }

  #apply(update) {
    const epoch = this.#epoch;
    const images = update.ops.filter(({ op }) => op === "image");
    // With nothing to decode and nobody in front, there is nothing to wait for.
    if (images.length === 0 && this.#queued === 0) {
      this.#draw(update, new Map());
      return;
    }
    const bytes = images.reduce((sum, image) => sum + image.bytes.length, 0);
    if (this.#queued >= QUEUE_MAX || this.#queuedBytes + bytes > UPDATE_BYTES_MAX) {
      this.#refuse();
      return;
    }
    this.#queued += 1;
    this.#queuedBytes += bytes;
    const pixels = images.reduce((sum, { w, h }) => sum + w * h, 0);
    const decode = () => {
      this.#ahead += pixels;
      return decodeImages(images);
    };
    // Whether it failed is looked at in turn.
    let decoding = this.#ahead + pixels <= AHEAD_MAX ? decode() : null;
    this.#queue = this.#queue.then(async () => {
      // What is of no use any more need not be decoded.
      if (decoding === null && epoch === this.#epoch) decoding = decode();
      const { bitmaps = [], failed = false } = (await decoding) ?? {};
      try {
        if (epoch !== this.#epoch) return;
        if (failed) this.#refuse();
        else this.#draw(update, new Map(images.map((image, at) => [image, bitmaps[at]])));
      } catch {
        if (epoch === this.#epoch) this.#refuse();
      } finally {
        for (const bitmap of bitmaps) bitmap.close();
        if (decoding !== null) this.#ahead -= pixels;
        this.#queued -= 1;
        this.#queuedBytes -= bytes;
      }
    });
  }

  #draw(update, bitmaps) {
    const canvas = this.#canvas;
    const context = this.#context;
    const { number, width, height } = update;
    if (update.base === 0) {
      clearTimeout(this.#timer);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        context.imageSmoothingEnabled = false;
      }
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
    }
    let masks = null;
    for (const op of update.ops) {
      switch (op.op) {
        case "copy":
          this.#copy(op);
          break;
        case "fill":
          context.fillStyle = op.colour;
          context.fillRect(op.x, op.y, op.w, op.h);
          break;
        case "image":
          context.drawImage(bitmaps.get(op), op.x, op.y);
          break;
        default:
          masks = op.areas;
      }
    }
    if (masks !== null || update.base === 0) this.#to.masks(masks ?? []);
    this.#to.say(signal(this.#session, number));
    this.#to.drawn(update);
  }

  /** By way of another canvas: one drawn onto itself is copied whole first, which takes four times
   * as long. */
  #copy({ x, y, w, h, fromX, fromY }) {
    const { width, height } = this.#canvas;
    if (this.#aside?.canvas.width !== width || this.#aside.canvas.height !== height) {
      const aside = Object.assign(document.createElement("canvas"), { width, height });
      this.#aside = aside.getContext("2d", { alpha: false });
      this.#aside.imageSmoothingEnabled = false;
    }
    this.#aside.drawImage(this.#canvas, fromX, fromY, w, h, 0, 0, w, h);
    this.#context.drawImage(this.#aside.canvas, 0, 0, w, h, x, y, w, h);
  }

  /** Something could not be read or drawn: what follows it cannot be drawn either. */
  #refuse() {
    this.#epoch += 1;
    this.#decide(this.#assembly.lose());
  }

  /** Asks for a whole picture; not again and again for one that cannot be drawn. */
  #refresh() {
    const wait = this.#refreshedAt + REFRESH_AGAIN_MS - performance.now();
    clearTimeout(this.#timer);
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#refresh(), wait);
      return;
    }
    this.#refreshedAt = performance.now();
    this.#to.say(signal(this.#session));
  }
}

/**
 * The size an image gives itself, or `null` if it is not of this type. As everywhere in the protocol,
 * a WebP is a plain lossless one.
 */
export function dimensions({ bytes, type }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reads = (at, text) => at + text.length <= bytes.length &&
    [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
  switch (type) {
    case "image/png":
      if (bytes.length < 24 || !reads(0, "\x89PNG\r\n\x1a\n") || !reads(12, "IHDR")) return null;
      return { width: view.getUint32(16), height: view.getUint32(20) };
    case "image/webp": {
      if (bytes.length < 25 || !reads(0, "RIFF") || !reads(8, "WEBPVP8L") || bytes[20] !== 0x2f) return null;
      const sides = view.getUint32(21, true);
      return { width: (sides & 0x3fff) + 1, height: (sides >>> 14 & 0x3fff) + 1 };
    }
    default: {
      if (!reads(0, "\xff\xd8")) return null;
      // Segments, each with its length, up to the one of the frame.
      for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
        const marker = bytes[at + 1];
        if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
          return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
        }
      }
      return null;
    }
  }
}

// Decoding.
//
// `ImageDecoder` decodes a small image in a fifth of the time `createImageBitmap` takes, and is not
// everywhere. What it hands out is a video frame, and a browser may take a frame through colour
// conversions on its way to a canvas. So it is used only where a row of all levels of every channel
// comes out of it unchanged, and never for JPEG, whose colours are a frame's own kind of colours.

/** A PNG of 256 pixels in a row; the pixel at x is `(x, 13 + 167 x, 200 + 91 x)`, modulo 256. */
const LEVELS = "iVBORw0KGgoAAAANSUhEUgAAAQAAAAABCAIAAAC+O+cgAAAAFElEQVR42mNk4D3BuDx6FI2ikYkAOf4C46fbN08AAAAASUVORK5CYII=";

let framesAreExact = false;

/** Whether pictures can be decoded by way of frames; looked at once, when the page begins. */
async function checkFrames() {
  const bytes = Uint8Array.from(atob(LEVELS), (char) => char.charCodeAt(0));
  const frame = await decodeFrame({ bytes, type: "image/png" });
  const context = new OffscreenCanvas(256, 1).getContext("2d", { alpha: false });
  context.drawImage(frame, 0, 0);
  frame.close();
  const { data } = context.getImageData(0, 0, 256, 1);
  return data.every((value, at) => {
    const x = at >> 2;
    return value === [x, (13 + 167 * x) % 256, (200 + 91 * x) % 256, 255][at & 3];
  });
}

if (typeof ImageDecoder === "function" && typeof OffscreenCanvas === "function") {
  // Not while the page begins: until it is known, the other way is as exact.
  const idle = globalThis.requestIdleCallback ?? ((what) => setTimeout(what, 200));
  idle(() => checkFrames().then((exact) => {
    framesAreExact = exact;
  }).catch(() => {}));
}

async function decodeFrame({ bytes, type }) {
  const decoder = new ImageDecoder({ data: bytes, type, colorSpaceConversion: "none" });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

/** Decodes images at the same time; never throws, and leaves none behind if one of them fails. */
async function decodeImages(images) {
  const all = await Promise.allSettled(images.map(decodeImage));
  const bitmaps = all.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
  return { bitmaps, failed: bitmaps.length < images.length };
}

/** Decodes one image to exactly the pixels that were encoded. */
async function decodeImage(op) {
  // Before anything is made of it: a few bytes may say that they are a very large image.
  const said = dimensions(op);
  if (said === null || said.width !== op.w || said.height !== op.h) {
    throw new Malformed("an image has another size than its area");
  }
  const image = framesAreExact && op.type !== "image/jpeg" ? await decodeFrame(op)
    : await createImageBitmap(new Blob([op.bytes], { type: op.type }), { colorSpaceConversion: "none" });
  const width = image.displayWidth ?? image.width;
  const height = image.displayHeight ?? image.height;
  if (width !== op.w || height !== op.h) {
    image.close();
    throw new Malformed("an image has another size than its area");
  }
  return image;
}
