import { expect, test } from "bun:test";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { SWITCHES } from "../../src/cli/completion.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

async function helpOf(name: string): Promise<{ exit: number; text: string }> {
  const child = Bun.spawn([process.execPath, MAIN, name, "--help"], { stderr: "inherit" });
  return { text: await new Response(child.stdout).text(), exit: await child.exited };
}

/** Options of a help: what stands at the beginning of its lines. */
function optionsIn(text: string): string[] {
  const lines = text.split("\n").filter((line) => /^ {2}-/.test(line));
  return lines.flatMap((line) => {
    const head = line.trim().split(/ {2,}/)[0] ?? "";
    return [...head.matchAll(/(?:^|[ ,])--?([a-z][a-z-]+)/g)].map(([, name]) => `--${name}`);
  });
}

test.each(COMMANDS.map(({ name, flags }) => [name, flags] as const))(
  "berth %s --help: usage, exit codes, and just the options that completion offers",
  async (name, flags) => {
    const { exit, text } = await helpOf(name);
    expect(exit).toBe(0);
    expect(text).toStartWith(`usage: berth ${name}`);
    expect(text).toContain("Exit codes: 0");
    expect(optionsIn(text).toSorted()).toEqual([...new Set(flags)].toSorted());
  },
);

test("every switch is an option of some command", () => {
  const all = new Set(COMMANDS.flatMap(({ flags }) => flags));
  expect([...SWITCHES].filter((name) => !all.has(name))).toEqual([]);
});
