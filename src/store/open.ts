import { type Clock, systemClock } from "../clock.ts";
import type { StoreChoice } from "../config/index.ts";
import type { Log } from "../log.ts";
import type { Result } from "../result.ts";
import type { NodeSlices } from "./kubernetes/open.ts";
import { SqliteStore } from "./sqlite/sqlite.ts";
import type { Store, StoreError } from "./store.ts";

export type OpenOptions = {
  /** How long a caller may wait, in milliseconds; 0 where others wait behind it and it has to come again. */
  readonly patience: number;
  /** The process keeps the store open. */
  readonly staying?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
  /** How this node keeps its slices; left out by those who only look. */
  readonly slices?: NodeSlices;
  /** What Kubernetes calls the node that the process works for; left out by those who look at the whole cluster. */
  readonly node?: string;
};

/** Milliseconds for what no caller bounds: a store in a cluster keeps nobody else waiting. */
const CLUSTER_PATIENCE = 10_000;

/** Opens the store that a configuration names. */
export function openStore(choice: StoreChoice, options: OpenOptions): Result<Store, StoreError> {
  const { patience, staying = false, clock = systemClock, log = () => undefined, node } = options;
  if (choice.kind === "sqlite") return SqliteStore.open(choice.path, { patience, staying });
  // By need: on a single host the client of a cluster would only cost an agent 1 MiB, and each lone call its start.
  const { openKubernetes }: typeof import("./kubernetes/open.ts") = require("./kubernetes/open.ts");
  const own = node === undefined ? {} : { node };
  const cluster = { clock, log, staying, patience: patience || CLUSTER_PATIENCE, ...own };
  return openKubernetes(choice, cluster, options.slices);
}
