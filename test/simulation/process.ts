import type { Clock, Timer } from "../../src/clock.ts";
import type { ApiRequest, ApiResponse, Transport, TransportError } from "../../src/kube/transport.ts";
import type { Result } from "../../src/result.ts";

/** How a machine's clock stands to true time: milliseconds beyond it, and how much faster it runs. */
export type Drift = { offset: number; rate: number };

/** Thrown into the code of a process at the moment of its end, where it cannot simply be left waiting. */
export class Killed extends Error {}

/**
 * One life of a process: its clock and its wire. After `kill` no timer fires and no answer arrives, so none of its code
 * runs any more; what it has asked the server for is carried out all the same.
 */
export class Process {
  readonly clock: Clock;
  readonly #end: (() => void)[] = [];
  #isAlive = true;

  constructor(time: Clock, drift: Drift) {
    const alive = () => this.#isAlive;
    this.clock = {
      now: () => Math.floor(time.now() + drift.offset + time.elapsed() * drift.rate),
      elapsed: () => time.elapsed() * (1 + drift.rate),
      random: time.random,
      after: (ms: number, run: () => void): Timer =>
        time.after(ms / (1 + drift.rate), () => {
          if (alive()) run();
        }),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const end of this.#end) end();
  }

  /** Calls at the end of the process; at once if it has ended. */
  onKill(run: () => void): void {
    if (this.#isAlive) this.#end.push(run);
    else run();
  }

  /** Resolves like `work` while the process lives, and never afterwards. */
  live<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => {
          if (this.#isAlive) resolve(value);
        },
        (error) => {
          if (this.#isAlive) reject(error);
        },
      );
    });
  }

  wire(wire: Transport): Transport {
    this.onKill(() => wire.close());
    return new Wire(this, wire);
  }
}

class Wire implements Transport {
  readonly server: string;
  readonly #process: Process;
  readonly #wire: Transport;

  constructor(process: Process, wire: Transport) {
    this.server = wire.server;
    this.#process = process;
    this.#wire = wire;
  }

  request(
    request: ApiRequest,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Result<ApiResponse, TransportError>> {
    return this.#process.live(this.#wire.request(request, timeout, signal));
  }

  stream(
    request: ApiRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<ApiResponse | undefined, TransportError>> {
    const heard = (line: string) => {
      if (this.#process.isAlive) onLine(line);
    };
    return this.#process.live(this.#wire.stream(request, heard, signal));
  }

  close(): void {
    this.#wire.close();
  }
}
