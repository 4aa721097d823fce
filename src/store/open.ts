import { type Clock, systemClock } from "../clock.ts";
import type { StoreChoice } from "../config/index.ts";
import type { Log } from "../log.ts";
import { ok, type Result } from "../result.ts";
import type { NodeSlices } from "./kubernetes/slices/open.ts";
import type { Store, StoreError } from "./store.ts";

export type OpenOptions = {
  /** How long a caller may wait, in milliseconds; 0 where others wait behind it and it has to come again. */
  readonly patience: number;
  /** The process keeps the store open. */
  readonly staying?: boolean;
  /** A database that is not there is not made. */
  readonly readOnly?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
  /** How this node keeps its slices; left out by those who only look. */
  readonly slices?: NodeSlices;
  /** What Kubernetes calls the node that the process works for; left out by those who look at the whole cluster. */
  readonly node?: string;
};

/** Milliseconds for what no caller bounds: a store in a cluster keeps nobody else waiting. */
const CLUSTER_PATIENCE = 10_000;

/**
 * Opens the store that a configuration names. Each loads its code by need: on a single host the client of a cluster would only cost an
 * agent 1 MiB, and each lone call its start; and who only looks at a cluster has no slices to keep.
 */
export function openStore(choice: StoreChoice, options: OpenOptions): Result<Store, StoreError> {
  const {
    patience,
    staying = false,
    readOnly = false,
    clock = systemClock,
    log = () => undefined,
    node,
  } = options;
  if (choice.kind === "sqlite") {
    const { SqliteStore }: typeof import("./sqlite/sqlite.ts") = require("./sqlite/sqlite.ts");
    return SqliteStore.open(choice.path, { patience, staying, readOnly });
  }
  const { openKubernetes }: typeof import("./kubernetes/open.ts") = require("./kubernetes/open.ts");
  const own = node === undefined ? {} : { node };
  const cluster = { clock, log, staying, patience: patience || CLUSTER_PATIENCE, ...own };
  const store = openKubernetes(choice, cluster);
  if (!store.ok || !options.slices) return store;
  const { openSliced }: typeof import("./kubernetes/slices/open.ts") = require("./kubernetes/slices/open.ts");
  return ok(openSliced(store.value, choice, cluster, options.slices));
}
