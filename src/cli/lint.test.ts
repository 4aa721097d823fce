import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runLint } from "./lint.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-lint-"));
  writeFileSync(join(folder, "good.conf"), '{"ipam": {"type": "dhcp"}}');
  writeFileSync(join(folder, "warned.conf"), '{"ipam": {"type": "dhcp", "foo": 1}}');
  writeFileSync(join(folder, "bad.conf"), '{"ipam": {"type": "static", "addresses": 5}}');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(args: string[], stdin = ""): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runLint(
    args.map((arg) => (arg.endsWith(".conf") ? join(folder, arg) : arg)),
    {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      stdin: async () => stdin,
    },
  );
  return { code, out: out.replaceAll(`${folder}/`, ""), err: err.replaceAll(`${folder}/`, "") };
}

describe("berth lint", () => {
  test("exit codes", async () => {
    expect((await run(["good.conf"])).code).toBe(0);
    expect((await run(["warned.conf"])).code).toBe(0);
    expect((await run(["bad.conf"])).code).toBe(1);
    expect((await run(["good.conf", "bad.conf"])).code).toBe(1);
    expect((await run(["bad.conf", "missing.conf"])).code).toBe(2);
    expect((await run([])).code).toBe(2);
    expect((await run(["--flt", "good.conf"])).code).toBe(2);
    expect((await run(["-o", "yaml", "good.conf"])).code).toBe(2);
    expect((await run(["--help"])).code).toBe(0);
  });

  test("text", async () => {
    expect((await run(["bad.conf", "good.conf"])).out).toBe(
      "bad.conf:1:42: error ipam.addresses: 5 has the wrong type (a list is wanted)\n" +
        "bad.conf: 1 error, 0 warnings in 1 document\n" +
        "good.conf: 0 errors, 0 warnings in 1 document\n",
    );
    expect((await run(["missing.conf"])).err).toContain("missing.conf");
    expect((await run(["--flt", "x"])).err).toContain('did you mean "--flat"?');
  });

  test("standard input and JSON", async () => {
    const { code, out } = await run(["-o", "json", "-"], "kind: Pod\napiVersion: v1\nmetadata: {name: n}\n");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      files: [
        {
          file: "standard input",
          documents: [{ kind: "Pod", line: 1 }],
          issues: [{ code: "invalid_type", line: 3 }],
        },
      ],
    });
  });

  test("a flat file", async () => {
    expect((await run(["--flat", "-"], '{"range": "x"}')).out).toContain("standard input:1:11: error range:");
  });
});
