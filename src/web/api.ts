/**
 * What server and page say to each other. Types only: the page is compiled for browsers, the server for Bun.
 * @module
 */
import type { Finding } from "../inspect/findings.ts";
import type { Holding } from "../inspect/holding.ts";
import type { PoolMap } from "../inspect/map.ts";
import type { ClaimRecord, PoolRecord } from "../inspect/records.ts";

export type { AddressCell, AddressState, BlockCell, PoolMap } from "../inspect/map.ts";
export type { ClaimRecord, Finding, Holding };

/** GET /api/overview */
export type Overview = {
  readonly version: string;
  /** Which store is shown. */
  readonly store: string;
  /** Why the store does not answer now; what is shown is what it said last. */
  readonly trouble?: string;
  /** Who has signed in. */
  readonly user?: string;
  /** Whether they can sign out here. */
  readonly canLeave: boolean;
  readonly writable: boolean;
  /** Changes whenever anything else does. */
  readonly revision: string;
  readonly pools: readonly PoolSummary[];
  /** The first of them, and how many there are. */
  readonly findings: readonly Finding[];
  readonly problems: number;
  /** Warnings that Berth told as Kubernetes Events, the newest first; only for those who may see Events. */
  readonly notices: readonly Notice[];
  readonly claims: number;
  readonly pods: number;
  readonly nodes: number;
};

/** A Kubernetes Event. */
export type Notice = {
  /** RFC 3339. */
  readonly time: string;
  /** Kind and name of the object. */
  readonly about: string;
  readonly reason: string;
  readonly message: string;
  /** How often it has happened. */
  readonly count: number;
  /** What to do; may be empty. */
  readonly hint: string;
};

/** `total` and `free` leave out what no network may hand out, where the networks are known. */
export type PoolSummary = PoolRecord & {
  readonly id: string;
  /** Used part of what can be handed out, in percent. */
  readonly percent: number;
  /** The networks that are configured to use it; empty where none is known. */
  readonly networks: readonly string[];
};

/** GET /api/map?pool=ID[&block=CIDR] */
export type MapAnswer = PoolMap & {
  readonly pool: PoolSummary;
  /** Pools of the same network name that share addresses with it. */
  readonly overlaps: readonly PoolSummary[];
};

/** GET /api/claims?pool=ID&block=CIDR&offset=N, GET /api/search?q=TEXT&offset=N */
export type ClaimPage = {
  readonly claims: readonly ClaimRecord[];
  /** How many there are in all. */
  readonly total: number;
};

/** GET /api/address?address=ADDRESS */
export type AddressAnswer = {
  readonly address: string;
  readonly claims: readonly ClaimRecord[];
  /** Newest first; absent where no history is kept. */
  readonly history?: readonly Holding[];
};

/** POST /api/reserve, /api/release; `yes` does it, without it the answer says what would be done. */
export type StepRequest = {
  readonly address: string;
  readonly pool?: string;
  readonly networkName?: string;
  readonly reason?: string;
  readonly owner?: string;
  /** ISO 8601. */
  readonly until?: string;
  readonly yes: boolean;
};

export type StepAnswer = {
  readonly done: boolean;
  readonly who: string;
  readonly addresses: readonly string[];
  readonly fromPod: boolean;
};

/** POST /api/session: signs in, with a cookie for what follows. DELETE signs out. */
export type SignInRequest = { readonly token: string };

/** Any answer that is no success; 401: sign in first. */
export type Refusal = { readonly error: string };
