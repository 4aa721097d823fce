import type { Claim } from "../../allocation/claim.ts";
import { type Owner, type Pod, podRef } from "../../allocation/owner.ts";
import type { Pool } from "../../allocation/pool.ts";
import { type Address, addressOf, bitsOf } from "../../ip/address.ts";
import type { IPAllocation } from "../../kube/objects.ts";

/** One allocation of a pool object: the address that its offset means, and the record just as the server has it. */
export type Entry = { readonly address: Address; readonly allocation: IPAllocation };

/**
 * The allocation that records a claim. What Go whereabouts does not know comes after its own fields; a CRD that
 * prunes them costs only what they are for: telling pods of one name apart, GC by node, and the age.
 */
export function allocationOf(claim: Claim): IPAllocation {
  const { owner, node, network, slot, since } = claim;
  return {
    id: owner.sandbox,
    podref: podRef(owner.pod),
    ifname: owner.ifname,
    ...(owner.pod.uid !== undefined && { uid: owner.pod.uid }),
    ...(node !== "" && { node }),
    ...(since > 0 && { since: new Date(since).toISOString() }),
    ...(network !== "" && { network }),
    ...(slot >= 0 && { slot }),
  };
}

/** The claim that an entry records. What the record lacks is "" (node, network), -1 (slot) or 0 (since). */
export function claimOf(pool: Pool, { address, allocation }: Entry, overlapCheck: boolean): Claim {
  const since = Date.parse(textOf(allocation.since));
  const { slot } = allocation;
  return {
    pool,
    address,
    overlapCheck,
    owner: { ...ownerOf(allocation), sandbox: textOf(allocation.id) },
    node: textOf(allocation.node),
    network: textOf(allocation.network),
    slot: typeof slot === "number" ? slot : -1,
    since: Number.isNaN(since) ? 0 : since,
  };
}

/** Whom a record names; the interface is "" where it names none, as early whereabouts wrote it. */
export function ownerOf(record: {
  readonly podref?: string;
  readonly ifname?: string;
  readonly uid?: string;
}): Omit<Owner, "sandbox"> {
  const uid = textOf(record.uid);
  return {
    pod: { ...readPodRef(textOf(record.podref)), ...(uid !== "" && { uid }) },
    ifname: textOf(record.ifname),
  };
}

/** Whether two records name the same attachment: what the server pruned from one of them does not count. */
export function sameAllocation(a: IPAllocation, b: IPAllocation): boolean {
  return a.id === b.id && a.podref === b.podref && a.ifname === b.ifname && !differ(a.uid, b.uid);
}

/** The key of an address: its distance from the network address in decimal, all 128 bits (Go reads 63 of them). */
export function offsetOf({ range }: Pool, address: Address): string {
  return String(address.value - range.base);
}

/** The address that an offset means; undefined if it is no number or lies outside the range. */
export function addressAt({ range }: Pool, offset: string): Address | undefined {
  if (!/^(?:0|[1-9][0-9]{0,38})$/.test(offset)) return undefined;
  const distance = BigInt(offset);
  const size = 1n << BigInt(bitsOf(range.family) - range.prefix);
  return distance < size ? addressOf(range.family, range.base + distance) : undefined;
}

function readPodRef(podref: string): Pod {
  const slash = podref.indexOf("/");
  return slash < 0
    ? { namespace: "", name: podref }
    : { namespace: podref.slice(0, slash), name: podref.slice(slash + 1) };
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

/** Objects are read as others wrote them: a field may be missing or of another type. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
