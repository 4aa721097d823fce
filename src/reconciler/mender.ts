import type { Clock } from "../clock.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { type OverlappingRangeIPReservation, RESERVATIONS } from "../kube/objects.ts";
import { err, ok, type Result } from "../result.ts";
import { ownerOf } from "../store/kubernetes/entry.ts";
import { PoolWriter } from "../store/kubernetes/pool-writer.ts";
import { reservationFor } from "../store/kubernetes/reserver.ts";
import type { Held } from "../store/kubernetes/state.ts";
import type { Confirmation } from "./confirm.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Case, isReservationOf } from "./survey.ts";

/** `changed`: it was not as it had been judged any more, and is left alone. */
export type Mended =
  | { readonly kind: "done" }
  | { readonly kind: "changed" }
  | { readonly kind: "failed"; readonly error: ApiError };

export type MenderOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly knowledge: Knowledge;
};

/** Milliseconds for mending one case; what is not done by then is found again. */
const DEADLINE = 30_000;

const DONE: Mended = { kind: "done" };
const CHANGED: Mended = { kind: "changed" };

/** Carries out what a survey found twice. Every write is conditional on exactly what was judged. */
export class Mender {
  readonly #options: MenderOptions;
  readonly #writers = new Map<string, PoolWriter>();

  constructor(options: MenderOptions) {
    this.#options = options;
  }

  /** Never throws. What is mended by two at once is mended once. */
  mend(one: Case, confirmation: Confirmation): Promise<Mended> {
    if (one.kind === "loose") return this.#remove(one.object);
    if (one.kind === "unreserved") return this.#reserve(one.held);
    return this.#free(one, confirmation);
  }

  async #free(one: Extract<Case, { kind: "stranded" }>, confirmation: Confirmation): Promise<Mended> {
    const gone = await confirmation.isGone(one);
    if (!gone.ok) return { kind: "failed", error: gone.error };
    if (!gone.value) return CHANGED;
    const { clock, knowledge } = this.#options;
    const { address, allocation: was } = one.held.entry;
    // The patch tests the whole record: whoever has renewed it since keeps it.
    const deadline = clock.elapsed() + DEADLINE;
    const result = await this.#writer(one.held).submit({ kind: "remove", address, was }, deadline);
    if (result.kind === "lost") return CHANGED;
    if (result.kind === "failed") return { kind: "failed", error: result.error };
    const { state } = knowledge;
    const { pod, ifname } = ownerOf(was);
    for (const reservation of state.reservedFor(pod, ifname)) {
      if (!isReservationOf(reservation, one.held) || state.isBacked(reservation.object)) continue;
      // One that names another sandbox is that of a namesake, whose entry the watch may not yet have told.
      const { containerid = "" } = reservation.object.spec;
      if (containerid !== "" && containerid !== was.id) continue;
      // If this fails, the reservation has no allocation any more and is found as such.
      await this.#remove(reservation.object);
    }
    return DONE;
  }

  /** In just this version: an ADD that takes it over writes it. */
  async #remove(object: OverlappingRangeIPReservation): Promise<Mended> {
    const { client, knowledge } = this.#options;
    const { name, namespace = client.namespace, uid, resourceVersion } = object.metadata;
    const only = {
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    const answer = await client.delete(RESERVATIONS, { name, namespace }, only);
    if (answer.ok || answer.error.code === "not_found") {
      knowledge.source.dropReservation(object);
      return DONE;
    }
    return answer.error.retry === "conflict" ? CHANGED : { kind: "failed", error: answer.error };
  }

  async #reserve(held: Held): Promise<Mended> {
    const { client, knowledge } = this.#options;
    const wanted = reservationFor(knowledge.state.claim(held), client.namespace);
    const made = await client.create(RESERVATIONS, wanted);
    if (made.ok) {
      knowledge.source.putReservation(made.value);
      return DONE;
    }
    return made.error.code === "already_exists" ? CHANGED : { kind: "failed", error: made.error };
  }

  #writer({ record }: Held): PoolWriter {
    const known = this.#writers.get(record.name);
    if (known) return known;
    const { client, clock, knowledge } = this.#options;
    const { state, source: sink } = knowledge;
    const made = new PoolWriter({ client, clock, state, sink, name: record.name, pool: record.pool });
    this.#writers.set(record.name, made);
    return made;
  }
}

/** Reads again which pools there are, so that nothing counts as missing that a watch has not told yet. */
export async function refresh({ source }: Knowledge, clock: Clock): Promise<Result<void, ApiError>> {
  const read = await source.recheck(clock.elapsed() + DEADLINE);
  return read.ok ? ok(undefined) : err(read.error);
}
