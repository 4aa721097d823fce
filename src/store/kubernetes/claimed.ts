import type { UsedSpace } from "../../allocation/free.ts";
import { type Pool, type Space, spacesOf } from "../../allocation/pool.ts";
import type { Clock } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import { IntervalSet } from "../../ip/interval-set.ts";

/** How long an address counts as taken that the server said was, in milliseconds: the watch tells it for good by then. */
const REMEMBERED = 5_000;

type Place = { readonly pool: Pool; readonly address: Address; readonly overlapCheck: boolean };

/**
 * Addresses that no object shows yet but that a plan must not choose: those that other acquisitions of this process
 * are writing, and those that the server has just refused.
 */
export class Claimed {
  readonly #clock: Clock;
  readonly #pending = new Map<Space, IntervalSet>();
  readonly #refused = new Map<Space, IntervalSet>();
  #expiries: { at: number; space: Space; value: bigint }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  space(space: Space): UsedSpace {
    this.#expire();
    const pending = this.#pending.get(space);
    const refused = this.#refused.get(space);
    return { runAt: (value) => pending?.runAt(value) ?? refused?.runAt(value) };
  }

  /** From now on the address is being written; the function that is returned ends it. */
  hold({ pool, address, overlapCheck }: Place): () => void {
    const spaces = spacesOf(pool, overlapCheck);
    for (const space of spaces) setOf(this.#pending, space).add(address.value);
    return () => {
      for (const space of spaces) setOf(this.#pending, space).delete(address.value);
    };
  }

  /** How many addresses of the space this process is writing. */
  pendingIn(space: Space): bigint {
    return this.#pending.get(space)?.count ?? 0n;
  }

  /** Somebody else has the address in that space. */
  refuse(space: Space, { value }: Address): void {
    if (setOf(this.#refused, space).add(value)) {
      this.#expiries.push({ at: this.#clock.elapsed() + REMEMBERED, space, value });
    }
  }

  /** The objects say by now who has it. */
  known(space: Space, { value }: Address): void {
    this.#refused.get(space)?.delete(value);
  }

  /** Whether a plan that found nothing might find something once what is remembered is forgotten. */
  get isDoubtful(): boolean {
    return this.#expiries.length > 0;
  }

  forgetRefused(): void {
    this.#refused.clear();
    this.#expiries = [];
  }

  #expire(): void {
    const now = this.#clock.elapsed();
    const ended = this.#expiries.findIndex(({ at }) => at > now);
    for (const { space, value } of this.#expiries.splice(0, ended < 0 ? this.#expiries.length : ended)) {
      setOf(this.#refused, space).delete(value);
    }
  }
}

function setOf(sets: Map<Space, IntervalSet>, space: Space): IntervalSet {
  const found = sets.get(space) ?? new IntervalSet();
  sets.set(space, found);
  return found;
}
