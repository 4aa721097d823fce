import type { Finding } from "../inspect/findings.ts";
import { formatCidr, parseCidr } from "../ip/cidr.ts";
import type { NodeSlicePool } from "../kube/objects.ts";
import { caseRecord, WHY } from "./describe.ts";
import type { Case, Remark, Survey } from "./survey.ts";

/** What a survey of a cluster says, as findings for `berth check`. */
export function findingsOfSurvey({ cases, remarks }: Survey): Finding[] {
  return [...remarks.map(ofRemark), ...cases.map(ofCase)];
}

const REPAIR = "berth reconcile --once, or berth check --repair --yes";

function ofCase(one: Case): Finding {
  const { address, pod, object, why } = caseRecord(one, "would");
  if (one.kind === "stranded") {
    const message = `${address} of ${object} is recorded for ${pod || "a reservation"}: ${WHY[why]}`;
    return { severity: "warning", code: "stranded", subject: address, message, hint: REPAIR };
  }
  if (one.kind === "loose") {
    const message = `the reservation ${object} of ${pod} has no allocation`;
    const code = "reservation_without_allocation";
    return { severity: "warning", code, subject: object, message, hint: REPAIR };
  }
  const message = `${address} of ${pod} in ${object} has no reservation, so an overlapping range may hand it out again`;
  const code = "allocation_without_reservation";
  return { severity: "error", code, subject: address, message, hint: REPAIR };
}

function ofRemark({ code, subject, message }: Remark): Finding {
  switch (code) {
    case "address_twice":
      return { severity: "error", code, subject, message, hint: "restart one of the two pods" };
    case "node_down": {
      const hint = "bring the node back, delete it, or taint it node.kubernetes.io/out-of-service";
      return { severity: "warning", code, subject, message, hint };
    }
    case "unreadable": {
      const hint = "correct or delete the object";
      return { severity: "error", code, subject: subject || "objects", message, hint };
    }
    case "no_owner":
    case "reservation_unknown": {
      const hint = "find out who uses it; berth release frees an address";
      return { severity: "warning", code: "owner_unknown", subject, message, hint };
    }
  }
}

/** What is wrong with the slices of nodes. `nodes`: the names of all. */
export function sliceFindings(pools: readonly NodeSlicePool[], nodes: ReadonlySet<string>): Finding[] {
  const found: Finding[] = [];
  const add = (subject: string, message: string, hint: string) =>
    found.push({ severity: "error", code: "slice_wrong", subject, message, hint });
  for (const { metadata, spec, status } of pools) {
    const { name } = metadata;
    const range = parseCidr(String(spec.range), "sloppy");
    if (!range.ok) {
      add(
        name,
        `the slice pool ${name} has the range ${JSON.stringify(spec.range)}, which is no network`,
        "correct it",
      );
      continue;
    }
    const slices: { first: bigint; last: bigint; text: string }[] = [];
    for (const { nodeName, sliceRange } of status?.allocations ?? []) {
      const slice = parseCidr(String(sliceRange), "sloppy");
      if (!slice.ok) {
        add(
          name,
          `the slice pool ${name} has the slice ${JSON.stringify(sliceRange)}, which is no network`,
          "correct it",
        );
        continue;
      }
      const { family, base, prefix } = slice.value;
      const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix);
      const text = formatCidr(slice.value);
      const isInside =
        family === range.value.family &&
        prefix >= range.value.prefix &&
        base >> BigInt((family === 4 ? 32 : 128) - range.value.prefix) ===
          range.value.base >> BigInt((family === 4 ? 32 : 128) - range.value.prefix);
      if (!isInside)
        add(name, `the slice ${text} lies outside ${formatCidr(range.value)} of ${name}`, "delete the slice");
      const other = slices.find(({ first, last }) => first < base + size && base <= last);
      if (other) add(name, `the slices ${other.text} and ${text} of ${name} overlap`, "delete one of them");
      slices.push({ first: base, last: base + size - 1n, text });
      if (nodeName !== "" && !nodes.has(nodeName))
        found.push({
          severity: "warning",
          code: "slice_wrong",
          subject: name,
          message: `the slice ${text} of ${name} is that of the node ${nodeName}, which does not exist`,
          hint: "the controller takes it back once no pod of that node holds an address",
        });
    }
  }
  return found;
}
