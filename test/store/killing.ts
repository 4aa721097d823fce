import type { Change } from "../../src/allocation/claim.ts";
import { Client } from "../../src/kube/client.ts";
import type { ApiRequest, ApiResponse, Transport, TransportError } from "../../src/kube/transport.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { summary } from "../../src/store/contract.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { Double } from "../apiserver/double.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { keepingCrds, NAMESPACE } from "./cluster.ts";

/** What happens at one request of a process. The first two end the process: it hears of nothing more and asks for nothing. */
export type Blow =
  | { readonly kind: "die before" }
  | { readonly kind: "die after" }
  | { readonly kind: "lose answer" }
  | { readonly kind: "answer"; readonly status: number; readonly reason: string };

export const BLOWS: readonly Blow[] = [
  { kind: "die before" },
  { kind: "die after" },
  { kind: "lose answer" },
  { kind: "answer", status: 409, reason: "Conflict" },
  { kind: "answer", status: 422, reason: "Invalid" },
  { kind: "answer", status: 429, reason: "TooManyRequests" },
  { kind: "answer", status: 500, reason: "InternalError" },
  { kind: "answer", status: 503, reason: "ServiceUnavailable" },
];

export function describeBlow(blow: Blow): string {
  return blow.kind === "answer" ? `answer ${blow.status}` : blow.kind;
}

/** A wire that strikes once, at the request of that number (from 1), if it comes to that. Watches do not count. */
export class Struck implements Transport {
  readonly server: string;
  readonly #wire: Transport;
  readonly #at: number;
  readonly #blow: Blow;
  readonly #only: (request: ApiRequest) => boolean;
  #count = 0;
  #isDead = false;
  /** The request that was struck. */
  struck: string | undefined;

  constructor(wire: Transport, at: number, blow: Blow, only: (request: ApiRequest) => boolean = () => true) {
    this.server = wire.server;
    this.#wire = wire;
    this.#at = at;
    this.#blow = blow;
    this.#only = only;
  }

  request(
    request: ApiRequest,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Result<ApiResponse, TransportError>> {
    if (this.#isDead) return never();
    const isCounted = this.#only(request);
    if (isCounted) this.#count++;
    if (!isCounted || this.#count !== this.#at)
      return this.#alive(this.#wire.request(request, timeout, signal));
    this.struck = `${request.method} ${request.path}`;
    return this.#strike(request, timeout, signal);
  }

  async stream(
    request: ApiRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<ApiResponse | undefined, TransportError>> {
    return this.#alive(this.#wire.stream(request, (line) => this.#isDead || onLine(line), signal));
  }

  close(): void {
    this.#wire.close();
  }

  async #strike(
    request: ApiRequest,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Result<ApiResponse, TransportError>> {
    const blow = this.#blow;
    if (blow.kind === "answer") {
      const status = {
        kind: "Status",
        status: "Failure",
        reason: blow.reason,
        code: blow.status,
        message: "struck",
      };
      return ok({ status: blow.status, headers: {}, body: JSON.stringify(status) });
    }
    this.#isDead = blow.kind !== "lose answer";
    if (blow.kind !== "die before") await this.#wire.request(request, timeout, signal);
    if (this.#isDead) return never();
    return err({ code: "unreachable", sent: true, message: "connection reset by peer" });
  }

  /** A process that died meanwhile learns nothing. */
  async #alive<T>(answer: Promise<T>): Promise<T> {
    const value = await answer;
    return this.#isDead ? never() : value;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** A cluster in virtual time, and the processes of its nodes. */
export class Trial {
  readonly clock = new VirtualClock(7);
  readonly double = new Double({ clock: this.clock, crds: keepingCrds() });

  open(
    staying: boolean,
    at = 0,
    blow: Blow = { kind: "lose answer" },
  ): { store: KubernetesStore; wire: Struck } {
    const { clock } = this;
    // The look at the CRDs is not part of any call.
    const counted = ({ path }: { path: string }) => !path.includes("customresourcedefinitions");
    const wire = new Struck(
      this.double.connect({ client: `node-${at}`, latency: [1, 3] }),
      at,
      blow,
      counted,
    );
    const client = new Client(wire, clock, { namespace: NAMESPACE });
    const store = new KubernetesStore(client, { clock, log: () => undefined, staying, patience: 10_000 });
    return { store, wire };
  }

  /** What the changes gave, or undefined if that has not come after a minute. */
  async commit(store: KubernetesStore, changes: readonly Change[]): Promise<(string | undefined)[]> {
    const outcomes: (string | undefined)[] = changes.map(() => undefined);
    for (const [index, change] of changes.entries()) {
      void store.commit([change]).then((result) => {
        outcomes[index] = result.ok ? summary(result.value[0]) : result.error.code;
      });
    }
    await this.clock.advance(60_000);
    return outcomes;
  }
}
