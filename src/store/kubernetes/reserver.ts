import type { Claim } from "../../allocation/claim.ts";
import { podRef, samePod } from "../../allocation/owner.ts";
import { realmSpace } from "../../allocation/pool.ts";
import { type Clock, sleep } from "../../clock.ts";
import type { ApiError, KubeClient } from "../../kube/api.ts";
import { reservationName, SLICE_NODE, sliceLabels } from "../../kube/names.ts";
import { apiVersionOf, type OverlappingRangeIPReservation, RESERVATIONS } from "../../kube/objects.ts";
import { backoff } from "../../kube/retry.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Claimed } from "./claimed.ts";
import { allocationOf, ownerOf } from "./entry.ts";
import { annotating } from "./patch.ts";
import { LATE } from "./pool-writer.ts";
import type { Reservation, Sink, State } from "./state.ts";

/** `taken`: another owner has the address in this realm. `isNew`: it is for us to take back if the ADD fails. */
export type ReserveResult =
  | { readonly kind: "reserved"; readonly object: OverlappingRangeIPReservation; readonly isNew: boolean }
  | { readonly kind: "taken" }
  | { readonly kind: "failed"; readonly error: ApiError };

export type ReserverOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly state: State;
  readonly sink: Sink;
  readonly claimed: Claimed;
  /** Whether the state shows all reservations, so that one that it does not show cannot be ours. */
  readonly knowsAll: () => boolean;
  /** Whose slices' reservations are labelled; see `scopesOf`. */
  readonly node?: string;
};

/** When an ADD last took the reservation over from one that did not end. */
const ADOPTED = "berth/adopted";
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 400;
/** Milliseconds for one request: a hanging one is repeated while the caller still waits. */
const ATTEMPT = 4_000;

/** Makes and takes back reservation objects: their names are unique, so the server decides who has an address. */
export class Reserver {
  readonly #options: ReserverOptions;

  constructor(options: ReserverOptions) {
    this.#options = options;
  }

  /**
   * Reserves the address of a claim in its realm. `own`: the pod's own reservation of it, left by an earlier ADD. `isHeld`: the pod's
   * entry is there, so one that the state does not show may be the pod's as well: the watches of both do not go hand in hand.
   */
  async reserve(
    claim: Claim,
    own: Reservation | undefined,
    deadline: number,
    isHeld = false,
  ): Promise<ReserveResult> {
    const { client, clock, state, sink, node } = this.#options;
    const isLabelled = node !== undefined && claim.pool.node === node;
    let mine = own?.object;
    let isUnsure = isHeld || !this.#options.knowsAll();
    let last: ApiError = LATE;
    for (let tries = 0; ; tries++) {
      const timeout = Math.min(ATTEMPT, deadline - clock.elapsed());
      if (timeout <= 0) return { kind: "failed", error: last };
      const wanted = reservationFor(claim, client.namespace, isLabelled ? sliceLabels(node) : undefined);
      const answer = await (mine
        ? this.#adopt(mine, wanted, timeout)
        : client.create(RESERVATIONS, wanted, { timeout }));
      if (answer.ok) {
        sink.putReservation(answer.value);
        return { kind: "reserved", object: answer.value, isNew: true };
      }
      const { error } = answer;
      last = error;
      if (error.code === "already_exists" && !isUnsure) return this.#taken(claim);
      if (error.retry === "conflict" || error.maybeDone) {
        isUnsure = true;
        const found = await this.look(wanted.metadata.name, deadline);
        if (!found.ok) return { kind: "failed", error: found.error };
        mine = found.value;
        if (mine && (!isOurs(mine, claim) || state.isBacked(mine, claim.pool))) return this.#taken(claim);
        if (mine && mine.spec.containerid === claim.owner.sandbox)
          return { kind: "reserved", object: mine, isNew: true };
        if (tries === 0) continue;
      } else if (error.retry !== "transient") return { kind: "failed", error };
      await sleep(clock, backoff(tries, FIRST_PAUSE, LONGEST_PAUSE, clock));
    }
  }

  /**
   * Deletes a reservation, unless an entry stands behind it: its own, or one of Go whereabouts, whose ADD gives what it finds reserved
   * under the name of its pod, whoever reserved it. In just this version: another ADD of the pod may take it over at the same moment.
   */
  async remove(object: OverlappingRangeIPReservation, deadline: number): Promise<Result<void, ApiError>> {
    const { client, clock, state, sink } = this.#options;
    let current: OverlappingRangeIPReservation | undefined = object;
    let last: ApiError = LATE;
    for (let tries = 0; current; tries++) {
      if (state.isBacked(current)) return ok(undefined);
      const { name, namespace = client.namespace, uid, resourceVersion } = current.metadata;
      const timeout = Math.min(ATTEMPT, deadline - clock.elapsed());
      if (timeout <= 0) return err(last);
      const only = {
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      };
      const answer = await client.delete(RESERVATIONS, { name, namespace }, { timeout, ...only });
      if (answer.ok || answer.error.code === "not_found") {
        sink.dropReservation(current);
        return ok(undefined);
      }
      const { error } = answer;
      last = error;
      if (error.retry !== "transient" && error.retry !== "conflict") return err(error);
      if (error.retry === "conflict" || error.maybeDone) {
        const found = await this.look(name, deadline);
        if (!found.ok) return found;
        if (!found.value || !isSameHolder(found.value, object)) return ok(undefined);
        current = found.value;
      }
      await sleep(clock, backoff(tries, FIRST_PAUSE, LONGEST_PAUSE, clock));
    }
    return ok(undefined);
  }

  /** Reads a reservation; undefined if there is none. */
  async look(
    name: string,
    deadline: number,
  ): Promise<Result<OverlappingRangeIPReservation | undefined, ApiError>> {
    const { client, clock, state, sink } = this.#options;
    const before = state.reservation(name)?.object;
    const timeout = Math.max(1, Math.min(ATTEMPT, deadline - clock.elapsed()));
    const found = await client.get(RESERVATIONS, { name, namespace: client.namespace }, { timeout });
    if (found.ok) {
      sink.putReservation(found.value);
      return found;
    }
    if (found.error.code !== "not_found") return found;
    if (before) sink.dropReservation(before);
    return ok(undefined);
  }

  #adopt(mine: OverlappingRangeIPReservation, wanted: OverlappingRangeIPReservation, timeout: number) {
    const { clock } = this.#options;
    const { name, namespace = this.#options.client.namespace } = mine.metadata;
    const { [SLICE_NODE]: _, ...labels } = mine.metadata.labels ?? {};
    // A patch that changes nothing is no write, and whoever takes the old version away would take it from under us.
    const adopted = `${new Date(clock.now()).toISOString()} ${Math.floor(clock.random() * 2 ** 32).toString(16)}`;
    const patch = [
      ...annotating(mine, ADOPTED, adopted),
      { op: "add", path: "/metadata/labels", value: { ...labels, ...wanted.metadata.labels } },
      { op: "replace", path: "/spec", value: wanted.spec },
    ] as const;
    return this.#options.client.patch(
      RESERVATIONS,
      { name, namespace },
      { type: "json", patch },
      { timeout },
    );
  }

  #taken({ pool, address }: Claim): ReserveResult {
    const { state, claimed } = this.#options;
    const isKnown = state.reservation(reservationName(pool.networkName, address)) !== undefined;
    // In a slice it may be that of a former owner, which whoever keeps the slice knows.
    if (!isKnown && pool.node === undefined)
      claimed.refuse(realmSpace(pool.networkName, address.family), address);
    return { kind: "taken" };
  }
}

/** The object that reserves the address of a claim in its realm. */
export function reservationFor(
  claim: Claim,
  namespace: string,
  labels?: { readonly [key: string]: string },
): OverlappingRangeIPReservation {
  const { id, podref, ifname = "", uid, node, since } = allocationOf(claim);
  const name = reservationName(claim.pool.networkName, claim.address);
  return {
    apiVersion: apiVersionOf(RESERVATIONS),
    kind: RESERVATIONS.kind,
    metadata: { name, namespace, ...(labels && { labels }) },
    spec: {
      podref,
      ifname,
      containerid: id,
      ...(uid !== undefined && { uid }),
      ...(node !== undefined && { node }),
      ...(since !== undefined && { since }),
    },
  };
}

function isOurs({ spec }: OverlappingRangeIPReservation, { owner }: Claim): boolean {
  const { pod, ifname } = ownerOf(spec);
  return (
    podRef(pod) === podRef(owner.pod) && samePod(pod, owner.pod) && (ifname === "" || ifname === owner.ifname)
  );
}

function isSameHolder(a: OverlappingRangeIPReservation, b: OverlappingRangeIPReservation): boolean {
  const { podref, ifname, containerid } = a.spec;
  return podref === b.spec.podref && ifname === b.spec.ifname && containerid === b.spec.containerid;
}
