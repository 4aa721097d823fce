import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Claim, Collect } from "../../allocation/claim.ts";
import type { Pod } from "../../allocation/owner.ts";
import { type Pool, poolSpace, realmSpace } from "../../allocation/pool.ts";
import { type Address, addressOf } from "../../ip/address.ts";
import { formatCidr, parseCidr } from "../../ip/cidr.ts";
import { compareClaims } from "../order.ts";
import type { ClaimFilter, PoolUsage } from "../store.ts";
import { decodeValue, encodeValue, type Spaces } from "./space.ts";

type Row = {
  network_name: string;
  range: string;
  address: string;
  realm: number | null;
  pod_namespace: string;
  pod_name: string;
  pod_uid: string | null;
  ifname: string;
  sandbox: string;
  node: string;
  network: string;
  slot: number;
  since: number;
};

const SELECT =
  "SELECT pool.network_name, pool.range, claim.* FROM claim JOIN pool ON pool.space = claim.pool";

/** The rows of table `claim`, and with each its place in the runs. Call it inside a transaction only. */
export class Claims {
  /** How many rows were written since the process began. */
  writes = 0;
  readonly #db: Database;
  readonly #spaces: Spaces;
  /** One object a pool, whatever the number of its claims: reading a range of IPv6 costs more than the rest of a row. */
  readonly #pools = new Map<string, Pool>();

  constructor(db: Database, spaces: Spaces) {
    this.#db = db;
    this.#spaces = spaces;
  }

  ofPod(pod: Pod, ifname: string): readonly Claim[] {
    const where = "WHERE pod_namespace = ? AND pod_name = ? AND ifname = ?";
    return this.#select(where, pod.namespace, pod.name, ifname);
  }

  ofSandbox(sandbox: string, ifname: string): readonly Claim[] {
    return this.#select("WHERE sandbox = ? AND ifname = ?", sandbox, ifname);
  }

  stale({ network, node, keep }: Collect): readonly Claim[] {
    const kept = new Set(keep.map(({ sandbox, ifname }) => `${sandbox}/${ifname}`));
    const all = this.#select("WHERE network = ? AND node = ?", network, node);
    return all.filter(({ owner }) => !kept.has(`${owner.sandbox}/${owner.ifname}`));
  }

  matching({ address, pod, attachment, pool }: ClaimFilter): readonly Claim[] {
    const conditions: string[] = [];
    const values: SQLQueryBindings[] = [];
    const add = (condition: string, ...more: SQLQueryBindings[]) => {
      conditions.push(condition);
      values.push(...more);
    };
    if (address) {
      const inAnyPool = "claim.pool IN (SELECT space FROM pool) AND address = ?";
      add(inAnyPool, encodeValue(address.family, address.value));
    }
    if (pool) add("claim.pool = ?", this.#spaces.find(poolSpace(pool)) ?? -1);
    if (pod) add("pod_namespace = ? AND pod_name = ?", pod.namespace, pod.name);
    if (attachment) add("sandbox = ? AND ifname = ?", attachment.sandbox, attachment.ifname);
    return this.#select(conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "", ...values);
  }

  holder(pool: Pool, address: Address, overlapCheck: boolean): Claim | undefined {
    const key = encodeValue(address.family, address.value);
    const own = this.#spaces.find(poolSpace(pool)) ?? -1;
    const realm = this.#spaces.find(realmSpace(pool.networkName, address.family)) ?? -1;
    const [inPool] = this.#select("WHERE claim.pool = ? AND address = ?", own, key);
    if (inPool || !overlapCheck) return inPool;
    return this.#select("WHERE realm = ? AND address = ?", realm, key)[0];
  }

  pools(): readonly PoolUsage[] {
    const sql = `SELECT network_name, range, (SELECT count(*) FROM claim WHERE claim.pool = pool.space) AS used
      FROM pool`;
    const rows = this.#db.query<{ network_name: string; range: string; used: number }, []>(sql).all();
    return rows.map((row) => ({ pool: this.#poolOf(row), used: BigInt(row.used) }));
  }

  insert(claim: Claim): void {
    this.writes++;
    const { pool, address, owner } = claim;
    const family = address.family;
    const poolId = this.#spaces.findOrCreate(poolSpace(pool));
    const addPool = "INSERT OR IGNORE INTO pool (space, network_name, range) VALUES (?, ?, ?)";
    this.#db.query(addPool).run(poolId, pool.networkName, formatCidr(pool.range));
    const realmId = claim.overlapCheck
      ? this.#spaces.findOrCreate(realmSpace(pool.networkName, family))
      : undefined;
    const sql = `INSERT INTO claim (pool, address, realm, pod_namespace, pod_name, pod_uid, ifname, sandbox,
      node, network, slot, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    this.#db
      .query(sql)
      .run(
        poolId,
        encodeValue(family, address.value),
        realmId ?? null,
        owner.pod.namespace,
        owner.pod.name,
        owner.pod.uid ?? null,
        owner.ifname,
        owner.sandbox,
        claim.node,
        claim.network,
        claim.slot,
        claim.since,
      );
    this.#spaces.add(poolId, family, address.value);
    if (realmId !== undefined) this.#spaces.add(realmId, family, address.value);
  }

  /** Writes the new owner of an address that stays where it is. */
  renew({ pool, address, owner, node, network }: Claim): void {
    this.writes++;
    const sql =
      "UPDATE claim SET pod_uid = ?, sandbox = ?, node = ?, network = ? WHERE pool = ? AND address = ?";
    const key = encodeValue(address.family, address.value);
    const poolId = this.#spaces.findOrCreate(poolSpace(pool));
    this.#db.query(sql).run(owner.pod.uid ?? null, owner.sandbox, node, network, poolId, key);
  }

  delete({ pool, address, overlapCheck }: Claim): void {
    this.writes++;
    const { family, value } = address;
    const poolId = this.#spaces.findOrCreate(poolSpace(pool));
    this.#db
      .query("DELETE FROM claim WHERE pool = ? AND address = ?")
      .run(poolId, encodeValue(family, value));
    this.#spaces.delete(poolId, family, value);
    if (!overlapCheck) return;
    this.#spaces.delete(this.#spaces.findOrCreate(realmSpace(pool.networkName, family)), family, value);
  }

  #select(where: string, ...values: SQLQueryBindings[]): readonly Claim[] {
    const rows = this.#db.query<Row, SQLQueryBindings[]>(`${SELECT} ${where}`).all(...values);
    return rows.map((row) => claimOf(row, this.#poolOf(row))).sort(compareClaims);
  }

  #poolOf(row: Pick<Row, "network_name" | "range">): Pool {
    const key = `${row.range}@${row.network_name}`;
    const known = this.#pools.get(key) ?? poolOf(row);
    this.#pools.set(key, known);
    return known;
  }
}

function poolOf({ network_name, range }: Pick<Row, "network_name" | "range">): Pool {
  const parsed = parseCidr(range);
  if (!parsed.ok) throw new Error(`the stored range ${range} cannot be read: ${parsed.error.hint}`);
  return { networkName: network_name, range: parsed.value };
}

function claimOf(row: Row, pool: Pool): Claim {
  const pod = {
    namespace: row.pod_namespace,
    name: row.pod_name,
    ...(row.pod_uid !== null && { uid: row.pod_uid }),
  };
  return {
    pool,
    address: addressOf(pool.range.family, decodeValue(row.address)),
    overlapCheck: row.realm !== null,
    owner: { pod, ifname: row.ifname, sandbox: row.sandbox },
    node: row.node,
    network: row.network,
    slot: row.slot,
    since: row.since,
  };
}
