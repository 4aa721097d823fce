import type { Acquire, AllocationError, Change, Claim, Outcome } from "../allocation/claim.ts";
import type { Pod } from "../allocation/owner.ts";
import type { Pool } from "../allocation/pool.ts";
import type { Address } from "../ip/address.ts";
import type { Result } from "../result.ts";

/**
 * Why a store cannot answer. `retry` is the class that decides what a caller does: a transient fault goes away
 * by itself, a permanent one needs a person, a bug needs us.
 */
export type StoreError = {
  readonly code:
    | "store_busy"
    | "store_unavailable"
    | "store_forbidden"
    | "store_unauthorized"
    | "store_untrusted"
    | "store_not_installed"
    | "store_misconfigured"
    | "store_conflict"
    | "store_full"
    /** The node has no slice of the pool, and the controller has not given it one in time. */
    | "store_no_slice"
    /** The node cannot be sure any more that its slice is still its own. */
    | "store_fenced"
    | "store_corrupt"
    | "store_version"
    | "store_bug";
  readonly retry: "transient" | "permanent" | "bug";
  /** Which store, as its owner would look for it: a path, an address. */
  readonly store: string;
  readonly message: string;
  readonly hint: string;
};

export type PoolUsage = { readonly pool: Pool; readonly used: bigint };

/** What one node has of a NodeSlicePool; a store without slices has none. */
export type SliceUse = {
  /** The object, and the network that it is called after. */
  readonly pool: string;
  readonly network: string;
  /** As CIDR, the slices too. */
  readonly range: string;
  readonly node: string;
  readonly slices: readonly string[];
  readonly total: bigint;
  readonly used: bigint;
};

/** What this node has of slices, and how far behind its disk the API server is. */
export type SliceFigures = {
  readonly uses: readonly SliceUse[];
  /** How often an ADD found them full and no further one could be cut, by pool. */
  readonly exhausted: ReadonlyMap<string, number>;
  /** Addresses that were taken by others after they had been given. */
  readonly conflicts: number;
  /** Changes not yet written, and milliseconds for which the oldest has waited. */
  readonly waiting: number;
  readonly lag: number;
};

/** Which claims are wanted; an absent key does not restrict. */
export type ClaimFilter = {
  readonly address?: Address;
  readonly pod?: { readonly namespace: string; readonly name: string };
  readonly attachment?: { readonly sandbox: string; readonly ifname: string };
  readonly pool?: Pool;
};

/**
 * Keeps who owns which address. An address is owned when, and only when, `commit` has acknowledged it. All
 * implementations pass `contract.ts`.
 */
export interface Store {
  /** For people and logs. */
  readonly name: string;
  /** Several commits may be under way at once: the store itself joins what can be written together. */
  readonly parallel?: boolean;
  /**
   * Carries out the changes in their order in one durable step. Each is all or nothing by itself: one that is
   * refused changes nothing and does not disturb the others. An error means that nothing of it all is done, or,
   * where the answer was lost, that repeating it is safe. `patience`: milliseconds until the caller no longer waits,
   * for stores that wait themselves.
   */
  commit(changes: readonly Change[], patience?: number): Promise<Result<readonly Outcome[], StoreError>>;
  /** What `commit` would answer to the acquisition now. Changes nothing. */
  preview(request: Acquire): Promise<Result<AllocationError | undefined, StoreError>>;
  /** In the order of pool and address. */
  claims(filter: ClaimFilter): Promise<Result<readonly Claim[], StoreError>>;
  /**
   * A text that is another one after every change, whoever made it: whoever watches asks often and reads again only then.
   * A store that cannot know leaves it out.
   */
  revision?(): Promise<Result<string, StoreError>>;
  /** In the order of network name and range. `patience`: as of `commit`. */
  pools(patience?: number): Promise<Result<readonly PoolUsage[], StoreError>>;
  /** What an administrator should look at, a sentence each. */
  notes?(): readonly string[];
  /** Which slices nodes have, and how full they are. */
  slices?(): Promise<Result<readonly SliceUse[], StoreError>>;
  /** The same of this node alone, without asking anybody; undefined: it has had none. */
  sliceFigures?(): SliceFigures | undefined;
  /** Tells those who look at the pod why it got no address; a store without a place for that leaves it out. Never fails. */
  tellPod?(pod: Pod, why: string): void;
  /** Brings to its place what was answered before it was there (slices of a node). */
  flush?(): Promise<void>;
  close(): void;
}
