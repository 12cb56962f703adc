// Pictures as bytes: read back from the page, compared, and written down where they differ.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PNG } from "pngjs";
import { PATIENCE_MS, ROOT } from "./stage.mjs";

export const ARTEFACTS = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "browser");

/** What is on the canvas: `{ width, height, pixels }`. */
export async function shown(page) {
  const { width, height, base64 } = await page.locator("canvas").evaluate((canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 32_768) {
      text += String.fromCharCode(...data.subarray(at, at + 32_768));
    }
    return { width, height, base64: btoa(text) };
  });
  return { width, height, pixels: Buffer.from(base64, "base64") };
}

/** How many pixels differ; all of them if the sizes do. `leaveOut(x, y)` is not looked at. */
export function differing(a, b, leaveOut = () => false) {
  if (a.width !== b.width || a.height !== b.height) return Math.max(a.width * a.height, b.width * b.height);
  const [left, right] = [words(a), words(b)];
  let count = 0;
  for (let at = 0; at < left.length; at += 1) {
    // The fourth byte means nothing in a frame.
    if (((left[at] ^ right[at]) & 0x00ff_ffff) !== 0 && !leaveOut(at % a.width, Math.floor(at / a.width))) count += 1;
  }
  return count;
}

function words({ pixels }) {
  const bytes = Uint8Array.from(pixels);
  return new Uint32Array(bytes.buffer);
}

/** Waits until the canvas shows what the visitor's app shows, with what is masked covered: not one
 * pixel differs. Returns the picture. */
export async function showsExactly(page, visitor, what = "the picture") {
  const wanted = await visitor.seen();
  return showsPicture(page, () => wanted, what);
}

/** Waits until the canvas shows exactly what is wanted then; `leaveOut(x, y)` is not looked at. */
export async function showsPicture(page, want, what, leaveOut) {
  const late = Date.now() + PATIENCE_MS;
  for (;;) {
    const wanted = await want();
    const found = await shown(page);
    const count = differing(found, wanted, leaveOut);
    if (count === 0) return found;
    if (Date.now() > late) {
      await keepPicture(`${what}-wanted`, wanted);
      await keepPicture(`${what}-found`, found);
      assert.fail(
        `${what}: ${count} pixels differ; wanted ${wanted.width}x${wanted.height}, ` +
          `found ${found.width}x${found.height}; both are in ${ARTEFACTS}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The colour of one pixel. */
export function pixel({ width, pixels }, x, y) {
  return [...pixels.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
}

export async function keepPicture(name, { width, height, pixels }) {
  const png = new PNG({ width, height });
  pixels.copy(png.data);
  for (let at = 3; at < png.data.length; at += 4) png.data[at] = 255;
  await keep(`${name.replaceAll(/[^a-z0-9]+/gi, "-")}.png`, PNG.sync.write(png));
}

export async function keep(name, bytes) {
  await mkdir(ARTEFACTS, { recursive: true });
  await writeFile(join(ARTEFACTS, name), bytes);
}
