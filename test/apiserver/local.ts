import type { Clock, Timer } from "../../src/clock.ts";
import type { ApiRequest, ApiResponse, Transport, TransportError } from "../../src/kube/transport.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { Gateway } from "./gateway.ts";
import type { Reply } from "./server.ts";

export type LocalOptions = {
  /** Who calls, for faults and counters. */
  readonly client: string;
  /** Milliseconds of one way, drawn evenly from this interval by the clock's randomness; [0, 0] where left out. */
  readonly latency?: readonly [number, number];
  /** Sent as a bearer token. */
  readonly token?: string;
};

type Answer = Result<ApiResponse, TransportError>;

/**
 * A wire inside the process. All waiting is done by the clock, all chance drawn from it, so that a simulation replays;
 * requests overtake each other as their latencies have it. What a caller no longer waits for is carried out all the same.
 */
export class LocalTransport implements Transport {
  readonly server = "https://double";
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  readonly #options: LocalOptions;
  readonly #open = new Set<() => void>();

  constructor(gateway: Gateway, options: LocalOptions) {
    this.#gateway = gateway;
    this.#clock = gateway.server.cluster.clock;
    this.#options = options;
  }

  request(request: ApiRequest, timeout: number, signal?: AbortSignal): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const settle = this.#settling(resolve, timeout, signal);
    this.#send(request, settle, (reply, back) => {
      reply.watch?.stop();
      this.#later(back, () => settle(ok(responseOf(reply))));
    });
    return promise;
  }

  stream(
    request: ApiRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<ApiResponse | undefined, TransportError>> {
    const { promise, resolve } = Promise.withResolvers<Result<ApiResponse | undefined, TransportError>>();
    const settle = this.#settling(resolve, undefined, signal, () => release());
    let release: () => void = () => undefined;
    this.#send(request, settle, (reply, back) => {
      const { watch } = reply;
      if (!watch) {
        this.#later(back, () => settle(ok(responseOf(reply))));
        return;
      }
      const { client } = this.#options;
      let arrival = 0;
      // Lines keep their order: none arrives before the one sent ahead of it.
      const deliver = (run: () => void) => {
        arrival = Math.max(arrival, this.#clock.elapsed() + this.#oneWay());
        this.#later(arrival - this.#clock.elapsed(), () => this.#gateway.faults.whenHealed(client, run));
      };
      const leave = this.#gateway.opened((why) => {
        watch.stop();
        deliver(() => settle(err(unreachable(why, true))));
      });
      release = () => {
        leave();
        watch.stop();
      };
      if (signal.aborted) {
        release();
        return;
      }
      watch.start(
        (line) => deliver(() => signal.aborted || onLine(line)),
        () => deliver(() => settle(ok(undefined))),
      );
    });
    return promise;
  }

  /** Ends what is under way, as a process does that dies: nobody hears of it, the server carries on. */
  close(): void {
    for (const end of [...this.#open]) end();
  }

  /** One answer only: the first of outcome, time-out, abort and close. */
  #settling<T>(
    resolve: (result: Result<T, TransportError>) => void,
    timeout: number | undefined,
    signal: AbortSignal | undefined,
    onEnd: () => void = () => undefined,
  ) {
    let timer: Timer | undefined;
    const settle = (result: Result<T, TransportError>) => {
      timer?.cancel();
      signal?.removeEventListener("abort", abort);
      this.#open.delete(abort);
      onEnd();
      resolve(result);
    };
    const abort = () => settle(err({ code: "aborted", sent: true, message: "the request was aborted" }));
    if (signal?.aborted) queueMicrotask(abort);
    signal?.addEventListener("abort", abort, { once: true });
    this.#open.add(abort);
    if (timeout !== undefined) {
      timer = this.#clock.after(timeout, () =>
        settle(err({ code: "timeout", sent: true, message: `no answer within ${timeout} ms` })),
      );
    }
    return settle;
  }

  #send(
    request: ApiRequest,
    fail: (result: { ok: false; error: TransportError }) => void,
    onReply: (reply: Reply, back: number) => void,
  ): void {
    const { client, token } = this.#options;
    const gateway = this.#gateway;
    const call = gateway.call(request, client);
    const plan = gateway.plan(call);
    const sent = token === undefined ? request : withToken(request, token);
    if (plan.fate === "hang" || gateway.faults.isPartitioned(client)) return;
    this.#later(this.#oneWay() + plan.delay, () => {
      if (gateway.faults.isPartitioned(client)) return;
      if (!gateway.up) return fail({ ok: false, error: unreachable("connection refused", false) });
      if (plan.fate === "drop_before")
        return fail({ ok: false, error: unreachable("connection reset by peer", true) });
      gateway.carryOut(call, plan, sent, (reply) => {
        if (gateway.faults.isPartitioned(client)) return;
        if (plan.fate === "drop_after") {
          reply.watch?.stop();
          return fail({ ok: false, error: unreachable("connection reset by peer", true) });
        }
        onReply(reply, this.#oneWay() + plan.delayAnswer);
      });
    });
  }

  #oneWay(): number {
    const [least, most] = this.#options.latency ?? [0, 0];
    return most === 0 ? 0 : least + this.#clock.random() * (most - least);
  }

  #later(ms: number, run: () => void): void {
    if (ms <= 0) queueMicrotask(run);
    else this.#clock.after(ms, run);
  }
}

function unreachable(message: string, sent: boolean): TransportError {
  return { code: "unreachable", sent, message };
}

function responseOf({ status, headers, body }: Reply): ApiResponse {
  return { status, headers, body };
}

function withToken(request: ApiRequest, token: string): ApiRequest {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}
