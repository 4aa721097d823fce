import type { IPAllocation } from "../../../kube/objects.ts";

/** What a node knows of one address of its slices, as it goes to disk. */
export type SliceRow = {
  /** The name of the IPPool object. */
  readonly pool: string;
  /** As in that object. */
  readonly offset: string;
  readonly held?: IPAllocation;
  /** Owners of before, whom the API server may still show; they go there, and nobody else does. */
  readonly former: readonly IPAllocation[];
  readonly overlapCheck: boolean;
  /** The version of the object that has shown `held`; "": none yet. */
  readonly version: string;
};

/** A slice that was given to this node. */
export type Grant = {
  readonly network: string;
  readonly networkName: string;
  readonly node: string;
  /** The range that it was cut from, and the slice, as CIDR. */
  readonly range: string;
  readonly slice: string;
  /** When the API server has last said so, in milliseconds since 1970. */
  readonly confirmed: number;
  /** The node uses it no longer and is about to say so; from then on it may be another's. */
  readonly returning?: true;
};

/**
 * What a node has promised in its slices, one journal for each store. A write has reached the disk when its method returns;
 * a method that could not do its work throws. Only one process at a time has it open.
 */
export interface SliceJournal {
  rows(): readonly SliceRow[];
  grants(): readonly Grant[];
  /** Puts and removes rows, all or nothing. */
  write(puts: readonly SliceRow[], removes: readonly Pick<SliceRow, "pool" | "offset">[]): void;
  /** Takes the place of all grants. */
  keepGrants(grants: readonly Grant[]): void;
  close(): void;
}

/** Where journals are. */
export interface SliceJournals {
  /** Whether there is one for that store, so that a node without slices need not make any. */
  exists(store: string): boolean;
  /** Throws if it cannot be opened, or if another process has it. */
  open(store: string): SliceJournal;
}
