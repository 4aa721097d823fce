import type { Acquire, Want } from "../../../allocation/claim.ts";
import type { Pool } from "../../../allocation/pool.ts";
import type { Clock } from "../../../clock.ts";
import { formatCidr } from "../../../ip/cidr.ts";
import type { Log } from "../../../log.ts";
import type { Result } from "../../../result.ts";
import type { StoreError } from "../../store.ts";
import type { Tools } from "../acquisition.ts";
import type { SliceBook } from "./book.ts";
import type { Entitlement } from "./entitlement.ts";
import type { Holdings } from "./holdings.ts";
import type { Cell } from "./ledger.ts";
import type { Sandbox } from "./sandboxes.ts";

/** What a node works its slices with; there once a network with slices is met, and no earlier. */
export type Workings = {
  /** The name of the store. */
  readonly store: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly tools: Tools;
  readonly book: SliceBook;
  readonly entitlement: Entitlement;
  readonly holdings: Holdings;
  /** Milliseconds that a change may wait before it is written to the API server; 0: it is written before the answer. */
  readonly writeDelay: number;
  /** Slices that are being taken up. */
  readonly underWay: Map<string, Promise<Result<void, StoreError>>>;
  /** Told of an ADD that got nothing, since the slices are full and no further one can be cut. */
  readonly exhausted: (want: Want, node: string) => void;
  /** Told of an address that another has too, after it was given to this pod. */
  readonly conflict: (cell: Cell) => void;
  /** The sandboxes of this node as its runtime knows them, for a node that has lost its journal. */
  readonly sandboxes: () => readonly Sandbox[];
};

/** The slices that the node may use for the wants. */
export function slicesFor({ wants, node }: Acquire, { entitlement }: Workings): Pool[] {
  return wants.flatMap((want) => entitlement.slicesOf(want, node));
}

export function noSlice(store: string, want: Want | undefined, node: string): StoreError {
  const pool = want?.slice ? `${want.slice.network} (${formatCidr(want.pool.range)})` : "";
  return {
    code: "store_no_slice",
    retry: "transient",
    store,
    message: `the NodeSlicePool ${pool} has no slice for the node ${node}`,
    hint: "is berth controller running, and does it see the attachment with node_slice_size? berth pools --nodes shows what is given out",
  };
}

export function fenced(store: string, node: string, age: number): StoreError {
  return {
    code: "store_fenced",
    retry: "transient",
    store,
    message: `the API server has not confirmed the slices of ${node} for ${Math.round(age / 60_000)} minutes`,
    hint: "the node must reach the API server before it gives addresses of its slices again",
  };
}

export function journalFailed(store: string, error: unknown): StoreError {
  const why = error instanceof Error ? error.message : String(error);
  return {
    code: "store_unavailable",
    retry: "transient",
    store,
    message: `the journal of the node's slices cannot be written: ${why}`,
    hint: "make room on the disk of the agent's state folder",
  };
}
