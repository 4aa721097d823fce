import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { acquire } from "../../src/store/contract.ts";
import { commit, Host } from "./fixture.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

let host: Host;
beforeEach(async () => {
  host = await Host.make();
});
afterEach(() => host.dispose());

/** `berth` on a terminal of its own; `until` waits for what it shows. */
function onTerminal(args: readonly string[], env: Record<string, string> = {}) {
  let screen = "";
  let look: () => void = () => undefined;
  const child = Bun.spawn([process.execPath, MAIN, ...args, "--database", host.database], {
    env: { PATH: process.env.PATH ?? "", TERM: "xterm-256color", ...env },
    terminal: {
      cols: 160,
      rows: 40,
      data: (_, bytes) => {
        screen += Buffer.from(bytes).toString();
        look();
      },
    },
  });
  const until = (pattern: RegExp) =>
    new Promise<string>((resolve) => {
      look = () => {
        if (pattern.test(screen)) resolve(screen);
      };
      look();
    });
  return { child, until, screen: () => screen };
}

test("colours on a terminal, none with NO_COLOR", async () => {
  const coloured = onTerminal(["pools"]);
  await coloured.until(/fd57::\/64/);
  expect(await coloured.child.exited).toBe(0);
  expect(coloured.screen()).toContain("\x1b[31m100%\x1b[0m");
  const plain = onTerminal(["pools"], { NO_COLOR: "1" });
  await plain.until(/fd57::\/64/);
  await plain.child.exited;
  expect(plain.screen()).not.toContain("\x1b[");
});

test("progress of long work on a terminal, and gone when it is done; none elsewhere", async () => {
  const to = ["migrate", "--to-database", join(host.folder, "copy.db"), "--yes"];
  const copy = onTerminal(to);
  await copy.until(/8 are in the new store, 0 are missing/);
  expect(await copy.child.exited).toBe(0);
  expect(copy.screen().replaceAll("\r\x1b[K", "|")).toMatch(/\|0 of \d attachments copied\|/);
  const plain = host.run(...to, "--database", host.database);
  expect(plain.stderr).not.toContain("attachments copied");
});

test("--watch shows a change in place, and ends well on Ctrl-C", async () => {
  const watch = onTerminal(["pools", "--watch"]);
  await watch.until(/10\.56\.0\.0\/24 +254 +4 /);
  const store = host.store();
  await commit(store, [acquire("10.56.0.0/24", { pod: "new" })]);
  store.close();
  expect(await watch.until(/10\.56\.0\.0\/24 +254 +5 /)).toContain("\x1b[H\x1b[J");
  watch.child.terminal?.write("\x03");
  expect(await watch.child.exited).toBe(0);
});
