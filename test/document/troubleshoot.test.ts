import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AllocationError } from "../../src/allocation/claim.ts";
import { ISSUE_CODES, type IssueCode } from "../../src/config/index.ts";
import type { Problem } from "../../src/operator/plan.ts";
import type { RenderCode } from "../../src/operator/report.ts";
import type { StoreError } from "../../src/store/store.ts";

/** docs/troubleshoot.md tells of every code, and of none that is not there. The types make these tables complete. */
const STORE: Record<StoreError["code"] | AllocationError["code"], true> = {
  store_busy: true,
  store_unavailable: true,
  store_forbidden: true,
  store_unauthorized: true,
  store_untrusted: true,
  store_not_installed: true,
  store_misconfigured: true,
  store_conflict: true,
  store_full: true,
  store_no_slice: true,
  store_fenced: true,
  store_corrupt: true,
  store_version: true,
  store_bug: true,
  pool_exhausted: true,
  address_taken: true,
  address_elsewhere: true,
  slices_exhausted: true,
};
const NETWORK: Record<Exclude<RenderCode, IssueCode>, true> = {
  missing_name: true,
  invalid_name: true,
  duplicate_name: true,
  json_syntax: true,
  yaml_syntax: true,
  unknown_network_type: true,
  unknown_ipam_type: true,
  unknown_macvlan_mode: true,
  value_case: true,
  empty_file: true,
  wrong_kind: true,
};
const REASONS: Record<Problem["reason"], true> = {
  NamespaceMissing: true,
  MadeByOthers: true,
  Failed: true,
  Forbidden: true,
  CannotRead: true,
  Contested: true,
};
const VERDICTS = ["AsWanted", "Running", "NothingNeeded", "Starting", "EntryBroken"];

const page = readFileSync(join(import.meta.dirname, "../../docs/troubleshoot.md"), "utf8");

/** The codes in the first column of a section's table. */
function codesOf(section: string): string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, code = ""]) => code),
  );
}

test.each<[string, readonly string[]]>([
  ["Configuration", Object.keys(ISSUE_CODES)],
  ["Stores", Object.keys(STORE)],
  ["Network object", Object.keys(NETWORK)],
  ["Conditions", [...Object.keys(REASONS), ...VERDICTS]],
])("%s", (section, codes) => {
  expect(codesOf(section).toSorted()).toEqual(codes.toSorted());
});
