import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SliceJournalFiles, storesWithSlices } from "./journal-file.ts";

const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "berth-slices-"));
  folders.push(made);
  return made;
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

test("what was written is there after the process has ended, and which store it is of", () => {
  const at = join(folder(), "state");
  expect(storesWithSlices(at)).toEqual([]);
  const choice = { kind: "kubernetes", kubeconfig: "/etc/k.conf", context: "blue" } as const;
  const journals = new SliceJournalFiles(at, choice);
  expect(journals.exists("store")).toBe(false);
  const journal = journals.open("store");
  const row = { pool: "node-a-10.5.0.0-28", offset: "1", former: [], overlapCheck: true, version: "7" };
  const held = { id: "sandbox", podref: "default/p", ifname: "net1" };
  const grant = {
    network: "net",
    networkName: "",
    node: "node-a",
    range: "10.5.0.0/24",
    slice: "10.5.0.0/28",
  };
  journal.write(
    [
      { ...row, held },
      { ...row, offset: "2" },
    ],
    [],
  );
  journal.write([], [{ pool: row.pool, offset: "2" }]);
  journal.keepGrants([
    { ...grant, confirmed: 5 },
    { ...grant, confirmed: 0, returning: true },
  ]);
  journal.close();
  const again = journals.open("store");
  expect(again.rows()).toEqual([{ ...row, held }]);
  expect(again.grants()).toEqual([
    { ...grant, confirmed: 5 },
    { ...grant, confirmed: 0, returning: true },
  ]);
  again.close();
  expect(storesWithSlices(at)).toEqual([choice]);
  expect(statSync(at).mode & 0o777).toBe(0o700);
});

test("a file that does not say which store it is of keeps nobody from starting", () => {
  const at = folder();
  for (const [name, text] of [
    ["a", "{"],
    ["b", "null"],
    ["c", '{"kind":"sqlite","path":"/x"}'],
    ["d", ""],
  ])
    writeFileSync(join(at, `slices-${name}.db.store`), text ?? "");
  expect(storesWithSlices(at)).toEqual([]);
});
