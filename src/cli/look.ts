import { parseArgs } from "node:util";
import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { poolCapacity } from "../allocation/pool.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import type { Result } from "../result.ts";
import { SqliteStore } from "../store/sqlite/sqlite.ts";
import type { ClaimFilter, PoolUsage, Store, StoreError } from "../store/store.ts";
import { renderTable } from "./table.ts";

const DEFAULT_DATABASE = "/var/lib/berth/ipam.db";
const PATIENCE = 5_000;

const OPTIONS = {
  database: { type: "string", default: DEFAULT_DATABASE },
  output: { type: "string", short: "o", default: "table" },
} as const;

/** `berth pools`: how full each pool is. */
export async function runPools(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  return look(
    values,
    (store) => store.pools(),
    poolRecord,
    (pools) => {
      if (pools.length === 0) return "No pool has been used yet.\n";
      const rows = pools
        .map(poolRecord)
        .map((row) => [row.network, row.range, short(row.total), row.used, short(row.free), row.full]);
      return renderTable(["NETWORK", "RANGE", "TOTAL", "USED", "FREE", "FULL"], rows);
    },
  );
}

/** `berth show [ADDRESS|POD]`: who holds which address. */
export async function runShow(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [subject] = positionals;
  return look(
    values,
    (store) => store.claims(filterOf(subject)),
    claimRecord,
    (claims) => {
      if (claims.length === 0)
        return subject === undefined
          ? "No address is held.\n"
          : `${subject} holds nothing and is held by nobody.\n`;
      const rows = claims.map(claimRecord).map((row) => {
        return [
          row.address,
          row.pod,
          row.interface,
          row.network,
          row.pool,
          row.node,
          row.since,
          row.sandbox.slice(0, 13),
        ];
      });
      return renderTable(
        ["ADDRESS", "POD", "INTERFACE", "NETWORK", "POOL", "NODE", "SINCE", "SANDBOX"],
        rows,
      );
    },
  );
}

async function look<T>(
  options: { database: string; output: string },
  read: (store: Store) => Promise<Result<readonly T[], StoreError>>,
  record: (item: T) => object,
  render: (items: readonly T[]) => string,
): Promise<number> {
  if (options.output !== "table" && options.output !== "json") {
    process.stderr.write(`berth: --output is table or json, not ${JSON.stringify(options.output)}\n`);
    return 2;
  }
  const store = SqliteStore.open(options.database, { patience: PATIENCE, readOnly: true });
  const items = store.ok ? await read(store.value) : store;
  if (store.ok) store.value.close();
  if (!items.ok) {
    process.stderr.write(`berth: ${items.error.store}: ${items.error.message} (${items.error.hint})\n`);
    return 1;
  }
  const json = () => `${JSON.stringify(items.value.map(record), null, 2)}\n`;
  process.stdout.write(options.output === "json" ? json() : render(items.value));
  return 0;
}

/** An address, `namespace/pod`, or a pod of namespace default. */
function filterOf(subject: string | undefined): ClaimFilter {
  if (subject === undefined) return {};
  const address = parseAddress(subject, "sloppy");
  if (address.ok) return { address: address.value };
  const slash = subject.indexOf("/");
  const namespace = slash < 0 ? "default" : subject.slice(0, slash);
  return { pod: { namespace, name: subject.slice(slash + 1) } };
}

/** A count for people: an IPv6 pool's is too long to read. */
export function short(count: string): string {
  return count.length <= 12 ? count : Number(count).toExponential(1).replace("+", "");
}

function poolRecord({ pool, used }: PoolUsage) {
  const { range, networkName } = pool;
  const total = poolCapacity(pool);
  return {
    network: networkName === "" ? "-" : networkName,
    range: formatCidr(range),
    total: String(total),
    used: String(used),
    free: String(total - used),
    full: `${Number((used * 1000n) / total) / 10}%`,
  };
}

function claimRecord(claim: Claim) {
  const { owner, pool } = claim;
  return {
    address: formatAddress(claim.address),
    pod: podRef(owner.pod),
    ...(owner.pod.uid !== undefined && { uid: owner.pod.uid }),
    interface: owner.ifname,
    network: claim.network,
    networkName: pool.networkName,
    pool: formatCidr(pool.range),
    node: claim.node,
    since: new Date(claim.since).toISOString(),
    sandbox: owner.sandbox,
  };
}
