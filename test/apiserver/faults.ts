import type { Failure } from "./failure.ts";
import type { Verb } from "./server.ts";

/** One request as matchers and counters see it. */
export type Call = {
  /** Who calls: the name that an in-process client was made with, else the user, else the User-Agent of the request. */
  readonly client: string;
  /** Of RBAC; `other` for health, version and discovery. */
  readonly verb: Verb | "other";
  /** Plural, with `/status` for the subresource; the path for `other`. */
  readonly resource: string;
  readonly namespace: string;
  /** "" for lists, watches and creations with a generated name. */
  readonly name: string;
};

/** What a fault applies to; what is left out matches all. */
export type Match = {
  readonly client?: string;
  readonly verb?: Call["verb"] | readonly Call["verb"][];
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string | RegExp;
  /** Only the nth call that matches, counted from 1. */
  readonly nth?: number;
  /** Not more often than so; for ever where left out. */
  readonly times?: number;
  /** Share of the matching calls, drawn from the clock's randomness. */
  readonly chance?: number;
};

export type Fault =
  /** So many milliseconds more before the request is carried out. */
  | { readonly do: "delay"; readonly ms: number }
  /** So many milliseconds more between the commit and the answer. */
  | { readonly do: "delay_answer"; readonly ms: number }
  | { readonly do: "answer"; readonly failure: Failure }
  /** The connection closes, nothing was carried out. */
  | { readonly do: "drop_before" }
  /** Carried out, then the connection closes without an answer. */
  | { readonly do: "drop_after" }
  /** Nothing is carried out and no answer ever comes. */
  | { readonly do: "hang" }
  /** Runs before the request is carried out: to change objects under a client's feet, or to kill it. */
  | { readonly do: "run"; readonly run: () => void }
  /** The same after the commit, before the answer leaves. */
  | { readonly do: "run_after"; readonly run: () => void };

/** The answers of a server in trouble, in its own words. */
export const ANSWERS = {
  conflict: (resource: string, name: string): Failure => ({
    code: 409,
    reason: "Conflict",
    message: `Operation cannot be fulfilled on ${resource} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    details: { name, kind: resource },
  }),
  tooManyRequests: (seconds: number): Failure => ({
    code: 429,
    reason: "TooManyRequests",
    message: "the server has received too many requests and has asked us to try again later",
    details: { retryAfterSeconds: seconds },
    retryAfter: seconds,
  }),
  internal: {
    code: 500,
    reason: "InternalError",
    message: "Internal error occurred: etcdserver: leader changed",
  },
  etcdTimeout: { code: 500, message: "etcdserver: request timed out" },
  unavailable: {
    code: 503,
    reason: "ServiceUnavailable",
    message: "the server is currently unable to handle the request",
  },
  gatewayTimeout: {
    code: 504,
    reason: "Timeout",
    message: "Timeout: request did not complete within the requested timeout",
  },
} as const;

export type Planted = {
  /** How many calls it has met. */
  hits(): number;
  remove(): void;
};

type Rule = { readonly match: Match; readonly fault: Fault; seen: number; hits: number };

/** Faults on demand. They apply to calls from now on, in the order in which they were planted. */
export class Faults {
  readonly #rules = new Set<Rule>();
  readonly #partitioned = new Map<string, (() => void)[]>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  plant(match: Match, fault: Fault): Planted {
    const rule: Rule = { match, fault, seen: 0, hits: 0 };
    this.#rules.add(rule);
    return { hits: () => rule.hits, remove: () => this.#rules.delete(rule) };
  }

  /** Removes all faults and heals all partitions. */
  clear(): void {
    this.#rules.clear();
    for (const client of [...this.#partitioned.keys()]) this.heal(client);
  }

  /** Nothing gets through between this client and the server, in either direction, until `heal`. */
  partition(client: string): void {
    if (!this.#partitioned.has(client)) this.#partitioned.set(client, []);
  }

  /** What watches had to tell meanwhile arrives now, as over a TCP connection that outlived the partition. */
  heal(client: string): void {
    const waiting = this.#partitioned.get(client) ?? [];
    this.#partitioned.delete(client);
    for (const run of waiting) run();
  }

  isPartitioned(client: string): boolean {
    return this.#partitioned.has(client);
  }

  /** Runs at once, or when the client's partition is healed. */
  whenHealed(client: string, run: () => void): void {
    const waiting = this.#partitioned.get(client);
    if (waiting) waiting.push(run);
    else run();
  }

  /** The faults that this call meets. */
  meet(call: Call): readonly Fault[] {
    if (this.#rules.size === 0) return NONE;
    const met: Fault[] = [];
    for (const rule of this.#rules) {
      const { match } = rule;
      if (!matches(match, call)) continue;
      rule.seen += 1;
      if (match.nth !== undefined && rule.seen !== match.nth) continue;
      if (match.times !== undefined && rule.hits >= match.times) continue;
      if (match.chance !== undefined && this.#random() >= match.chance) continue;
      rule.hits += 1;
      met.push(rule.fault);
    }
    return met;
  }
}

const NONE: readonly Fault[] = [];

export function matches(match: Match, call: Call): boolean {
  const { verb, name } = match;
  if (match.client !== undefined && match.client !== call.client) return false;
  if (typeof verb === "string" ? verb !== call.verb : verb && !verb.includes(call.verb)) return false;
  if (match.resource !== undefined && match.resource !== call.resource) return false;
  if (match.namespace !== undefined && match.namespace !== call.namespace) return false;
  return name === undefined || (typeof name === "string" ? name === call.name : name.test(call.name));
}
