import * as v from "valibot";
import type { Attachment } from "../../cni/attachments.ts";
import { sandboxClientId } from "../../dhcp/client-id.ts";
import type { Lease } from "../../dhcp/lease.ts";
import { leaseFromJson, leaseToJson, shiftLease } from "../../dhcp/lease-text.ts";
import { type Family, formatAddress } from "../../ip/address.ts";
import type { LogFields } from "../../log.ts";
import type { InterfaceRef } from "../../netns/interface.ts";
import { err, ok, type Result } from "../../result.ts";

/** One lease of one interface as the journal keeps it: all that is needed to hold, extend and give it back. Bytes are in hex. */
const RECORD = v.object({
  sandbox: v.string(),
  ifname: v.string(),
  family: v.picklist([4, 6]),
  network: v.string(),
  pod: v.string(),
  /** Of the pod, where the runtime says it. */
  uid: v.exactOptional(v.string()),
  netns: v.string(),
  /** Of the namespace, and the number of the interface in it. */
  identity: v.string(),
  index: v.number(),
  /** The interface of the node that reaches the same network (`Interface.parent`). */
  parent: v.exactOptional(v.string()),
  mac: v.string(),
  /** DHCPv4: option 61. DHCPv6: the DUID. */
  client: v.string(),
  hostName: v.string(),
  request: v.pipe(
    v.array(v.object({ option: v.number(), skipDefault: v.exactOptional(v.boolean()) })),
    v.readonly(),
  ),
  provide: v.record(v.string(), v.string()),
  broadcast: v.boolean(),
  probe: v.boolean(),
  probeTiming: v.exactOptional(v.picklist(["fast", "rfc5227"])),
  onChange: v.picklist(["apply", "fail"]),
  priority: v.exactOptional(v.number()),
  /** The MAC address that the server's last answer came from: its own, or that of a relay. */
  via: v.exactOptional(v.string()),
  /** Milliseconds since 1970. */
  since: v.number(),
  /** `leaseToJson`, in wall time; absent while there is none any more. */
  lease: v.exactOptional(v.string()),
  /** What a server was asked for and may have given: written before the question, gone with the answer. */
  intent: v.exactOptional(v.string()),
  /** Why there is none, or why it is not what the pod was given. */
  trouble: v.exactOptional(v.string()),
});

type Stored = v.InferOutput<typeof RECORD>;
export type LeaseRecord = Omit<Stored, "lease" | "intent"> & {
  readonly family: Family;
  readonly lease?: Lease;
  readonly intent?: Lease;
};

/** Whether the server knows the lease by an identifier that no other sandbox has. */
export function isKnownBySandbox({ sandbox, network, ifname, client }: LeaseRecord): boolean {
  return client === sandboxClientId(sandbox, network, ifname).toHex();
}

/** What the record's lease is of. */
export function attachmentOf({ sandbox, ifname }: LeaseRecord): Attachment {
  return { containerId: sandbox, ifname };
}

/** Where the interface of a record is. */
export function refOf({ netns, identity, index }: LeaseRecord): InterfaceRef {
  return { netns, identity, index };
}

/** Which lease it is, for the log. */
export function aboutOf({ sandbox, ifname, network, pod, family }: LeaseRecord): LogFields {
  return { sandbox, ifname, network, ...(pod && { pod }), family };
}

/** What a lease gives and who gives it, for the log. */
export function aboutLease({ address, server }: Lease): {
  readonly address: string;
  readonly server: string;
} {
  return { address: formatAddress(address.address), server: formatAddress(server) };
}

/** Never had a lease, and a server was asked for one: no answer of that ADD has left. */
export function isCutOff({ lease, intent, trouble }: LeaseRecord): boolean {
  return lease === undefined && intent !== undefined && trouble === undefined;
}

/** `shift` is what wall time shows more than the time of the lease, in milliseconds. */
export function recordToJson({ lease, intent, ...rest }: LeaseRecord, shift: number): string {
  const stored: Stored = {
    ...rest,
    ...(lease && { lease: leaseToJson(shiftLease(lease, shift)) }),
    ...(intent && { intent: leaseToJson(shiftLease(intent, shift)) }),
  };
  return JSON.stringify(stored);
}

/** Reads what `recordToJson` wrote; the error says what is wrong with it. */
export function recordFromJson(text: string, shift: number): Result<LeaseRecord, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return err("not JSON");
  }
  const read = v.safeParse(RECORD, parsed, { abortEarly: true });
  if (!read.success) return err(`${v.getDotPath(read.issues[0]) ?? "record"}: ${read.issues[0].message}`);
  const { lease: held, intent: asked, ...rest } = read.output;
  const lease = held === undefined ? ok(undefined) : leaseFromJson(held);
  const intent = asked === undefined ? ok(undefined) : leaseFromJson(asked);
  if (!lease.ok) return err(`lease: ${lease.error.hint}`);
  if (!intent.ok) return err(`intent: ${intent.error.hint}`);
  return ok({
    ...rest,
    ...(lease.value && { lease: shiftLease(lease.value, -shift) }),
    ...(intent.value && { intent: shiftLease(intent.value, -shift) }),
  });
}
