import { type Clock, sleep } from "../../clock.ts";
import type { Address } from "../../ip/address.ts";
import { contains } from "../../ip/cidr.ts";
import type { KubeClient } from "../../kube/api.ts";
import { reservationName } from "../../kube/names.ts";
import { type OverlappingRangeIPReservation, RESERVATIONS } from "../../kube/objects.ts";
import { annotating } from "./patch.ts";
import type { PoolRecord } from "./pool-record.ts";
import { isWithin, type Reservation, type Sink, type State } from "./state.ts";
import { versionOf } from "./versions.ts";

/** Milliseconds for which a reservation tells that its node is about to write the pool: an ADD or DEL ends within 10 s. */
const RECENT = 10_000;
/** Milliseconds for which each node that comes before us is waited for: it may have died. */
const PATIENCE = 3_000;
/** Milliseconds between two looks at whose turn it is. */
const LOOK = 40;
/** Milliseconds for telling that we are about to write; if that fails, we write out of turn. */
const TELLING = 1_000;
/** The annotation of a reservation whose entry is about to be taken out of a large pool, and when that was said. */
const LEAVING = "berth/leaving";

export type WriteOrderOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly state: State;
  readonly sink: Sink;
  /** Ours, as reservations name it. */
  readonly node: string;
};

type Waiting = { readonly reservation: Reservation; readonly version: bigint; readonly until: number };

/**
 * In which order nodes write a large pool that several of them want to write at this moment. The server repeats colliding writes
 * inside, each up to five times, and each takes as long as the pool is large: ten that meet at 5,000 addresses took 14 s. A node
 * reserves an address before it writes its entry, and says on a reservation that it is about to take the entry out; all see the
 * reservations, and the node with the oldest one is the first. Nobody enforces that order and nothing rests on it.
 */
export class WriteOrder {
  readonly #options: WriteOrderOptions;
  readonly #recent = new Map<string, Waiting>();

  constructor(options: WriteOrderOptions) {
    this.#options = options;
    options.state.onReservation((reservation) => this.#note(reservation));
  }

  /**
   * Waits while others are to write that pool before us, at most until `latest` by `clock.elapsed()`. `leaving`: an address that we are
   * about to take out of it.
   */
  async take(record: PoolRecord, leaving: Address | undefined, latest: number): Promise<void> {
    const { clock } = this.#options;
    if (leaving !== undefined && !this.#oldest(record).has(this.#options.node)) {
      await this.#announce(record, leaving);
      await sleep(clock, LOOK); // what others said just before is told by then
    }
    let ahead = this.#ahead(record);
    for (let since = clock.elapsed(); ahead > 0; ) {
      if (clock.elapsed() >= Math.min(since + ahead * PATIENCE, latest)) return;
      await sleep(clock, LOOK);
      const left = this.#ahead(record);
      if (left < ahead) since = clock.elapsed();
      ahead = left;
    }
  }

  /** How many other nodes come before this one. */
  #ahead(record: PoolRecord): number {
    const oldest = this.#oldest(record);
    const own = oldest.get(this.#options.node);
    return own === undefined ? 0 : [...oldest.values()].filter((version) => version < own).length;
  }

  /** By node, the version of its oldest reservation that waits for a write of that pool. */
  #oldest(record: PoolRecord): ReadonlyMap<string, bigint> {
    const { clock, state } = this.#options;
    const oldest = new Map<string, bigint>();
    const now = clock.elapsed();
    for (const [name, { reservation, version, until }] of this.#recent) {
      if (now >= until || state.reservation(name) !== reservation) this.#recent.delete(name);
      else if (this.#isWaiting(reservation, record)) {
        const { node = "" } = reservation.object.spec;
        const known = oldest.get(node);
        if (known === undefined || version < known) oldest.set(node, version);
      }
    }
    return oldest;
  }

  #note(reservation: Reservation): void {
    const { clock } = this.#options;
    const { metadata, spec } = reservation.object;
    if (spec.node === undefined) return; // of Go whereabouts, which knows no order
    const said = leavingSince(reservation.object) ?? spec.since ?? "";
    if (!(Math.abs(clock.now() - Date.parse(said)) < RECENT)) return;
    const version = versionOf(metadata);
    this.#recent.set(metadata.name, { reservation, version, until: clock.elapsed() + RECENT });
  }

  #isWaiting({ object, means }: Reservation, { pool }: PoolRecord): boolean {
    const isLeaving = leavingSince(object) !== undefined;
    return means.some(({ networkName, address }) => {
      if (!isWithin(pool, networkName) || !contains(pool.range, address)) return false;
      return this.#options.state.entriesOf(address).length > 0 === isLeaving;
    });
  }

  async #announce({ pool }: PoolRecord, address: Address): Promise<void> {
    const { client, clock, state, sink, node } = this.#options;
    const found = state.reservation(reservationName(pool.networkName, address));
    if (found?.object.spec.node !== node) return;
    const { name, namespace = client.namespace } = found.object.metadata;
    const patch = annotating(found.object, LEAVING, new Date(clock.now()).toISOString());
    const answer = await client.patch(
      RESERVATIONS,
      { name, namespace },
      { type: "json", patch },
      { timeout: TELLING },
    );
    if (answer.ok) sink.putReservation(answer.value);
  }
}

function leavingSince({ metadata }: OverlappingRangeIPReservation): string | undefined {
  return metadata.annotations?.[LEAVING];
}
