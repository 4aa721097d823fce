import type { Claim } from "../../allocation/claim.ts";
import { type Pod, podRef } from "../../allocation/owner.ts";
import { type Pool, realmSpace, type Space, samePool } from "../../allocation/pool.ts";
import { type Address, sameAddress } from "../../ip/address.ts";
import { type Cidr, parseCidr } from "../../ip/cidr.ts";
import { IntervalSet } from "../../ip/interval-set.ts";
import type { KubeObject } from "../../kube/api.ts";
import { decodeName } from "../../kube/name-encoding.ts";
import {
  poolName,
  poolPrefix,
  type ReservationParts,
  readReservationName,
  reservationName,
} from "../../kube/names.ts";
import type { IPAllocation, IPPool, OverlappingRangeIPReservation } from "../../kube/objects.ts";
import type { Claimed } from "./claimed.ts";
import { claimOf, type Entry, ownerOf } from "./entry.ts";
import { Index } from "./index-of.ts";
import { PoolRecord } from "./pool-record.ts";
import { Versions } from "./versions.ts";

/** An entry and the pool object that has it. */
export type Held = { readonly record: PoolRecord; readonly entry: Entry };

/** What an update of a pool changed; a record that was renewed is in both. */
export type EntriesChange = {
  readonly record: PoolRecord;
  readonly gone: readonly Entry[];
  readonly come: readonly Entry[];
};

/** A reservation object, and each realm and address that its name may mean. */
export type Reservation = {
  readonly object: OverlappingRangeIPReservation;
  readonly means: readonly ReservationParts[];
};

/** Takes news of objects: from reads, and from the answers to our own writes. */
export interface Sink {
  putPool(object: IPPool): void;
  /**
   * There is no pool object of that name. `object`: the one that was known when the server was asked; one that another node has
   * made since, and of which the watch may have told before the answer came, is there.
   */
  dropPool(name: string, object?: IPPool): void;
  putReservation(object: OverlappingRangeIPReservation): void;
  dropReservation(object: OverlappingRangeIPReservation): void;
}

/**
 * What is known of the objects of the API server, from a watch, a list, or the answers to our own writes, whichever
 * came last. Older versions that come late are passed over.
 */
export class State implements Sink {
  readonly #claimed: Claimed;
  readonly #pools = new Map<string, PoolRecord>();
  readonly #byOwner = new Index<string, Held>();
  readonly #bySandbox = new Index<string, Held>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #reservedBy = new Index<string, string>();
  readonly #madeBy = new Index<string, string>();
  readonly #realms = new Map<Space, IntervalSet>();
  readonly #unreadable = new Map<string, string>();
  readonly #bound = new Map<string, Pool>();
  readonly #versions = new Versions();
  readonly #listeners = new Set<(change: EntriesChange) => void>();
  readonly #reservationListeners = new Set<(reservation: Reservation) => void>();
  #changes = 0;

  /** `claimed` is told what need not be remembered there any more. */
  constructor(claimed: Claimed) {
    this.#claimed = claimed;
  }

  putPool(object: IPPool): void {
    if (!this.#versions.advance("pool", object.metadata)) return;
    const { name } = object.metadata;
    const known = this.#pools.get(name);
    const isSame = known !== undefined && known.object.spec.range === object.spec.range;
    if (known && !isSame) this.#drop(known);
    this.#unreadable.delete(name);
    const record = known && isSame ? known : this.#recordOf(object);
    if (!record) return;
    this.#pools.set(name, record);
    const { gone, come } = record.update(object);
    this.#changes++;
    for (const entry of gone) this.#forget(record, entry);
    for (const entry of come) this.#learn(record, entry);
    this.#tell({ record, gone, come });
  }

  dropPool(name: string, object?: IPPool): void {
    if (object && !this.#versions.bury("pool", object.metadata)) return;
    this.#unreadable.delete(name);
    if (!object) return;
    const known = this.#pools.get(name);
    if (!known) return;
    this.#changes++;
    this.#drop(known);
  }

  /** Calls `listener` for every change of what pools hold, and first for all that is known. Call the result to end it. */
  onEntries(listener: (change: EntriesChange) => void): () => void {
    for (const record of this.#pools.values()) listener({ record, gone: [], come: [...record.entries()] });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How often a pool has become another one: whoever watches asks this before it reads. */
  get changes(): number {
    return this.#changes;
  }

  putReservation(object: OverlappingRangeIPReservation): void {
    if (!this.#versions.advance("reservation", object.metadata)) return;
    const { name } = object.metadata;
    this.#removeReservation(name);
    const means = readReservationName(name);
    const reservation = { object, means };
    this.#reservations.set(name, reservation);
    for (const meaning of means) {
      this.#realm(meaning).add(meaning.address.value);
      this.#claimed.known(realmOf(meaning), meaning.address);
    }
    this.#reservedBy.add(reserverKey(object), name);
    this.#madeBy.add(makerKey(object), name);
    for (const listener of this.#reservationListeners) listener(reservation);
  }

  /** Calls `listener` for every reservation that is made or changed from now on. */
  onReservation(listener: (reservation: Reservation) => void): void {
    this.#reservationListeners.add(listener);
  }

  dropReservation(object: OverlappingRangeIPReservation): void {
    if (this.#versions.bury("reservation", object.metadata)) this.#removeReservation(object.metadata.name);
  }

  pool(name: string): PoolRecord | undefined {
    return this.#pools.get(name);
  }

  pools(): Iterable<PoolRecord> {
    return this.#pools.values();
  }

  /**
   * The name of the object of a pool. Where a name does not tell its parts (it is a digest, or a node's slice), the
   * object that has it is from now on known as this pool's.
   */
  bind(pool: Pool): string {
    const name = poolName(pool);
    const tellsAll = pool.node === undefined && decodeName(name) !== undefined;
    if (tellsAll || this.#bound.has(name)) return name;
    this.#bound.set(name, pool);
    const known = this.#pools.get(name);
    if (known) {
      this.#drop(known);
      this.putPool(known.object);
    }
    return name;
  }

  /** Why nothing can be allocated from the object of this name, if nothing can. */
  faultOf(name: string): string | undefined {
    return this.#unreadable.get(name) ?? this.#pools.get(name)?.fault;
  }

  /** Pool objects whose range is no network: what they hold is not known. */
  unreadable(): readonly string[] {
    return [...this.#unreadable.keys()];
  }

  /** What an administrator should look at: objects that mean nothing, offsets outside their range. */
  oddities(): string[] {
    const odd = [...this.#pools.values()].flatMap(({ name, odd, broken, object, fault }) => [
      ...(fault === undefined ? [] : [fault]),
      ...odd.map(
        (offset) =>
          `the pool ${name} has the offset ${JSON.stringify(offset)}, which ${object.spec.range} does not have`,
      ),
      ...broken.map(
        (offset) =>
          `the pool ${name} has at the offset ${offset} ${JSON.stringify(object.spec.allocations[offset])}, which is no record: nobody gets that address`,
      ),
    ]);
    const nameless = [...this.#reservations.values()].filter(({ means }) => means.length === 0);
    return [
      ...this.#unreadable.values(),
      ...odd,
      ...nameless.map(
        ({ object }) => `the reservation ${object.metadata.name} has a name that is no address`,
      ),
    ];
  }

  reservation(name: string): Reservation | undefined {
    return this.#reservations.get(name);
  }

  reservations(): Iterable<Reservation> {
    return this.#reservations.values();
  }

  /** The reservations of a pod of this name and this interface, or of the pod alone. */
  reservedFor(pod: Pod, ifname: string): Reservation[] {
    const keys = new Set([ownerKey(podRef(pod), ifname), ownerKey(podRef(pod), "")]);
    const names = [...keys].flatMap((key) => [...this.#reservedBy.get(key)]);
    return names.flatMap((name) => this.#reservations.get(name) ?? []);
  }

  /** The reservations that this sandbox has made for this interface. */
  reservedIn(sandbox: string, ifname: string): Reservation[] {
    return [...this.#madeBy.get(`${sandbox}/${ifname}`)].flatMap(
      (name) => this.#reservations.get(name) ?? [],
    );
  }

  realm(space: Space): IntervalSet | undefined {
    return this.#realms.get(space);
  }

  /** What a pod of this name holds at this interface, whatever its uid. */
  heldBy(pod: Pod, ifname: string): readonly Held[] {
    return [...this.#byOwner.get(ownerKey(podRef(pod), ifname))];
  }

  heldIn(sandbox: string, ifname: string): readonly Held[] {
    return [...this.#bySandbox.get(`${sandbox}/${ifname}`)];
  }

  /** The entries of an address, in whatever pool. */
  entriesOf(address: Address): Held[] {
    const found: Held[] = [];
    for (const record of this.#pools.values()) {
      if (record.pool.range.family !== address.family) continue;
      const allocation = record.used.has(address.value) ? record.at(address) : undefined;
      if (allocation) found.push({ record, entry: { address, allocation } });
    }
    return found;
  }

  claim({ record, entry }: Held): Claim {
    return claimOf(record.pool, entry, this.reservationOf({ record, entry }) !== undefined);
  }

  /**
   * The reservation that belongs to an entry: of its address, owner and network. Where an owner has the address in
   * several pools (all but one without overlap check), it belongs to the first by name.
   */
  reservationOf({ record, entry }: Held): Reservation | undefined {
    const { pod, ifname } = ownerOf(entry.allocation);
    const found = this.reservedFor(pod, ifname).find((reservation) => isNamedAs(reservation, record, entry));
    const isSecond = (other: Held) =>
      other.record.name < record.name &&
      other.record.pool.networkName === record.pool.networkName &&
      sameOwner(other.entry.allocation, entry.allocation);
    return found && this.entriesOf(entry.address).some(isSecond) ? undefined : found;
  }

  /** Whether an entry stands behind a reservation: the same address, pod and interface, in any pool but one. */
  isBacked({ metadata, spec }: OverlappingRangeIPReservation, except?: Pool): boolean {
    const { podref, ifname } = spec;
    const means = readReservationName(metadata.name);
    if (means.length === 0) {
      const { pod, ifname: name } = ownerOf(spec);
      return this.heldBy(pod, name).some(
        ({ record, entry }) =>
          isNamedAs({ object: { metadata }, means }, record, entry) &&
          (except === undefined || !samePool(record.pool, except)),
      );
    }
    return means.some(({ address }) =>
      this.entriesOf(address).some(({ record, entry: { allocation } }) => {
        const isOwner =
          allocation.podref === podref && (ifname === undefined || (allocation.ifname ?? "") === ifname);
        return isOwner && (except === undefined || !samePool(record.pool, except));
      }),
    );
  }

  #recordOf(object: IPPool): PoolRecord | undefined {
    const { name } = object.metadata;
    const range = parseCidr(String(object.spec.range), "sloppy");
    if (!range.ok) {
      const why = `the pool ${name} has the range ${JSON.stringify(object.spec.range)}, which is no network`;
      this.#unreadable.set(name, why);
      return undefined;
    }
    const bound = this.#bound.get(name);
    if (bound && sameCidr(bound.range, range.value)) return new PoolRecord(bound, object);
    const prefix = poolPrefix(name, range.value);
    const pool = { networkName: prefix ?? "", range: range.value };
    const isForeign = prefix === undefined && decodeName(name) !== undefined;
    const fault = `the pool ${name} has the range ${object.spec.range}, which is not the one of its name`;
    return new PoolRecord(pool, object, isForeign ? fault : undefined);
  }

  #drop(record: PoolRecord): void {
    for (const entry of record.entries()) this.#forget(record, entry);
    this.#pools.delete(record.name);
    this.#tell({ record, gone: [...record.entries()], come: [] });
  }

  #tell(change: EntriesChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #learn(record: PoolRecord, entry: Entry): void {
    const held = { record, entry };
    const { podref, ifname = "", id } = entry.allocation;
    this.#byOwner.add(ownerKey(podref, ifname), held);
    this.#bySandbox.add(`${id}/${ifname}`, held);
  }

  #forget(record: PoolRecord, entry: Entry): void {
    const { podref, ifname = "", id } = entry.allocation;
    remove(this.#byOwner, ownerKey(podref, ifname), record, entry);
    remove(this.#bySandbox, `${id}/${ifname}`, record, entry);
  }

  #removeReservation(name: string): void {
    const known = this.#reservations.get(name);
    if (known === undefined) return;
    this.#reservations.delete(name);
    for (const meaning of known.means) this.#realm(meaning).delete(meaning.address.value);
    this.#reservedBy.delete(reserverKey(known.object), name);
    this.#madeBy.delete(makerKey(known.object), name);
  }

  #realm(meaning: ReservationParts): IntervalSet {
    const space = realmOf(meaning);
    const found = this.#realms.get(space) ?? new IntervalSet();
    this.#realms.set(space, found);
    return found;
  }
}

function realmOf({ networkName, address }: ReservationParts): Space {
  return realmSpace(networkName, address.family);
}

/** Whether a reservation's name is that of an entry's address in the network of its pool. */
export function isNamedAs(
  { object, means }: { readonly object: Pick<KubeObject, "metadata"> } & Pick<Reservation, "means">,
  { pool }: PoolRecord,
  { address }: Entry,
): boolean {
  // What is named by a digest cannot be read back, only be made again.
  if (means.length === 0) return reservationName(pool.networkName, address) === object.metadata.name;
  return means.some((meant) => sameAddress(meant.address, address) && isWithin(pool, meant.networkName));
}

/** Whether a pool is of that network. The pool of a node's slice has the node's name behind the network's. */
export function isWithin({ networkName }: Pool, network: string): boolean {
  return networkName === network || network === "" || networkName.startsWith(`${network}-`);
}

function sameCidr(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base === b.base && a.prefix === b.prefix;
}

function sameOwner(a: IPAllocation, b: IPAllocation): boolean {
  return a.podref === b.podref && a.ifname === b.ifname;
}

function remove(index: Index<string, Held>, key: string, record: PoolRecord, entry: Entry): void {
  for (const held of index.get(key)) {
    if (held.record === record && held.entry === entry) index.delete(key, held);
  }
}

function reserverKey({ spec }: OverlappingRangeIPReservation): string {
  return ownerKey(spec.podref, spec.ifname ?? "");
}

function makerKey({ spec }: OverlappingRangeIPReservation): string {
  return `${spec.containerid ?? ""}/${spec.ifname ?? ""}`;
}

function ownerKey(podref: string, ifname: string): string {
  return `${podref}/${ifname}`;
}
