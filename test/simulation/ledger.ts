import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { poolName, readReservationName, reservationName } from "../../src/kube/names.ts";
import {
  IP_POOLS,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import { offsetOf } from "../../src/store/kubernetes/entry.ts";
import type { SliceRow } from "../../src/store/kubernetes/slices/journal.ts";
import type { Double } from "../apiserver/double.ts";
import { keyOf, type ObjectStore } from "../apiserver/store.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { SliceWatch } from "./slice-watch.ts";
import { type Given, type Holding, nameOf, type User, Violation } from "./violation.ts";

const POOLS = `${IP_POOLS.group}/${IP_POOLS.plural}`;
const RESERVED = `${RESERVATIONS.group}/${RESERVATIONS.plural}`;

/**
 * Who uses which address, by the word of the plugins alone, held against every single write that the server carries out.
 * A violation is kept until the scheduler asks for it after the step.
 */
export class Ledger {
  readonly slices: SliceWatch;
  readonly #store: ObjectStore;
  readonly #isForsaken: (user: User) => boolean;
  readonly #bySandbox = new Map<string, readonly Holding[]>();
  readonly #byPlace = new Index();
  readonly #byEntry = new Index();
  /** Places whose reservation Go whereabouts has deleted although it was another's (its DEL asks for the name alone). */
  readonly #damaged = new Set<string>();
  /**
   * What pods of Go use without reservation, so that only their own pool still knows of them: a DEL of Go has deleted it, for an
   * entry that a failed ADD had left in another pool; or Go found one of Berth's under the name of its pod, which was about to go.
   */
  readonly #unreserved = new Set<Holding>();
  /** Records without uid, by entry and sandbox, that another pod of the name has taken over: perhaps before Go told their owner. */
  readonly #takenOver = new Set<string>();
  violation: Violation | undefined;
  /** Set while a write of Go whereabouts is carried out. */
  isGoWriting = false;
  /** Addresses told so far. */
  given = 0;

  /**
   * `isForsaken`: whether a pod was deleted by force on a node that nobody hears from, and its records do not name the node. Then
   * nobody can know that it still runs.
   */
  constructor(double: Double, isForsaken: (user: User) => boolean) {
    this.#isForsaken = isForsaken;
    this.#store = double.gateway.server.cluster.store;
    this.slices = new SliceWatch(
      this.#store,
      (rule, message) => this.fail(rule, message),
      (pool) => this.#bySandbox.values().flatMap((all) => all.filter((holding) => holding.pool === pool)),
    );
    this.#store.listen(POOLS, ({ type, object, previous }) =>
      this.#poolChanged(
        previous as IPPool | undefined,
        type === "DELETED" ? undefined : (object as unknown as IPPool),
      ),
    );
    this.#store.listen(RESERVED, ({ type, object, previous }) =>
      this.#reservationChanged(
        (previous ?? object) as unknown as OverlappingRangeIPReservation,
        type === "DELETED" ? undefined : (object as unknown as OverlappingRangeIPReservation),
      ),
    );
  }

  /** The runtime has a result: from now on the interface carries the addresses. */
  begin(user: User, given: Given): void {
    const holdings = given.ips.map((ip) => this.#holding(user, given, ip));
    for (const holding of holdings) {
      this.given++;
      this.#checkAlone(holding);
      if (holding.isSliced) this.#checkOnDisk(holding, given);
      if (!holding.isSliced || given.isWrittenThrough) this.#checkAcknowledged(holding);
      this.#byPlace.add(placeOf(holding), holding);
      this.#byEntry.add(entryOf(holding), holding);
    }
    this.#bySandbox.set(`${user.sandbox}/${user.ifname}`, holdings);
  }

  /** The interface is gone, or is about to go: its addresses are nobody's concern any more. */
  end(sandbox: string, ifname: string): void {
    const key = `${sandbox}/${ifname}`;
    for (const holding of this.#bySandbox.get(key) ?? []) {
      this.#byPlace.delete(placeOf(holding), holding);
      this.#byEntry.delete(entryOf(holding), holding);
      this.#unreserved.delete(holding);
    }
    this.#bySandbox.delete(key);
  }

  /** A DEL has been answered with success, and nothing is owed: the interface holds nothing any more. */
  checkReleased(sandbox: string, ifname: string, isBehind: (pool: string) => boolean): void {
    for (const { object } of this.#store.list(POOLS)) {
      const { metadata, spec } = object as unknown as IPPool;
      if (isBehind(metadata.name)) continue;
      for (const [offset, { id, ifname: held, podref }] of Object.entries(spec.allocations)) {
        if (id === sandbox && held === ifname)
          this.fail(
            "DEL frees",
            `${metadata.name} has ${offset} for ${podref} ${ifname} in ${id} after its DEL`,
          );
      }
    }
  }

  /** Whether an interface that lives has the address with this offset of the pool. */
  isUsed(pool: string, offset: string): boolean {
    return this.#byEntry.get(`${pool}/${offset}`).length > 0;
  }

  /** Whether Go whereabouts has spoilt the records of an interface. */
  isDamaged(sandbox: string, ifname: string): boolean {
    const holdings = this.#bySandbox.get(`${sandbox}/${ifname}`) ?? [];
    return holdings.some((holding) => this.#damaged.has(placeOf(holding)));
  }

  /** Interfaces that live and that the API server does not know: none once everything has come to rest. */
  unrecorded(): string[] {
    const left: string[] = [];
    for (const holding of [...this.#bySandbox.values()].flat()) {
      const { user, pool, offset, text } = holding;
      const entry = this.#pool(pool)?.spec.allocations[offset];
      if (entry?.id !== user.sandbox && !this.#damaged.has(placeOf(holding)) && !user.isGo)
        left.push(`${nameOf(holding)} uses ${text}, which ${pool} does not show`);
    }
    return left;
  }

  /** A node has written down that an address of its slices has another owner, or none. */
  rowChanged(pool: string, offset: string, held: SliceRow["held"]): void {
    for (const holding of this.#byEntry.get(`${pool}/${offset}`)) {
      if (held?.id === holding.user.sandbox) continue;
      const what = held ? `goes to ${held.podref} (sandbox ${held.id})` : "is freed";
      this.fail("never free", `${holding.text} of ${nameOf(holding)} ${what} in the journal of its node`);
    }
  }

  fail(rule: string, message: string): void {
    this.violation ??= new Violation(rule, message);
  }

  #holding(user: User, { networkName, overlapCheck, isSliced }: Given, ip: string): Holding {
    const [text = "", prefix = ""] = ip.split("/");
    const address = parseAddress(text);
    const range = parseCidr(`${text}/${prefix}`, "sloppy");
    if (!address.ok || !range.ok) throw new Error(`a result has the address ${ip}`);
    const slice = isSliced ? this.slices.of(user.node, networkName, address.value) : undefined;
    if (isSliced && !slice)
      this.fail("own slice", `${user.podref} is told ${ip}, of no slice of ${user.node}`);
    const pool = slice ?? { networkName, range: range.value };
    return {
      user,
      address: address.value,
      text: formatAddress(address.value),
      networkName,
      overlapCheck,
      isSliced,
      pool: poolName(pool),
      offset: offsetOf(pool, address.value),
    };
  }

  /** Within a realm an address has one live owner; without overlap check a range is a realm of its own. */
  #checkAlone(holding: Holding): void {
    const place = placeOf(holding);
    if (this.#damaged.has(place)) return;
    for (const other of this.#byPlace.get(place)) {
      if (other.user.isGo && holding.user.isGo) continue; // what two Go plugins do to each other is theirs
      // Go's records tell pods of one name not apart.
      if (other.user.podref === holding.user.podref && (other.user.isGo || holding.user.isGo)) continue;
      const isInRealm = other.overlapCheck && holding.overlapCheck && !this.#unreserved.has(other);
      const meets = other.pool === holding.pool || isInRealm;
      if (meets && (other.user.sandbox !== holding.user.sandbox || other.user.ifname !== holding.user.ifname))
        this.fail("one owner", `${holding.text} is used by ${nameOf(other)} and given to ${nameOf(holding)}`);
    }
  }

  /** An address of a slice is told only once the node has written it down. */
  #checkOnDisk(holding: Holding, { rowOf }: Given): void {
    const { pool, offset, text, user } = holding;
    const row = rowOf(pool, offset);
    if (row?.held?.id === user.sandbox && row.held.ifname === user.ifname) return;
    const has = JSON.stringify(row?.held);
    this.fail("acknowledged", `${nameOf(holding)} is told ${text}, but the disk has ${has} there`);
  }

  /** A result is told only of what the server holds. */
  #checkAcknowledged(holding: Holding): void {
    const { user, pool, offset, address, networkName, overlapCheck, text } = holding;
    const entry = this.#pool(pool)?.spec.allocations[offset];
    // Go has given it away meanwhile: to a pod of that name, or what another Go had.
    const isOfGo = entry !== undefined && entry.uid === undefined && entry.id !== user.sandbox;
    const isTakenOver = user.isGo && this.#takenOver.has(`${entryOf(holding)}/${user.sandbox}`);
    if (isTakenOver || (isOfGo && (user.isGo || entry.podref === user.podref)))
      this.#damaged.add(placeOf(holding));
    if (this.#damaged.has(placeOf(holding))) return;
    if (entry?.podref !== user.podref || (entry.id !== user.sandbox && !user.isGo))
      this.fail(
        "acknowledged",
        `${nameOf(holding)} is told ${text}, but ${pool} has ${JSON.stringify(entry)} there`,
      );
    if (!overlapCheck || user.isGo) return;
    const name = reservationName(networkName, address);
    const reservation = this.#store.get(RESERVED, keyOf(NAMESPACE, name)) as
      | OverlappingRangeIPReservation
      | undefined;
    if (reservation?.spec.podref !== user.podref)
      this.fail("acknowledged", `${nameOf(holding)} is told ${text}, but its realm does not know`);
  }

  #poolChanged(before: IPPool | undefined, after: IPPool | undefined): void {
    if (!before) return;
    const old = before.spec.allocations;
    const now = after?.spec.allocations ?? {};
    for (const offset in old) {
      const was = old[offset];
      const entry = now[offset];
      if (was === entry) continue;
      if (was && was.uid === undefined && entry?.podref === was.podref && entry.id !== was.id)
        this.#takenOver.add(`${before.metadata.name}/${offset}/${was.id}`);
      for (const holding of this.#byEntry.get(`${before.metadata.name}/${offset}`)) {
        if (entry?.podref === holding.user.podref && entry.id === holding.user.sandbox) continue;
        // What the node has promised meanwhile is not yet there.
        if (holding.isSliced && was?.id !== holding.user.sandbox) continue;
        // Go gives a pod whatever it finds under its name, and what it has recorded is anybody's of that name.
        const isOfName = holding.user.isGo && entry?.podref === holding.user.podref;
        if (this.isGoWriting || isOfName || this.#isForsaken(holding.user))
          this.#damaged.add(placeOf(holding));
        if (this.#damaged.has(placeOf(holding))) continue;
        const what = entry === undefined ? "is freed" : `goes to ${entry.podref} (sandbox ${entry.id})`;
        this.fail("never free", `${holding.text} of ${nameOf(holding)} ${what} in ${holding.pool}`);
      }
    }
  }

  #reservationChanged(
    before: OverlappingRangeIPReservation,
    after: OverlappingRangeIPReservation | undefined,
  ): void {
    for (const { networkName, address } of readReservationName(before.metadata.name)) {
      const place = `${networkName}\n${formatAddress(address)}`;
      if (this.isGoWriting && before.spec.uid !== undefined) this.#damaged.add(place);
      if (this.#damaged.has(place)) continue;
      for (const holding of this.#byPlace.get(place)) {
        const { podref, isGo } = holding.user;
        if (!holding.overlapCheck) continue;
        if (reservationName(networkName, address) !== before.metadata.name) continue;
        const isReserved = after?.spec.podref === podref;
        if (isReserved) this.#unreserved.delete(holding);
        else if (isGo && before.spec.podref === podref && (this.isGoWriting || before.spec.containerid))
          this.#unreserved.add(holding);
        if (isReserved || isGo) continue;
        if (holding.isSliced && before.spec.containerid !== holding.user.sandbox) continue;
        this.fail("never free", `the reservation of ${holding.text} of ${nameOf(holding)} is taken away`);
      }
    }
  }

  #pool(name: string): IPPool | undefined {
    return this.#store.get(POOLS, keyOf(NAMESPACE, name)) as IPPool | undefined;
  }
}

const NOBODY: readonly Holding[] = [];

/** Holdings by a key that several may share for a while. */
class Index {
  readonly #lists = new Map<string, readonly Holding[]>();

  get(key: string): readonly Holding[] {
    return this.#lists.get(key) ?? NOBODY;
  }

  add(key: string, holding: Holding): void {
    this.#lists.set(key, [...this.get(key), holding]);
  }

  delete(key: string, holding: Holding): void {
    const left = this.get(key).filter((other) => other !== holding);
    if (left.length > 0) this.#lists.set(key, left);
    else this.#lists.delete(key);
  }
}

function placeOf({ networkName, text }: Holding): string {
  return `${networkName}\n${text}`;
}

function entryOf({ pool, offset }: Holding): string {
  return `${pool}/${offset}`;
}
