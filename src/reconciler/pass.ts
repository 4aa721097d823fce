import type { Clock } from "../clock.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { Confirmation } from "./confirm.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Mended, Mender, refresh } from "./mender.ts";
import { Sightings } from "./sightings.ts";
import { type Case, type Scope, type Survey, survey } from "./survey.ts";

export type PassOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly knowledge: Knowledge;
  /** Milliseconds between the two looks. */
  readonly grace: number;
  readonly scope?: Scope;
};

/** What one pass over everything found and did. */
export type Pass = {
  readonly survey: Survey;
  /** What was done, or tried. */
  readonly results: readonly { readonly one: Case; readonly mended: Mended }[];
  /** Milliseconds until the next case is due; undefined: none is waiting. */
  readonly next: number | undefined;
  /** Why nothing could be done, if so. */
  readonly error?: ApiError;
};

/**
 * Longest time that an ADD may take, in milliseconds, as upstream has it: so long the reservation of a pod that lives may wait for
 * its allocation.
 */
const LONGEST_ADD = 120_000;
/** Cases under way at once: more would only wait in the API server. */
const AT_ONCE = 32;
/** A case that failed is tried again after so many milliseconds. */
const RETRY = 5_000;

/** Surveys everything, and mends what was found in the same state before the grace time. Passes are not to overlap. */
export class Passes {
  readonly #options: PassOptions;
  readonly #sightings: Sightings;
  readonly #mender: Mender;

  constructor(options: PassOptions) {
    this.#options = options;
    this.#sightings = new Sightings(options.grace);
    this.#mender = new Mender(options);
  }

  /** Never throws. Stops between two cases when the signal aborts. */
  async run(signal?: AbortSignal): Promise<Pass> {
    const { clock, knowledge } = this.#options;
    let seen = this.#look();
    // A reservation is without allocation only if no pool has one that a watch has not told yet.
    if (seen.due.some(({ kind }) => kind !== "stranded")) {
      const read = await refresh(knowledge, clock);
      if (!read.ok) return { survey: seen.survey, results: [], next: RETRY, error: read.error };
      seen = this.#look();
    }
    const results = await this.#mendAll(seen.due, signal);
    const open = results.some(({ mended }) => mended.kind !== "done");
    const waits = [...(open ? [RETRY] : []), ...(seen.next === undefined ? [] : [seen.next])];
    return { survey: seen.survey, results, next: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  #look(): { survey: Survey; due: readonly Case[]; next: number | undefined } {
    const { clock, knowledge, grace, scope } = this.#options;
    const found = survey(knowledge, clock.now(), scope);
    const due: Case[] = [];
    let next: number | undefined;
    for (const one of found.cases) {
      const wait = one.kind === "loose" && one.isOwned ? Math.max(grace, LONGEST_ADD) : grace;
      const left = this.#sightings.see(one.key, one.mark, clock.elapsed(), wait);
      if (left === 0) due.push(one);
      else next = next === undefined ? left : Math.min(next, left);
    }
    this.#sightings.keepOnly(new Set(found.cases.map(({ key }) => key)));
    return { survey: found, due, next };
  }

  async #mendAll(due: readonly Case[], signal?: AbortSignal): Promise<Pass["results"]> {
    const confirmation = new Confirmation(this.#options.client);
    const results: { one: Case; mended: Mended }[] = [];
    const queue = due.values();
    const work = async () => {
      for (const one of queue) {
        if (signal?.aborted) return;
        const mended = await this.#mender.mend(one, confirmation);
        if (mended.kind !== "failed") this.#sightings.clear(one.key);
        results.push({ one, mended });
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, work));
    return results;
  }
}
