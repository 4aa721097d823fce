import { formatAddress } from "../ip/address.ts";
import type { Mended } from "./mender.ts";
import { type Case, type FreedBecause, recordedOwner } from "./survey.ts";

/** A case for people and for machines; keys stay. */
export type CaseRecord = {
  readonly action: "free" | "delete_reservation" | "create_reservation";
  readonly address: string;
  readonly pod: string;
  readonly interface: string;
  readonly node: string;
  /** The pool object, or the reservation. */
  readonly object: string;
  readonly why: FreedBecause | "no_allocation" | "no_reservation";
  readonly outcome: "would" | "waiting" | Mended["kind"];
};

export function caseRecord(one: Case, outcome: CaseRecord["outcome"]): CaseRecord {
  if (one.kind === "loose") {
    const { metadata, spec } = one.object;
    return {
      action: "delete_reservation",
      address: "",
      pod: String(spec.podref),
      interface: spec.ifname ?? "",
      node: spec.node ?? "",
      object: metadata.name,
      why: "no_allocation",
      outcome,
    };
  }
  const { record, entry } = one.held;
  const { podref, node } = recordedOwner(entry.allocation);
  return {
    action: one.kind === "stranded" ? "free" : "create_reservation",
    address: formatAddress(entry.address),
    pod: podref,
    interface: entry.allocation.ifname ?? "",
    node,
    object: record.name,
    why: one.kind === "stranded" ? one.why : "no_reservation",
    outcome,
  };
}

/** What `why` means, for people. */
export const WHY: Record<CaseRecord["why"], string> = {
  pod_gone: "the pod is gone",
  pod_replaced: "another pod has its name",
  pod_ended: "the pod has ended",
  reservation_expired: "its time has ended",
  no_allocation: "no allocation stands behind it",
  no_reservation: "a live pod's address without reservation",
};
