import { samePod } from "../allocation/owner.ts";
import { reservationOf as claimedByPerson, hasExpired } from "../allocation/reservation.ts";
import { formatAddress } from "../ip/address.ts";
import { reservationName } from "../kube/names.ts";
import type { IPAllocation, OverlappingRangeIPReservation } from "../kube/objects.ts";
import { ownerOf } from "../store/kubernetes/entry.ts";
import type { PoolRecord } from "../store/kubernetes/pool-record.ts";
import { type Held, isNamedAs, isWithin, type Reservation, type State } from "../store/kubernetes/state.ts";
import { type GoneBecause, judge, type LivePod, type NodeState, type RecordedOwner } from "./judge.ts";

/** What a survey asks: the records, and what is known of their owners. */
export interface Facts {
  readonly state: State;
  pod(namespace: string, name: string): LivePod | undefined;
  node(name: string): NodeState;
  isOverlapChecked(record: PoolRecord): boolean;
}

/** Why an address is free to take back. */
export type FreedBecause = GoneBecause | "reservation_expired";

/**
 * Something to mend. `key` says what it is about, `mark` in which state it was seen: it has to be found in the same one again
 * before anything is done.
 */
export type Case = { readonly key: string; readonly mark: string } & (
  | { readonly kind: "stranded"; readonly held: Held; readonly why: FreedBecause }
  | {
      readonly kind: "loose";
      readonly object: OverlappingRangeIPReservation;
      /** Its pod lives, so that an ADD may be under way. */
      readonly isOwned: boolean;
    }
  | { readonly kind: "unreserved"; readonly held: Held }
);

/** Something that is left as it is, and that people should know of. */
export type Remark = {
  readonly code: "node_down" | "no_owner" | "address_twice" | "unreadable" | "reservation_unknown";
  /** An address, or an object. */
  readonly subject: string;
  readonly message: string;
  /** Pods that it concerns. */
  readonly podrefs: readonly string[];
};

export type Survey = {
  readonly cases: readonly Case[];
  readonly remarks: readonly Remark[];
  /** Allocations that were looked at, and of these those in use. */
  readonly allocations: number;
  readonly live: number;
};

export type Scope = {
  /** Only allocations of this node, and no reservations without one; absent: everything. */
  readonly node?: string;
};

/** Compares everything that is recorded with what is known of its owners. Changes nothing. `now` in milliseconds since 1970. */
export function survey(facts: Facts, now: number, scope: Scope = {}): Survey {
  const { state } = facts;
  const cases: Case[] = [];
  const remarks: Remark[] = state.oddities().map((message) => {
    return { code: "unreadable", subject: "", message, podrefs: [] };
  });
  const reserved = byOwner(state.reservations());
  const backed = new Set<string>();
  const unreserved: Held[] = [];
  let allocations = 0;
  let live = 0;
  for (const record of state.pools()) {
    const isChecked = facts.isOverlapChecked(record);
    for (const entry of record.entries()) {
      const held = { record, entry };
      const own = reservationsFor(held, reserved.get(String(entry.allocation.podref)) ?? []);
      for (const { object } of own) backed.add(object.metadata.name);
      if (scope.node !== undefined && entry.allocation.node !== scope.node) continue;
      allocations++;
      const verdict = judgeHeld(facts, held, now);
      if (verdict.kind === "gone") {
        const key = `allocation ${record.name} ${entry.address.value}`;
        const mark = JSON.stringify(entry.allocation);
        if (record.fault === undefined) cases.push({ kind: "stranded", key, mark, held, why: verdict.why });
      } else if (verdict.why === "live") {
        live++;
        if (own.length === 0 && isChecked) unreserved.push(held);
      } else if (verdict.why !== "person") remarks.push(remarkOn(held, verdict.why));
    }
  }
  if (scope.node !== undefined) return { cases, remarks, allocations, live };
  cases.push(...looseOf(facts, backed, remarks));
  for (const held of unreserved) {
    const found = missingReservation(state, held, backed);
    if (found && "code" in found) remarks.push(found);
    else if (found) cases.push(found);
  }
  return { cases, remarks, allocations, live };
}

type Judged =
  | { readonly kind: "keep"; readonly why: "live" | "no_owner" | "node_down" | "person" }
  | { readonly kind: "gone"; readonly why: FreedBecause };

/** The verdict on one record; a reservation that a person made is kept until it ends. */
function judgeHeld(facts: Facts, held: Held, now: number): Judged {
  const { record, entry } = held;
  if (entry.allocation.podref === "") {
    const claim = {
      pool: record.pool,
      address: entry.address,
      overlapCheck: false,
      owner: { ...ownerOf(entry.allocation), sandbox: String(entry.allocation.id) },
      node: "",
      network: "",
      slot: 0,
      since: 0,
    };
    if (hasExpired(claim, now)) return { kind: "gone", why: "reservation_expired" };
    return { kind: "keep", why: claimedByPerson(claim) ? "person" : "no_owner" };
  }
  const owner = recordedOwner(entry.allocation);
  const { pod } = ownerOf(entry.allocation);
  return judge({
    record: owner,
    pod: facts.pod(pod.namespace, pod.name),
    node: owner.node === "" ? undefined : facts.node(owner.node),
  });
}

/** Objects are read as others wrote them: a field may be missing or of another type. */
export function recordedOwner({ podref, uid, node }: IPAllocation): RecordedOwner {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return { podref: text(podref), uid: text(uid), node: text(node) };
}

function remarkOn({ record, entry }: Held, why: "no_owner" | "node_down"): Remark {
  const subject = formatAddress(entry.address);
  const { podref, node } = recordedOwner(entry.allocation);
  const message =
    why === "node_down"
      ? `${subject} of ${record.name} is kept: ${podref} is gone from the API but may still run on ${node}, which is not ready`
      : `${subject} of ${record.name} names no pod (${JSON.stringify(podref)}), so nobody can tell whether it is in use`;
  return { code: why, subject, message, podrefs: podref === "" ? [] : [podref] };
}

function byOwner(reservations: Iterable<Reservation>): Map<string, Reservation[]> {
  const owners = new Map<string, Reservation[]>();
  for (const reservation of reservations) {
    const podref = String(reservation.object.spec.podref);
    const others = owners.get(podref);
    if (others) others.push(reservation);
    else owners.set(podref, [reservation]);
  }
  return owners;
}

/** Those of an entry: the one of just its name, else all that may be its own. */
function reservationsFor(held: Held, ofOwner: readonly Reservation[]): readonly Reservation[] {
  const name = reservationName(held.record.pool.networkName, held.entry.address);
  const own = ofOwner.filter((one) => isReservationOf(one, held));
  const exact = own.filter(({ object }) => object.metadata.name === name);
  return exact.length > 0 ? exact : own;
}

/** Go keeps the low 64 bits of a distance only, so in a network larger than that its record may mean another address. */
const WIDE = 64;
const LOW = (1n << 64n) - 1n;

/**
 * Whether a reservation is that of an entry: its owner by field, its address and network by name. What is in doubt counts as
 * its own, since a reservation too much costs an address and one too few costs a duplicate.
 */
export function isReservationOf({ object, means }: Reservation, { record, entry }: Held): boolean {
  const { ifname = "" } = object.spec;
  const { address, allocation } = entry;
  if (String(object.spec.podref) !== String(allocation.podref)) return false;
  if (ifname !== "" && (allocation.ifname ?? "") !== "" && ifname !== allocation.ifname) return false;
  if (isNamedAs({ object, means }, record, entry)) return true;
  const { range } = record.pool;
  if (range.family !== 6 || range.prefix >= WIDE) return false;
  const isSame = (value: bigint) => ((value ^ address.value) & LOW) === 0n;
  return means.some(
    (meant) =>
      isSame(meant.address.value) && meant.address.family === 6 && isWithin(record.pool, meant.networkName),
  );
}

/** Reservations that no entry stands behind. Those that name no pod are for people to look at. */
function* looseOf(facts: Facts, backed: ReadonlySet<string>, remarks: Remark[]): Generator<Case> {
  const unreadable = facts.state.unreadable();
  for (const { object, means } of facts.state.reservations()) {
    const { name, uid = "", resourceVersion = "" } = object.metadata;
    if (backed.has(name)) continue;
    const { pod, ifname } = ownerOf(object.spec);
    // The name is a digest, and so may be the pool's: any address of the owner may be the one.
    if (means.length === 0 && facts.state.heldBy(pod, ifname).length > 0) continue;
    if (pod.namespace === "" || pod.name === "") {
      const message = `the reservation ${name} names no pod and no allocation stands behind it`;
      remarks.push({ code: "no_owner", subject: name, message, podrefs: [] });
    } else if (unreadable.length > 0) {
      const message = `whether the reservation ${name} is in use is not known while ${unreadable.join(", ")} cannot be read`;
      remarks.push({ code: "reservation_unknown", subject: name, message, podrefs: [] });
    } else {
      const there = facts.pod(pod.namespace, pod.name);
      const mark = `${uid} ${resourceVersion}`;
      const isOwned = there !== undefined && !there.ended;
      yield { kind: "loose", key: `reservation ${name}`, mark, object, isOwned };
    }
  }
}

/** A live pod's address without its reservation: to be made, or, where another one has it, a duplicate. */
function missingReservation(
  state: State,
  held: Held,
  backed: ReadonlySet<string>,
): Case | Remark | undefined {
  const { record, entry } = held;
  const name = reservationName(record.pool.networkName, entry.address);
  const other = state.reservation(name);
  if (!other) {
    const key = `unreserved ${name}`;
    return { kind: "unreserved", key, mark: `${record.name} ${JSON.stringify(entry.allocation)}`, held };
  }
  const mine = ownerOf(entry.allocation);
  const theirs = ownerOf(other.object.spec);
  const isSame = samePod(mine.pod, theirs.pod) && mine.ifname === theirs.ifname;
  if (isSame || !backed.has(name)) return undefined; // one that nothing stands behind is taken back first
  const subject = formatAddress(entry.address);
  const podrefs = [String(entry.allocation.podref), String(other.object.spec.podref)];
  const message = `${subject} is held by ${podrefs[0]} (${mine.ifname}, ${record.name}) and by ${podrefs[1]} (${theirs.ifname}); restart one of them`;
  return { code: "address_twice", subject, message, podrefs };
}
