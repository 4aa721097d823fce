import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/api.ts";
import { type Condition, NETWORKS, type Network } from "../kube/objects.ts";
import type { Log } from "../log.ts";
import { type Verdict, withVerdicts } from "./conditions.ts";

export type StatusWriterOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
};

/** Milliseconds. */
const TIMEOUT = 5_000;
const ASK_AGAIN = 10 * 60_000;

/** Writes Berth's conditions into the status of the Network object, and never touches another's. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #deafUntil = Number.NEGATIVE_INFINITY;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /**
   * The object as it is now, if it was written; "again" if it is worth another try. What cannot be written is in the log and in
   * Events as well.
   */
  async write(network: Network, verdicts: readonly Verdict[]): Promise<Network | "again" | undefined> {
    const { client, clock, log } = this.#options;
    if (clock.elapsed() < this.#deafUntil) return undefined;
    const status: unknown = Object(network).status;
    const before: readonly Condition[] = Object(status).conditions ?? [];
    const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    const conditions = withVerdicts(before, verdicts, now);
    if (conditions === undefined) return undefined;
    const { name, resourceVersion } = network.metadata;
    // The list is replaced whole, so it must still be the one that was read.
    const test = { op: "test", path: "/metadata/resourceVersion", value: resourceVersion } as const;
    const change =
      status === undefined
        ? ({ op: "add", path: "/status", value: { conditions } } as const)
        : ({ op: "add", path: "/status/conditions", value: conditions } as const);
    const written = await client.patch(
      NETWORKS,
      { name },
      { type: "json", patch: [test, change] },
      { subresource: "status", timeout: TIMEOUT },
    );
    if (written.ok) return { ...written.value, apiVersion: network.apiVersion, kind: network.kind };
    const { code, message, hint } = written.error;
    // A Network kind of others may have no status subresource: Events and log have to do.
    if (code === "not_found" || code === "kind_missing" || code === "forbidden") {
      this.#deafUntil = clock.elapsed() + ASK_AGAIN;
      log("error", "conditions cannot be written: see Events and this log", { code, message, hint });
      return undefined;
    }
    return "again";
  }
}
