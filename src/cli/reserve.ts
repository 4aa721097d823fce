import { userInfo } from "node:os";
import { parseArgs } from "node:util";
import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool, type Pool, samePool } from "../allocation/pool.ts";
import { reservationOf, reserve } from "../allocation/reservation.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { contains, formatCidr, lastOf, parseCidr } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import type { Store } from "../store/store.ts";
import { openSource, SOURCE_HELP, SOURCE_OPTIONS, storeFailed } from "./source.ts";

const CHOICE_HELP = `  --pool RANGE         the pool, where the address lies in several
  --network-name NAME  the network_name of the pool
`;

const RESERVE_HELP = `usage: berth reserve ADDRESS --reason TEXT [OPTIONS]

Keeps an address of a pool from pods. Says what it would do; --yes does it. Reserving again renews reason and expiry.

  --reason TEXT        why; whoever finds it later reads this
  --owner NAME         who wants it                        the user of this shell
  --expires WHEN       for how long (30m, 12h, 90d) or until when (2030-01-31)   until it is released
  --yes                do it
${CHOICE_HELP}${SOURCE_HELP}
Exit codes: 0 done, or it could be done; 1 refused or failed, with the reason; 2 wrong usage.
`;

const RELEASE_HELP = `usage: berth release ADDRESS [OPTIONS]

Gives back what holds an address: a reservation, or what a pod that is gone left behind. All addresses of the same
interface and sandbox are freed with it. Says what it would do; --yes does it.
A pod that still runs goes on using the address, and the next pod gets it too: make sure that it is gone.

  --yes                do it
${CHOICE_HELP}${SOURCE_HELP}
Exit codes: 0 done, or it could be done; 1 refused or failed, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  yes: { type: "boolean", default: false },
  pool: { type: "string" },
  "network-name": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** `berth reserve ADDRESS`: keeps an address from pods. */
export async function runReserve(args: string[]): Promise<number> {
  const own = { reason: { type: "string" }, owner: { type: "string" }, expires: { type: "string" } } as const;
  const { values, positionals } = parseArgs({
    args,
    options: { ...OPTIONS, ...own },
    allowPositionals: true,
  });
  if (values.help) return say(RESERVE_HELP);
  const now = Date.now();
  const address = parseAddress(positionals[0] ?? "");
  const until = values.expires === undefined ? ok(undefined) : readExpiry(values.expires, now);
  const by = values.owner ?? userInfo().username;
  if (!address.ok) return misused("reserve", `name an address: ${address.error.hint}`);
  if (!values.reason)
    return misused("reserve", "--reason is missing: whoever finds the reservation later reads it");
  if (!until.ok) return misused("reserve", until.error);
  const reservation = { by, reason: values.reason, ...(until.value !== undefined && { until: until.value }) };
  return withStore(values, async (store) => {
    const pool = await poolOf(store, address.value, values);
    if (!pool.ok) return fail(pool.error);
    const { range } = pool.value;
    const text = formatAddress(address.value);
    if (address.value.value === range.base || address.value.value === lastOf(range))
      return fail(
        `${text} is the network or broadcast address of ${formatCidr(range)}, which no pod ever gets`,
      );
    const change = reserve(pool.value, address.value, reservation, true, now);
    const what = `${text} of ${describePool(pool.value)} for ${by}: ${values.reason}${untilText(until.value)}`;
    const refusal = await store.preview(change);
    const held = await store.claims({ address: address.value });
    if (!refusal.ok) return storeFailed(refusal.error);
    if (!held.ok) return storeFailed(held.error);
    const other = held.value.find(
      (claim) => samePool(claim.pool, pool.value) && reservationOf(claim)?.by !== by,
    );
    if (other && reservationOf(other))
      return fail(`${text} is ${describe(other)}; berth release ${text} first`);
    const holder = refusal.value?.code === "address_taken" ? refusal.value.holder : undefined;
    if (refusal.value) return fail(`${text} is held by ${holder ? describe(holder) : "somebody"}`);
    if (!values.yes) return say(`Would reserve ${what}\nNothing has changed; --yes does it.\n`);
    const outcome = await store.commit([change]);
    if (!outcome.ok) return storeFailed(outcome.error);
    if (outcome.value[0]?.kind === "refused") return fail(`${text} was taken meanwhile; berth show ${text}`);
    return say(`Reserved ${what}\n`);
  });
}

/** `berth release ADDRESS`: gives back what holds an address. */
export async function runRelease(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) return say(RELEASE_HELP);
  const address = parseAddress(positionals[0] ?? "");
  if (!address.ok) return misused("release", `name an address: ${address.error.hint}`);
  const text = formatAddress(address.value);
  return withStore(values, async (store) => {
    const found = await store.claims({ address: address.value });
    if (!found.ok) return storeFailed(found.error);
    const held = found.value.filter(({ pool }) => isMeant(pool, values));
    const [claim, ...others] = held;
    if (claim === undefined) return fail(`nobody holds ${text}${values.pool ? ` in ${values.pool}` : ""}`);
    if (others.length > 0)
      return fail(
        `${text} is held in several pools: ${pools(held)}; name one with --pool and --network-name`,
      );
    const { sandbox, ifname } = claim.owner;
    const all = await store.claims({ attachment: { sandbox, ifname } });
    if (!all.ok) return storeFailed(all.error);
    const list = all.value
      .map((one) => `  ${formatAddress(one.address)}  ${describePool(one.pool)}\n`)
      .join("");
    const warning = reservationOf(claim)
      ? ""
      : "If this pod still runs, it goes on using what the next pod gets: make sure that it is gone.\n";
    if (!values.yes) {
      return say(
        `Would release from ${describe(claim)}:\n${list}${warning}Nothing has changed; --yes does it.\n`,
      );
    }
    const outcome = await store.commit([{ kind: "release", sandbox, ifname }]);
    if (!outcome.ok) return storeFailed(outcome.error);
    const [released] = outcome.value;
    if (released?.kind !== "released" || released.claims.length === 0)
      return fail(`${text} changed its holder meanwhile and was not touched; berth show ${text}`);
    return say(`Released from ${describe(claim)}:\n${list}`);
  });
}

type Choice = { readonly pool?: string | undefined; readonly "network-name"?: string | undefined };

/** The one pool that the address lies in and the options mean. */
async function poolOf(store: Store, address: Address, choice: Choice): Promise<Result<Pool, string>> {
  const usage = await store.pools();
  if (!usage.ok) return err(`${usage.error.store}: ${usage.error.message} (${usage.error.hint})`);
  const fitting = usage.value
    .map(({ pool }) => pool)
    .filter((pool) => contains(pool.range, address) && isMeant(pool, choice));
  const [pool, ...others] = fitting;
  const text = formatAddress(address);
  const named = parseCidr(choice.pool ?? "");
  if (pool === undefined && named.ok && contains(named.value, address)) {
    return ok({ networkName: choice["network-name"] ?? "", range: named.value }); // before its first pod
  }
  if (pool === undefined)
    return err(
      `${text} lies in no pool that is in use; berth pools lists them, --pool names one before its first use`,
    );
  if (others.length === 0) return ok(pool);
  const names = fitting.map(describePool).join(", ");
  return err(`${text} lies in several pools: ${names}; name one with --pool and --network-name`);
}

function isMeant(pool: Pool, { pool: range, "network-name": name }: Choice): boolean {
  return (
    (range === undefined || formatCidr(pool.range) === range) &&
    (name === undefined || pool.networkName === name)
  );
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds since 1970 of `90d` from now, or of an ISO 8601 date or time. */
export function readExpiry(text: string, now: number): Result<number, string> {
  const span = /^([0-9]{1,6})([mhd])$/.exec(text);
  const until = span ? now + Number(span[1]) * (UNITS[span[2] ?? ""] ?? 0) : Date.parse(text);
  if (Number.isNaN(until) || (!span && !/^[0-9]{4}-/.test(text)))
    return err(
      `--expires is a span such as 12h or 90d, or a date such as 2030-01-31, not ${JSON.stringify(text)}`,
    );
  return until > now ? ok(until) : err(`--expires ${text} lies in the past`);
}

function untilText(until: number | undefined): string {
  return until === undefined ? "" : `, until ${new Date(until).toISOString()}`;
}

function describe(claim: Claim): string {
  const reservation = reservationOf(claim);
  if (reservation)
    return `a reservation of ${reservation.by}: ${reservation.reason}${untilText(reservation.until)}`;
  const { pod, ifname, sandbox } = claim.owner;
  return `${podRef(pod)} ${ifname} on node ${claim.node} (sandbox ${sandbox.slice(0, 13)})`;
}

function pools(claims: readonly Claim[]): string {
  return claims.map(({ pool }) => describePool(pool)).join(", ");
}

async function withStore(
  options: Parameters<typeof openSource>[0] & { readonly yes: boolean },
  body: (store: Store) => Promise<number>,
): Promise<number> {
  const store = openSource(options, options.yes ? "steer" : "look");
  if (!store.ok) return storeFailed(store.error);
  try {
    return await body(store.value);
  } finally {
    store.value.close();
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function fail(why: string): number {
  process.stderr.write(`berth: ${why}\n`);
  return 1;
}

function misused(command: string, why: string): number {
  process.stderr.write(`berth ${command}: ${why}\nberth ${command} --help says more\n`);
  return 2;
}
