import type { Acquire, AllocationError, Claim, Outcome } from "../../allocation/claim.ts";
import { samePod } from "../../allocation/owner.ts";
import { type Plan, planAcquire } from "../../allocation/plan.ts";
import { poolSpace, type Space } from "../../allocation/pool.ts";
import { type Clock, sleep } from "../../clock.ts";
import type { ApiError } from "../../kube/api.ts";
import { reservationName } from "../../kube/names.ts";
import type { IPAllocation, OverlappingRangeIPReservation } from "../../kube/objects.ts";
import { backoff } from "../../kube/retry.ts";
import { err, ok, type Result } from "../../result.ts";
import type { Claimed } from "./claimed.ts";
import { allocationOf, ownerOf } from "./entry.ts";
import type { Given } from "./given.ts";
import type { PoolOp } from "./patch.ts";
import { LATE, type OpResult, type PoolWriter } from "./pool-writer.ts";
import type { Reserver } from "./reserver.ts";
import type { SliceGuard } from "./slices/guard.ts";
import type { Source } from "./source.ts";
import type { Spread } from "./spread.ts";
import type { State } from "./state.ts";
import { PlanView } from "./view.ts";

/** What the steps of a change need; one for the whole store. */
export type Tools = {
  readonly clock: Clock;
  readonly state: State;
  readonly claimed: Claimed;
  readonly given: Given;
  readonly spread: Spread;
  readonly source: Source;
  readonly reserver: Reserver;
  readonly slices: SliceGuard;
  readonly writer: (name: string, pool: Claim["pool"]) => PoolWriter;
  /** The uids of pods of this name that are gone and whose addresses this pod may have. */
  readonly inherited: (request: Acquire, deadline: number) => Promise<ReadonlySet<string>>;
};

const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 250;
/** Milliseconds that an ADD may take whose runtime has given it up. */
const LONGEST_ADD = 120_000;
/** Milliseconds for taking back what a failed ADD has written, after its caller's time. */
const UNDO = 5_000;

/** Another try is needed: what was known has turned out to be old. */
const AGAIN = { code: "again" } as const;

type Failure =
  | { readonly code: "refused"; readonly error: AllocationError }
  | { readonly code: "api"; readonly error: ApiError };

/**
 * One ADD: reservations first, then the pools, then the answer. Whatever it has written is its own to take back when it
 * cannot be finished; if the process dies, it is found by its owner: by the next ADD or DEL, or by the reconciler.
 */
export class Acquisition {
  readonly #request: Acquire;
  readonly #deadline: number;
  readonly #tools: Tools;
  /** Reservations that this ADD has made. */
  readonly #reserved = new Map<string, OverlappingRangeIPReservation>();
  /** Pool entries that this ADD has made. */
  readonly #written: Claim[] = [];
  /** Other sandboxes of the pod that had addresses when this ADD began. */
  #predecessors: ReadonlySet<string> | undefined;
  /** By pool, the turn in which the try that is under way has chosen. */
  readonly #turns = new Map<Space, number>();
  #isRefreshed = false;

  constructor(request: Acquire, deadline: number, tools: Tools) {
    this.#request = request;
    this.#deadline = deadline;
    this.#tools = tools;
  }

  /** Never leaves half of it: on a refusal or an error nothing new is held, as far as the server can be reached. */
  async run(): Promise<Result<Outcome, ApiError>> {
    const { clock } = this.#tools;
    for (let tries = 0; ; tries++) {
      const outcome = await this.#try();
      if (outcome.ok) {
        await this.#dropSpare(clock.elapsed() + UNDO);
        if (clock.elapsed() < this.#deadline) return outcome;
        await this.#undo();
        return err(LATE); // its caller has been told so already
      }
      const { error } = outcome;
      const late = clock.elapsed() >= this.#deadline;
      if (error.code === "again" && !late) {
        if (tries > 0) await sleep(clock, backoff(tries - 1, FIRST_PAUSE, LONGEST_PAUSE, clock));
        continue;
      }
      await this.#undo();
      if (error.code === "refused") return ok({ kind: "refused", error: error.error });
      return err(error.code === "api" ? error.error : LATE);
    }
  }

  async #try(): Promise<Result<Extract<Outcome, { kind: "acquired" }>, Failure | typeof AGAIN>> {
    const { state, claimed, source } = this.#tools;
    const names = [...new Set(this.#request.wants.map(({ pool }) => state.bind(pool)))];
    const ready = await source.ready(names, this.#deadline);
    if (!ready.ok) return api(ready.error);
    for (const name of names) {
      const fault = state.faultOf(name);
      if (fault !== undefined) return api(faulty(fault));
    }
    if (this.#isOvertaken()) return api(OVERTAKEN);
    const inherited = await this.#tools.inherited(this.#request, this.#deadline);
    const view = new PlanView(this.#tools, this.#request, inherited);
    const plan = planAcquire({ ...this.#request, wants: this.#ordered() }, view);
    if (!plan.ok) return this.#refused(plan.error, names);
    const held = plan.value.created.map((claim) => claimed.hold(claim));
    try {
      const outcome = await this.#carryOut(plan.value, view);
      return outcome.ok ? await this.#outsideSlices(outcome, plan.value) : outcome;
    } finally {
      for (const release of held) release();
    }
  }

  /** What turns out to be a node's to give is taken back, and something else is looked for. */
  async #outsideSlices<T>(outcome: T, { created }: Plan): Promise<T | Result<never, Failure | typeof AGAIN>> {
    const meets = await this.#tools.slices.meets(created, this.#deadline);
    if (!meets.ok) return api(meets.error);
    if (!meets.value) return outcome;
    await this.#undo();
    return err(AGAIN);
  }

  /**
   * A pod's new sandbox takes over what an older one has left. One that has come to an address since this ADD began is not older:
   * the runtime has given up this ADD, whose process lives on, and nothing may be taken from the sandbox that runs.
   */
  #isOvertaken(): boolean {
    const { now, owner } = this.#request;
    const { pod, ifname, sandbox } = owner;
    const others: string[] = [];
    const older: string[] = [];
    for (const { entry } of this.#tools.state.heldBy(pod, ifname)) {
      const { id, since = "" } = entry.allocation;
      if (id === sandbox || !samePod(ownerOf(entry.allocation).pod, pod)) continue;
      others.push(id);
      const age = Date.parse(since) - now;
      // One that could not reach the server for long sees it only now; a clock that was set back must not stop others for long.
      if (!(age > 0 && age < LONGEST_ADD)) older.push(id);
    }
    this.#predecessors ??= new Set(older);
    const known = this.#predecessors;
    return others.some((id) => !known.has(id));
  }

  #ordered(): Acquire["wants"] {
    const { spread } = this.#tools;
    return this.#request.wants.map((want) => {
      this.#turns.set(poolSpace(want.pool), spread.turn(want.pool));
      return { ...want, free: spread.order(want.pool, want.free) };
    });
  }

  /** A refusal counts when it rests on what the server has now, and not on old news. */
  async #refused(error: AllocationError, names: readonly string[]) {
    const { claimed, source } = this.#tools;
    const isDoubtful = !this.#isRefreshed && (claimed.isDoubtful || !source.isCurrent());
    if (!isDoubtful) return err({ code: "refused", error } as const);
    this.#isRefreshed = true;
    const read = await source.refresh(names, this.#deadline);
    if (!read.ok) return api(read.error);
    claimed.forgetRefused();
    return err(AGAIN);
  }

  async #carryOut(
    plan: Plan,
    view: PlanView,
  ): Promise<Result<Extract<Outcome, { kind: "acquired" }>, Failure | typeof AGAIN>> {
    const ops = plan.claims.map((claim) => this.#opOf(claim, plan));
    if (ops.some((op) => op === undefined)) return err(AGAIN);
    if (this.#request.overlapCheck) {
      const reserved = await this.#reserveAll(plan, view, ops);
      if (!reserved.ok) return reserved;
    }
    const results = await Promise.all(plan.claims.map((claim, index) => this.#submit(claim, ops[index])));
    for (const [index, claim] of plan.claims.entries()) {
      if (results[index]?.kind === "done" && plan.created.includes(claim)) this.#written.push(claim);
    }
    const failed = results.find((result) => result.kind === "failed");
    if (failed) return api(failed.error);
    const lost = plan.created.filter((claim) => results[plan.claims.indexOf(claim)]?.kind === "lost");
    for (const claim of lost) this.#lost(claim);
    if (results.some(({ kind }) => kind === "lost")) return err(AGAIN);
    return ok({ kind: "acquired", claims: plan.claims, created: this.#written.length });
  }

  /** Each address of the plan gets a reservation unless it has one; all at once. */
  async #reserveAll(
    plan: Plan,
    view: PlanView,
    ops: readonly (PoolOp | undefined)[],
  ): Promise<Result<void, Failure | typeof AGAIN>> {
    const { state, reserver, writer, source } = this.#tools;
    const isRace = source.knowsReservations();
    const coming = plan.claims.map(({ pool }) => writer(state.bind(pool), pool).expect());
    const results = await Promise.all(
      plan.claims.map(async (claim) => {
        const isNew = plan.created.includes(claim);
        const { networkName } = claim.pool;
        const isKept = !isNew && claim.overlapCheck; // then the reservation of its address is the pod's
        const own = isKept
          ? state.reservation(reservationName(networkName, claim.address))
          : view.ownReservation(networkName, claim.address);
        // It takes over the name of the new sandbox as the entry does: the DEL of the old one leaves it alone then.
        const isNamed = own === undefined || own.object.spec.containerid === claim.owner.sandbox;
        if (isKept && isNamed) return { claim, isNew, result: KEPT };
        if (own && this.#reserved.has(own.object.metadata.name)) return { claim, isNew, result: KEPT };
        return { claim, isNew, result: await reserver.reserve(claim, own, this.#deadline, !isNew) };
      }),
    );
    for (const announced of coming) announced();
    for (const { result } of results) {
      if (result.kind === "reserved") this.#reserved.set(result.object.metadata.name, result.object);
    }
    const failed = results.find(({ result }) => result.kind === "failed")?.result;
    if (failed?.kind === "failed") return api(failed.error);
    const taken = results.filter(({ result }) => result.kind === "taken");
    if (taken.length === 0) return ok(undefined);
    for (const { claim, isNew } of taken) {
      if (!isNew) await this.#giveUp(claim, ops[plan.claims.indexOf(claim)]);
      // Whoever did not know the reservations has lost no race: it will know them and take the lowest.
      else if (isRace) this.#lost(claim);
    }
    const learnt = await source.learnReservations(this.#deadline);
    return learnt.ok ? err(AGAIN) : api(learnt.error);
  }

  /** Another node has the address: the next try looks elsewhere. */
  #lost({ pool, address }: Claim): void {
    const { spread, claimed } = this.#tools;
    const turn = this.#turns.get(poolSpace(pool)) ?? 0;
    spread.lost(pool, address, turn, Number(claimed.pendingIn(poolSpace(pool))));
  }

  /** An entry of this pod whose address another has reserved in the realm since: it cannot be kept. By now it may be the other's. */
  async #giveUp({ pool, address }: Claim, op: PoolOp | undefined): Promise<void> {
    const { state, writer } = this.#tools;
    if (op?.kind !== "put" || !op.was) return;
    const { was } = op;
    await writer(state.bind(pool), pool).submit({ kind: "remove", address, was }, this.#deadline);
  }

  #opOf(claim: Claim, plan: Plan): PoolOp | undefined {
    const { address } = claim;
    if (plan.created.includes(claim)) return { kind: "put", address, allocation: allocationOf(claim) };
    const was = this.#recorded(claim);
    // What the pod holds already is written as well, even if nothing changes: the write proves that it is still so.
    return was && { kind: "put", address, was, allocation: merge(was, allocationOf(claim)) };
  }

  #recorded({ pool, address }: Claim): IPAllocation | undefined {
    return this.#tools.state.pool(this.#tools.state.bind(pool))?.at(address);
  }

  #submit({ pool }: Claim, op: PoolOp | undefined): Promise<OpResult> {
    if (op === undefined) return Promise.resolve({ kind: "lost" });
    return this.#tools.writer(this.#tools.state.bind(pool), pool).submit(op, this.#deadline);
  }

  /** Takes back the reservations that no entry stands behind: what a failed ADD made, or an earlier try of this one. */
  async #dropSpare(deadline: number): Promise<void> {
    const { reserver } = this.#tools;
    await Promise.all([...this.#reserved.values()].map((object) => reserver.remove(object, deadline)));
  }

  /** First the entries, then the reservations: an address without entry but with reservation is in nobody's way. */
  async #undo(): Promise<void> {
    const { state, writer, clock } = this.#tools;
    const deadline = clock.elapsed() + UNDO;
    await Promise.all(
      this.#written.map(({ pool, address, owner }) => {
        const name = state.bind(pool);
        const was = state.pool(name)?.at(address);
        if (was?.id !== owner.sandbox) return undefined;
        return writer(name, pool).submit({ kind: "remove", address, was }, deadline);
      }),
    );
    await this.#dropSpare(deadline);
    this.#written.length = 0;
    this.#reserved.clear();
  }
}

/** Another sandbox of the pod has got its addresses meanwhile. */
const OVERTAKEN: ApiError = {
  code: "conflict",
  retry: "transient",
  maybeDone: false,
  message: "another sandbox of this pod got its addresses meanwhile",
  hint: "if the runtime has given this sandbox up there is nothing to do; else it tries again",
};

const KEPT = { kind: "kept" } as const;

function merge(was: IPAllocation, now: IPAllocation): IPAllocation {
  return { ...was, ...now };
}

function api(error: ApiError) {
  return err({ code: "api", error } as const);
}

function faulty(message: string): ApiError {
  const hint = "correct or delete that object; berth check says more";
  return { code: "invalid", retry: "permanent", maybeDone: false, message, hint };
}
