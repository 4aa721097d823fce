import type { ApiRequest } from "../../src/kube/transport.ts";
import { type Call, type Fault, Faults, type Match, matches } from "./faults.ts";
import type { User } from "./identity.ts";
import { child, isJson, text } from "./json.ts";
import { ApiServer, failed, type Reply, type ServerOptions, verbOf } from "./server.ts";
import { findTarget, readPath } from "./target.ts";

/** What becomes of one request on its way. */
export type Plan = {
  /** Milliseconds before it is carried out. */
  readonly delay: number;
  readonly delayAnswer: number;
  readonly fate: "answer" | "drop_before" | "drop_after" | "hang";
  /** What to do in place of carrying it out, before or after. */
  readonly faults: readonly Fault[];
};

const PLAIN: Plan = { delay: 0, delayAnswer: 0, fate: "answer", faults: [] };

/** Between a front and the server: faults, counters, and the open watches that a restart breaks. */
export class Gateway {
  readonly server: ApiServer;
  readonly faults: Faults;
  readonly counts = new Counts();
  readonly #watches = new Set<(why: string) => void>();
  #up = true;

  constructor(options: ServerOptions) {
    this.server = new ApiServer(options);
    this.faults = new Faults(() => options.clock.random());
  }

  /** False: connections are refused. */
  get up(): boolean {
    return this.#up;
  }

  call(request: ApiRequest, client: string): Call {
    const [path = "", search = ""] = request.path.split("?", 2);
    const target = findTarget(this.server.cluster.registry, readPath(path));
    const verb = target && verbOf(request.method, target, new URLSearchParams(search));
    if (!target || !verb) return { client, verb: "other", resource: path, namespace: "", name: "" };
    const { kind, subresource } = target;
    return {
      client,
      verb,
      resource: subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`,
      namespace: target.namespace ?? "",
      name: target.name ?? (verb === "create" ? nameIn(request.body) : ""),
    };
  }

  plan(call: Call): Plan {
    const met = this.faults.meet(call);
    if (met.length === 0) return PLAIN;
    let delay = 0;
    let delayAnswer = 0;
    let fate: Plan["fate"] = "answer";
    for (const fault of met) {
      if (fault.do === "delay") delay += fault.ms;
      if (fault.do === "delay_answer") delayAnswer += fault.ms;
      if (fault.do === "drop_before" || fault.do === "drop_after" || fault.do === "hang") fate = fault.do;
    }
    return { delay, delayAnswer, fate, faults: met };
  }

  /** The moment at which the server acts, counted: at once, but where it asks a webhook before. */
  carryOut(
    call: Call,
    plan: Plan,
    request: ApiRequest,
    use: (reply: Reply) => void,
    certificate?: User,
  ): void {
    for (const fault of plan.faults) if (fault.do === "run") fault.run();
    const refusal = plan.faults.find((fault) => fault.do === "answer");
    const done = (reply: Reply) => {
      this.counts.add(call, reply.status);
      for (const fault of plan.faults) if (fault.do === "run_after") fault.run();
      use(reply);
    };
    const reply = refusal ? failed(refusal.failure) : this.server.respond(request, certificate);
    if (reply instanceof Promise) void reply.then(done);
    else done(reply);
  }

  /** Registers an open watch; returns the way to leave. */
  opened(breakOff: (why: string) => void): () => void {
    this.#watches.add(breakOff);
    return () => this.#watches.delete(breakOff);
  }

  /** Breaks all watches. */
  breakWatches(why = "connection reset by peer"): void {
    for (const breakOff of [...this.#watches]) breakOff(why);
  }

  /** The server ends: watches break, connections are refused, until `start`. Objects stay, as in etcd. */
  stop(): void {
    this.#up = false;
    this.breakWatches();
  }

  /** A server that comes back knows the present only: watches from before get 410. */
  start(): void {
    this.server.cluster.store.compact();
    this.#up = true;
  }

  restart(): void {
    this.stop();
    this.start();
  }
}

function nameIn(body: string | undefined): string {
  const name = /"metadata":\s*\{[^{}]*"name":\s*"([^"]*)"/.exec(body ?? "")?.[1];
  if (name !== undefined || body === undefined) return name ?? "";
  try {
    const object: unknown = JSON.parse(body);
    return (isJson(object) && text(child(object, "metadata"), "name")) || "";
  } catch {
    return "";
  }
}

/** How many requests of which kind came, and how they ended; for claims like "at most two writes". */
export class Counts {
  readonly #counts = new Map<string, { readonly call: Call; readonly status: number; count: number }>();

  add({ client, verb, resource }: Call, status: number): void {
    const key = `${client}\n${verb}\n${resource}\n${status}`;
    const found = this.#counts.get(key);
    if (found) found.count += 1;
    else
      this.#counts.set(key, { call: { client, verb, resource, namespace: "", name: "" }, status, count: 1 });
  }

  /** By client, verb, resource and status; names and namespaces are not kept apart. */
  count(match: Pick<Match, "client" | "verb" | "resource"> & { readonly status?: number } = {}): number {
    let sum = 0;
    for (const { call, status, count } of this.#counts.values()) {
      if (matches(match, call) && (match.status === undefined || match.status === status)) sum += count;
    }
    return sum;
  }

  writes(client?: string): number {
    const verb = ["create", "update", "patch", "delete", "deletecollection"] as const;
    return this.count(client === undefined ? { verb } : { verb, client });
  }

  reset(): void {
    this.#counts.clear();
  }

  /** `client verb resource status` with its count, for messages of failing tests. */
  table(): readonly string[] {
    return [...this.#counts.values()].map(
      ({ call, status, count }) => `${call.client} ${call.verb} ${call.resource} ${status}: ${count}`,
    );
  }
}
