import type { Address } from "../ip/address.ts";
import type { Interval } from "../ip/interval.ts";
import type { Owner } from "./owner.ts";
import type { Pool } from "./pool.ts";

/** An address that is held: the record that a store keeps. */
export type Claim = {
  readonly pool: Pool;
  readonly address: Address;
  /** Whether the address is taken in the whole realm and not in its pool only. */
  readonly overlapCheck: boolean;
  readonly owner: Owner;
  readonly node: string;
  /** `name` of the CNI network: GC speaks of one network at a time. */
  readonly network: string;
  /** Which of the addresses of the interface it is, counted from 0 in the order of the configuration. */
  readonly slot: number;
  /** When it was first given out, in milliseconds since 1970. */
  readonly since: number;
};

/** One address that an interface needs. */
export type Want = {
  readonly pool: Pool;
  /** What may be handed out, ascending and disjoint. */
  readonly free: readonly Interval[];
  /** The address that was asked for, if it must be a certain one. */
  readonly address?: Address;
  /** Only what lies in the node's own slices of the pool may be given (Fast IPAM). */
  readonly slice?: SliceWant;
};

export type SliceWant = {
  /** What the slices are kept under: the network name, or the name of the CNI configuration where that names none. */
  readonly network: string;
  /** Prefix length of a slice. */
  readonly prefix: number;
};

/** Give an interface all the addresses it wants, or none. */
export type Acquire = {
  readonly kind: "acquire";
  readonly owner: Owner;
  readonly node: string;
  readonly network: string;
  readonly overlapCheck: boolean;
  readonly wants: readonly Want[];
  /** The time that new claims carry, in milliseconds since 1970. */
  readonly now: number;
};

/** Take back everything that this interface of this sandbox holds, in whatever pool. */
export type Release = { readonly kind: "release"; readonly sandbox: string; readonly ifname: string };

/** Take back what this node holds for a CNI network, except for the attachments that still exist. */
export type Collect = {
  readonly kind: "collect";
  readonly network: string;
  readonly node: string;
  readonly keep: readonly { readonly sandbox: string; readonly ifname: string }[];
};

export type Change = Acquire | Release | Collect;

/** Why an acquisition cannot be had. Nothing has changed then. */
export type AllocationError =
  | { readonly code: "pool_exhausted"; readonly pool: Pool; readonly free: readonly Interval[] }
  | {
      readonly code: "address_taken";
      readonly pool: Pool;
      readonly address: Address;
      readonly holder?: Claim;
    }
  /** The address lies in no slice of this node. */
  | { readonly code: "address_elsewhere"; readonly pool: Pool; readonly address: Address }
  /** The node's slices are full and no further one can be cut. */
  | { readonly code: "slices_exhausted"; readonly pool: Pool; readonly slice: SliceWant };

/** What became of one change. */
export type Outcome =
  | { readonly kind: "acquired"; readonly claims: readonly Claim[]; readonly created: number }
  | { readonly kind: "refused"; readonly error: AllocationError }
  | { readonly kind: "released"; readonly claims: readonly Claim[] };
