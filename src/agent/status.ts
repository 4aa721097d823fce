import { version } from "../../package.json";
import { poolCapacity } from "../allocation/pool.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { CallFailure } from "./failures.ts";
import type { Journal, Pending } from "./journal.ts";
import type { AgentMetrics } from "./observe.ts";
import type { Stores } from "./stores.ts";

/** What `berth status` shows, as the agent sends it. Times are ISO 8601, durations seconds, memory bytes. */
export type Status = {
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  readonly memory: number;
  readonly state: "serving" | "draining";
  readonly socket: string;
  readonly metrics: string | null;
  readonly underWay: number;
  readonly requests: ReturnType<AgentMetrics["requests"]>;
  readonly stores: readonly StoreStatus[];
  readonly journal: { readonly depth: number; readonly entries: readonly Owed[] };
  /** Calls that failed, newest first. */
  readonly failures: readonly CallFailure[];
};

export type StoreStatus = {
  readonly store: string;
  readonly error?: string;
  /** What an administrator should look at. */
  readonly notes: readonly string[];
  readonly pools: readonly { network: string; range: string; total: string; used: string; free: string }[];
};

export type Owed = {
  readonly plugin: string;
  readonly sandbox: string;
  readonly ifname: string;
  readonly since: string;
  readonly attempts: number;
  readonly next: string;
  readonly error: string;
};

/** The journal's first entries are shown; nobody reads more. */
const SHOWN = 100;

export async function storeStatus(stores: Stores): Promise<readonly StoreStatus[]> {
  return (await stores.pools()).map(({ store, pools, notes }) => {
    if (!pools.ok) return { store, error: `${pools.error.message} (${pools.error.hint})`, notes, pools: [] };
    const rows = pools.value.map(({ pool, used }) => {
      const total = poolCapacity(pool);
      const counts = { total: String(total), used: String(used), free: String(total - used) };
      return { network: pool.networkName, range: formatCidr(pool.range), ...counts };
    });
    return { store, notes, pools: rows };
  });
}

export function journalStatus(journal: Journal): Status["journal"] {
  return { depth: journal.depth(), entries: journal.first(SHOWN).map(owed) };
}

function owed({ call, accepted, attempts, due, error }: Pending): Owed {
  return {
    plugin: call.plugin,
    sandbox: call.env.CNI_CONTAINERID ?? "",
    ifname: call.env.CNI_IFNAME ?? "",
    since: new Date(accepted).toISOString(),
    attempts,
    next: new Date(due).toISOString(),
    error,
  };
}

export function aboutProcess(metrics: AgentMetrics) {
  const started = new Date(metrics.started).toISOString();
  return { version, pid: process.pid, started, memory: process.memoryUsage.rss() };
}
