// A real X server with programs that draw, shared by `coview share --screen x11`: what the agent
// sees is, pixel by pixel, what a capture of that display by another program is.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Desk, launch, until } from "../lib/console.mjs";
import { differing, keepPicture, pixel, showsPicture } from "../lib/picture.mjs";
import { ROOT, Stage } from "../lib/stage.mjs";

const COVIEW = process.env.COVIEW ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "debug/coview");
const WIDTH = 1000;
const HEIGHT = 640;

// The pointer begins in the middle and nobody moves it. A capture by xwd is without it.
const pointer = (x, y) => Math.abs(x - WIDTH / 2) <= 16 && Math.abs(y - HEIGHT / 2) <= 16;

display("an X display with programs that draw: but for the pointer no pixel differs from a capture by xwd", [], async ({ desk, env, clock, start }) => {
  const xwd = () => capture(env);
  // A clock that is stopped with all its hands in place.
  clock.kill("SIGSTOP");
  const found = await showsPicture(desk.page, xwd, "x11", pointer);
  assert.ok(new Set(words(found)).size > 20, "there is something to see");
  assert.notEqual(differing(found, await capture(env)), 0, "the pointer is seen");
  await keepPicture("x11-picture", found);
  await desk.shoot("x11");

  clock.kill("SIGCONT");
  const other = start("xterm", ["-geometry", "60x10+200+360", "-e", "sh", "-c", "ls -l /; sleep 600"], { env });
  await until("another window is there", async () => differing(await capture(env), found), (count) => count > 10_000);
  clock.kill("SIGSTOP");
  await showsPicture(desk.page, xwd, "x11-another-window", pointer);
  other.kill();
  await until("the other window is gone", async () => differing(await capture(env), found), (count) => count < 10_000);
  await showsPicture(desk.page, xwd, "x11-window-gone", pointer);
});

const MASK = { x: 30, y: 40, width: 200, height: 50 };

display("what is masked on an X display is not seen", ["--mask", "30,40,200x50:Secret lines"], async ({ desk, env, clock }) => {
  clock.kill("SIGSTOP");
  const masked = (x, y) => x >= MASK.x && x < MASK.x + MASK.width && y >= MASK.y && y < MASK.y + MASK.height;
  const found = await showsPicture(desk.page, () => capture(env), "x11-masked", (x, y) => pointer(x, y) || masked(x, y));
  const colours = new Set();
  for (let y = MASK.y; y < MASK.y + MASK.height; y += 1) {
    for (let x = MASK.x; x < MASK.x + MASK.width; x += 1) colours.add(pixel(found, x, y).join());
  }
  assert.equal(colours.size, 1, "it is of one colour");
  await desk.reads("captions", "Secret lines");
  await desk.shoot("x11-masked");
});

/** A display with a terminal, a clock and eyes, shared by a visitor and watched by an agent. */
function display(name, options, play) {
  test(name, { timeout: 5 * 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "coview-x11-"));
    const started = [];
    const start = (program, args, options = {}) => {
      const child = spawn(program, args, { stdio: "ignore", ...options });
      child.on("error", (error) => (child.failed = error));
      started.push(child);
      return child;
    };
    const browser = await launch();
    const stage = await Stage.open();
    try {
      const env = { ...process.env, DISPLAY: await openDisplay(start) };
      const done = join(folder, "done");
      // It scrolls for a while, then nothing changes any more.
      const script = `i=0; while [ $i -lt 400 ]; do echo "line $i of what a real terminal prints: $((i * i))"; i=$((i + 1)); done; : > "${done}"; sleep 600`;
      start("xterm", ["-geometry", "90x34+10+10", "-T", "terminal", "-e", "sh", "-c", script], { env });
      const clock = start("xclock", ["-geometry", "200x200+720+20", "-update", "1"], { env });
      start("xeyes", ["-geometry", "200x120+720+260"], { env });
      await until("the terminal is through", () => existsSync(done));

      const { share, key } = await shareDisplay(start, env, stage, options);
      const desk = await Desk.open(browser, stage);
      await desk.atHome();
      await desk.join(key);
      await desk.sees("viewer");
      await play({ desk, env, clock, start });
      share.stdin.end();
      await desk.sees("ended");
      desk.clean();
    } finally {
      for (const child of started.reverse()) {
        child.kill("SIGCONT");
        child.kill("SIGKILL");
      }
      await browser.close();
      await stage.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** An X server on a display nobody has; it says which, after it has complained of those that are taken. */
async function openDisplay(start) {
  const args = ["-displayfd", "3", "-screen", "0", `${WIDTH}x${HEIGHT}x24`, "-nolisten", "tcp", "-ac"];
  const server = start("Xvfb", args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  let said = "";
  server.stdio[3].on("data", (data) => (said += data));
  await until("the X server says its display", () => {
    if (server.failed) throw server.failed;
    return said.endsWith("\n");
  });
  return `:${said.trim()}`;
}

async function shareDisplay(start, env, stage, more) {
  const args = ["share", "--json", "--server", `ws://${stage.address}`, "--group", stage.group, "--screen", "x11", "--fps", "30", ...more];
  const share = start(COVIEW, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  share.stdin.on("error", () => {});
  const lines = createInterface({ input: share.stdout });
  const said = [];
  lines.on("line", (line) => said.push(JSON.parse(line)));
  share.stdin.write("share\n");
  const { key } = await until("there is a key", () => said.find((event) => event.key) ?? (share.exitCode !== null && assert.fail(JSON.stringify(said))));
  return { share, key };
}

const words = ({ pixels }) => new Uint32Array(Uint8Array.from(pixels).buffer);

/** What `xwd` sees. It knows nothing of the pointer, which is no part of what a display draws. */
async function capture(env) {
  const xwd = spawn("xwd", ["-root", "-silent"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const chunks = [];
  xwd.stdout.on("data", (chunk) => chunks.push(chunk));
  const [code] = await once(xwd, "close");
  assert.equal(code, 0, "xwd");
  return readXwd(Buffer.concat(chunks));
}

/** An XWD file of a true colour display: header, colour map, rows of 32 bits a pixel. */
function readXwd(file) {
  const field = (at) => file.readUInt32BE(at * 4);
  const [headerBytes, version, , , width, height, , byteOrder] = Array.from({ length: 8 }, (_, at) => field(at));
  const [bits, rowBytes] = [field(11), field(12)];
  const [red, green, blue] = [field(14), field(15), field(16)];
  assert.deepEqual({ version, bits }, { version: 7, bits: 32 });
  const shifts = [red, green, blue].map((mask) => Math.clz32(mask & -mask) ^ 31);
  const start = headerBytes + field(19) * 12;
  const pixels = Buffer.alloc(width * height * 4, 255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = start + y * rowBytes + x * 4;
      const value = byteOrder === 0 ? file.readUInt32LE(at) : file.readUInt32BE(at);
      for (const [channel, shift] of shifts.entries()) pixels[(y * width + x) * 4 + channel] = (value >>> shift) & 255;
    }
  }
  return { width, height, pixels };
}
