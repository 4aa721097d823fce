import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal, strikeOut } from "./journal-file.ts";
import { pauseAfter } from "./replay.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function del(sandbox: string, stdin = "{}") {
  const env = { CNI_COMMAND: "DEL", CNI_CONTAINERID: sandbox, CNI_IFNAME: "net1" };
  return { plugin: "whereabouts", timeout: 10_000, env, stdin };
}

describe("the journal", () => {
  const path = () => join(folder, "state/journal.db");

  test("what was added is there after a restart, once for each attachment, and readable by its owner only", () => {
    const journal = openJournal(path());
    journal.add(del("a"), "away", 10);
    journal.add(del("a"), "still away", 20);
    journal.add(del("b"), "away", 30);
    journal.close();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "state")).mode & 0o777).toBe(0o700);

    const again = openJournal(path());
    const entries = again
      .first(10)
      .map(({ call, accepted, error }) => [call.env.CNI_CONTAINERID, accepted, error]);
    expect(entries).toEqual([
      ["a", 20, "still away"],
      ["b", 30, "away"],
    ]);
    expect(again.of(del("a")).map(({ call }) => call.stdin)).toEqual(["{}"]);
    again.close();
  });

  test("entries come when they are due, and go when they are done", () => {
    const journal = openJournal(path());
    expect(journal.nextDue()).toBeUndefined();
    journal.add(del("a"), "away", 10);
    journal.add(del("b"), "away", 20);
    const [first] = journal.due(15, 10);
    expect(first?.call.env.CNI_CONTAINERID).toBe("a");
    journal.postpone(first?.id ?? 0, 500, "away again");
    expect(journal.nextDue()).toBe(20);
    expect(journal.due(499, 10).map(({ call }) => call.env.CNI_CONTAINERID)).toEqual(["b"]);
    expect(journal.due(500, 10).find(({ id }) => id === first?.id)).toMatchObject({
      attempts: 1,
      error: "away again",
    });
    journal.remove(first?.id ?? 0);
    expect([journal.has(first?.id ?? 0), journal.depth()]).toEqual([false, 1]);
    journal.close();
  });

  test("a clock that is set back by hours holds nothing up", () => {
    const journal = openJournal(path());
    const hour = 3_600_000;
    journal.add(del("a"), "away", 2 * hour);
    expect(journal.due(hour, 10)).toEqual([]);
    expect(journal.due(hour, 10, hour + 300_000).map(({ call }) => call.env.CNI_CONTAINERID)).toEqual(["a"]);
    journal.close();
  });

  test("an ADD without the agent strikes out what is owed for its attachment, and nothing else", () => {
    const journal = openJournal(path());
    journal.add(del("a"), "away", 10);
    journal.add(del("b"), "away", 10);
    strikeOut(path(), del("a"));
    strikeOut(join(folder, "none.db"), del("a"));
    expect(journal.first(10).map(({ call }) => call.env.CNI_CONTAINERID)).toEqual(["b"]);
    journal.close();
  });

  test("pauses grow to five minutes, and are spread", () => {
    expect([0, 1, 2, 30].map((attempts) => pauseAfter(attempts, () => 1))).toEqual([
      1000, 2000, 4000, 300_000,
    ]);
    expect(pauseAfter(3, () => 0)).toBe(4000);
  });
});
