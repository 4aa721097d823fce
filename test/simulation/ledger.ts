import { type Address, formatAddress, parseAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { poolName, readReservationName, reservationName } from "../../src/kube/names.ts";
import {
  IP_POOLS,
  type IPPool,
  type OverlappingRangeIPReservation,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import { addressAt, offsetOf } from "../../src/store/kubernetes/entry.ts";
import type { Double } from "../apiserver/double.ts";
import { keyOf, type ObjectStore } from "../apiserver/store.ts";
import { NAMESPACE } from "../store/cluster.ts";

/** One interface of a running sandbox: it uses the addresses that an ADD has told its runtime. */
export type User = {
  readonly podref: string;
  readonly uid: string;
  readonly sandbox: string;
  readonly ifname: string;
  readonly node: string;
  /** Whether the plugin fences by sandbox and reserves: Go whereabouts keeps less of its promises. */
  readonly isGo: boolean;
};

export type Given = {
  readonly networkName: string;
  readonly overlapCheck: boolean;
  /** The addresses of the result, with the prefix length of their range. */
  readonly ips: readonly string[];
};

type Holding = {
  readonly user: User;
  readonly address: Address;
  readonly text: string;
  readonly networkName: string;
  readonly overlapCheck: boolean;
  readonly pool: string;
  readonly offset: string;
};

const POOLS = `${IP_POOLS.group}/${IP_POOLS.plural}`;
const RESERVED = `${RESERVATIONS.group}/${RESERVATIONS.plural}`;

/** What must never happen, as one sentence. */
export class Violation extends Error {
  /** Which promise is broken, for telling failures apart. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.rule = rule;
  }
}

/**
 * Who uses which address, by the word of the plugins alone, held against every single write that the server carries out.
 * A violation is kept until the scheduler asks for it after the step.
 */
export class Ledger {
  readonly #store: ObjectStore;
  readonly #bySandbox = new Map<string, Holding[]>();
  readonly #byPlace = new Map<string, Set<Holding>>();
  /** Places whose reservation Go whereabouts has deleted although it was another's (its DEL asks for the name alone). */
  readonly #damaged = new Set<string>();
  violation: Violation | undefined;
  /** Set while a write of Go whereabouts is carried out. */
  isGoWriting = false;
  /** Addresses told so far. */
  given = 0;

  constructor(double: Double) {
    this.#store = double.gateway.server.cluster.store;
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
  begin(user: User, { networkName, overlapCheck, ips }: Given): void {
    const key = `${user.sandbox}/${user.ifname}`;
    const holdings = ips.map((ip) => this.#holding(user, networkName, overlapCheck, ip));
    for (const holding of holdings) {
      this.given++;
      this.#checkAlone(holding);
      this.#checkAcknowledged(holding);
      const place = placeOf(holding);
      this.#byPlace.set(place, (this.#byPlace.get(place) ?? new Set()).add(holding));
    }
    this.#bySandbox.set(key, holdings);
  }

  /** The interface is gone, or is about to go: its addresses are nobody's concern any more. */
  end(sandbox: string, ifname: string): void {
    const key = `${sandbox}/${ifname}`;
    for (const holding of this.#bySandbox.get(key) ?? []) {
      const place = placeOf(holding);
      const set = this.#byPlace.get(place);
      set?.delete(holding);
      if (set?.size === 0) this.#byPlace.delete(place);
    }
    this.#bySandbox.delete(key);
  }

  /** A DEL has been answered with success, and nothing is owed: the interface holds nothing any more. */
  checkReleased(sandbox: string, ifname: string): void {
    for (const { object } of this.#store.list(POOLS)) {
      const { metadata, spec } = object as unknown as IPPool;
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
    for (const holdings of this.#bySandbox.values())
      if (holdings.some((holding) => holding.pool === pool && holding.offset === offset)) return true;
    return false;
  }

  fail(rule: string, message: string): void {
    this.violation ??= new Violation(rule, message);
  }

  #holding(user: User, networkName: string, overlapCheck: boolean, ip: string): Holding {
    const [text = "", prefix = ""] = ip.split("/");
    const address = parseAddress(text);
    const range = parseCidr(`${text}/${prefix}`, "sloppy");
    if (!address.ok || !range.ok) throw new Error(`a result has the address ${ip}`);
    const pool = { networkName, range: range.value };
    return {
      user,
      address: address.value,
      text: formatAddress(address.value),
      networkName,
      overlapCheck,
      pool: poolName(pool),
      offset: offsetOf(pool, address.value),
    };
  }

  /** Within a realm an address has one live owner; without overlap check a range is a realm of its own. */
  #checkAlone(holding: Holding): void {
    const place = placeOf(holding);
    if (this.#damaged.has(place)) return;
    for (const other of this.#byPlace.get(place) ?? []) {
      if (other.user.isGo && holding.user.isGo) continue; // what two Go plugins do to each other is theirs
      // Go's records tell pods of one name not apart.
      if (other.user.podref === holding.user.podref && (other.user.isGo || holding.user.isGo)) continue;
      const meets = other.pool === holding.pool || (other.overlapCheck && holding.overlapCheck);
      if (meets && (other.user.sandbox !== holding.user.sandbox || other.user.ifname !== holding.user.ifname))
        this.fail("one owner", `${holding.text} is used by ${nameOf(other)} and given to ${nameOf(holding)}`);
    }
  }

  /** A result is told only of what the server holds. */
  #checkAcknowledged(holding: Holding): void {
    const { user, pool, offset, address, networkName, overlapCheck, text } = holding;
    const object = this.#store.get(POOLS, keyOf(NAMESPACE, pool)) as IPPool | undefined;
    const entry = object?.spec.allocations[offset];
    if (entry?.podref !== user.podref || (entry.id !== user.sandbox && !user.isGo))
      this.fail(
        "acknowledged",
        `${nameOf(holding)} is told ${text}, but ${pool} has ${JSON.stringify(entry)} there`,
      );
    if (!overlapCheck || user.isGo || this.#damaged.has(placeOf(holding))) return;
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
      if (old[offset] === now[offset]) continue;
      const entry = now[offset];
      for (const holding of this.#usersOf(before, offset)) {
        if (entry?.podref === holding.user.podref && (entry.id === holding.user.sandbox || holding.user.isGo))
          continue;
        // It gives a pod whatever it finds under its name, though another of that name may still live.
        if (this.isGoWriting || (holding.user.isGo && entry?.podref === holding.user.podref))
          this.#damaged.add(placeOf(holding));
        if (this.#damaged.has(placeOf(holding))) continue;
        const what = entry === undefined ? "is freed" : `goes to ${entry.podref} (sandbox ${entry.id})`;
        this.fail("never free", `${holding.text} of ${nameOf(holding)} ${what} in ${holding.pool}`);
      }
    }
  }

  #usersOf({ metadata, spec }: IPPool, offset: string): Holding[] {
    const range = parseCidr(spec.range);
    const address = range.ok && addressAt({ networkName: "", range: range.value }, offset);
    if (!address) return [];
    const found: Holding[] = [];
    for (const holding of this.#holdingsAt(address)) if (holding.pool === metadata.name) found.push(holding);
    return found;
  }

  #reservationChanged(
    before: OverlappingRangeIPReservation,
    after: OverlappingRangeIPReservation | undefined,
  ): void {
    for (const { networkName, address } of readReservationName(before.metadata.name)) {
      const place = `${networkName}\n${formatAddress(address)}`;
      if (process.env.DBG)
        console.log("RES", before.metadata.name, after?.spec.podref, this.isGoWriting, before.spec.uid);
      if (this.isGoWriting && before.spec.uid !== undefined) this.#damaged.add(place);
      if (this.#damaged.has(place)) continue;
      for (const holding of this.#byPlace.get(place) ?? []) {
        if (!holding.overlapCheck || holding.user.isGo) continue;
        if (reservationName(networkName, address) !== before.metadata.name) continue;
        if (after?.spec.podref === holding.user.podref) continue;
        this.fail("never free", `the reservation of ${holding.text} of ${nameOf(holding)} is taken away`);
      }
    }
  }

  *#holdingsAt(address: Address): Iterable<Holding> {
    const text = formatAddress(address);
    for (const [place, set] of this.#byPlace) if (place.endsWith(`\n${text}`)) yield* set;
  }
}

function placeOf({ networkName, text }: Holding): string {
  return `${networkName}\n${text}`;
}

export function nameOf({ user }: { readonly user: User }): string {
  return `${user.podref} ${user.ifname} (${user.sandbox} on ${user.node})`;
}
