import { userInfo } from "node:os";
import { parseArgs } from "node:util";
import { carryOut, type PoolChoice, planRelease, planReservation, type Step } from "../inspect/steer.ts";
import { parseAddress } from "../ip/address.ts";
import { err, ok, type Result } from "../result.ts";
import type { Store } from "../store/store.ts";
import { openSource, SOURCE_HELP, SOURCE_OPTIONS, storeFailed } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

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
Examples:
  berth reserve 10.0.0.9 --reason "printer on floor 2" --yes
  berth reserve 10.0.0.9 --reason "until the move" --expires 2030-01-31 --yes

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
    const step = await planReservation(store, address.value, reservation, choiceOf(values), now);
    return take(store, step, values.yes, { would: "Would reserve for", done: "Reserved for" });
  });
}

/** `berth release ADDRESS`: gives back what holds an address. */
export async function runRelease(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) return say(RELEASE_HELP);
  const address = parseAddress(positionals[0] ?? "");
  if (!address.ok) return misused("release", `name an address: ${address.error.hint}`);
  return withStore(values, async (store) => {
    const step = await planRelease(store, address.value, choiceOf(values));
    return take(store, step, values.yes, { would: "Would release from", done: "Released from" });
  });
}

function choiceOf(values: { pool?: string | undefined; "network-name"?: string | undefined }): PoolChoice {
  return { range: values.pool, networkName: values["network-name"] };
}

/** Says what would be done, or does it. */
async function take(
  store: Store,
  step: Result<Step, string>,
  yes: boolean,
  words: { readonly would: string; readonly done: string },
): Promise<number> {
  if (!step.ok) return fail(step.error);
  const list = step.value.addresses.map((line) => `  ${line}\n`).join("");
  const about = `${step.value.who}:\n${list}`;
  const warning = step.value.fromPod
    ? "If this pod still runs, it goes on using what the next pod gets: make sure that it is gone.\n"
    : "";
  if (!yes) return say(`${words.would} ${about}${warning}Nothing has changed; --yes does it.\n`);
  const done = await carryOut(store, step.value);
  return done.ok ? say(`${words.done} ${about}`) : fail(done.error);
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
  toStdout(text);
  return 0;
}

function fail(why: string): number {
  toStderr(`berth: ${why}\n`);
  return 1;
}

function misused(command: string, why: string): number {
  toStderr(`berth ${command}: ${why}\nberth ${command} --help says more\n`);
  return 2;
}
