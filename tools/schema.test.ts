import { expect, test } from "bun:test";
import { join } from "node:path";

test("docs/schema is what the schemas of src/config render to", () => {
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    join(import.meta.dirname, "schema.ts"),
    "--check",
  ]);
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
});
