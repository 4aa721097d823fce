import { type Pool, poolSpace, type Space } from "../../allocation/pool.ts";
import type { Clock } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import type { Interval } from "../../ip/interval.ts";

/** So long after its last lost race, in milliseconds, a node takes the lowest addresses again. */
const CALM = 5_000;
/** Addresses that a loser goes ahead at most. */
const LONGEST_STRETCH = 4_096;
/** The stretch grows by this factor with each loss. */
const GROWTH = 512;

/** Where a pool is looked through from; `turn` tells the places of one pool apart, in the order in which they were drawn. */
type Start = { readonly at: bigint; readonly turn: number; readonly losses: number; readonly until: number };

/**
 * Keeps the nodes that draw from one pool at the same moment out of each other's way. All want the lowest address, so those
 * who race would meet again at the next one: a loser goes ahead at random, with all that its node has under way, and its
 * node takes what follows from there until the race is over.
 */
export class Spread {
  readonly #clock: Clock;
  readonly #starts = new Map<Space, Start>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The place in use now; 0: none, the lowest address is taken. */
  turn(pool: Pool): number {
    return this.#start(pool)?.turn ?? 0;
  }

  /** What may be handed out, in the order in which it should be. */
  order(pool: Pool, free: readonly Interval[]): readonly Interval[] {
    const start = this.#start(pool);
    const lowest = free[0]?.first;
    const highest = free.at(-1)?.last;
    if (!start || lowest === undefined || highest === undefined) return free;
    const at = start.at <= highest ? start.at : lowest + ((start.at - lowest) % (highest - lowest + 1n));
    const above = free.flatMap(({ first, last }) =>
      last < at ? [] : [{ first: first < at ? at : first, last }],
    );
    const below = free.flatMap(({ first, last }) =>
      first >= at ? [] : [{ first, last: last < at ? last : at - 1n }],
    );
    return [...above, ...below];
  }

  /** An address that was chosen in that turn went to another node. `underWay`: how many this node is writing. */
  lost(pool: Pool, address: Address, turn: number, underWay: number): void {
    const start = this.#start(pool);
    if ((start?.turn ?? 0) !== turn) return; // the others of that turn have lost the same race
    const losses = (start?.losses ?? 0) + 1;
    const stretch = Math.min(LONGEST_STRETCH, Math.max(1, underWay) * GROWTH ** Math.min(losses, 4));
    const ahead = BigInt(Math.floor(this.#clock.random() * stretch));
    const until = this.#clock.elapsed() + CALM;
    this.#starts.set(poolSpace(pool), { at: address.value + 1n + ahead, turn: turn + 1, losses, until });
  }

  #start(pool: Pool): Start | undefined {
    const space = poolSpace(pool);
    const start = this.#starts.get(space);
    if (start && this.#clock.elapsed() >= start.until) {
      this.#starts.delete(space);
      return undefined;
    }
    return start;
  }
}
