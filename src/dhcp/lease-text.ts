import * as v from "valibot";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { formatInterfaceAddress, type InterfaceAddress, parseInterfaceAddress } from "../ip/cidr.ts";
import { ok, type Result } from "../result.ts";
import type { Lease, LeaseTimes } from "./lease.ts";
import { type Malformed, malformed } from "./malformed.ts";

/** One JSON object, for a journal; addresses as people write them. */
export function leaseToJson(lease: Lease): string {
  return JSON.stringify(lease, (_, value) => {
    if (isInterfaceAddress(value)) return formatInterfaceAddress(value);
    return isAddress(value) ? formatAddress(value) : value;
  });
}

/** What `leaseToJson` wrote; anything else, such as a record that was damaged, is refused. */
export function leaseFromJson(text: string): Result<Lease, Malformed> {
  const parsed = parseJson(text);
  if (parsed === undefined) return malformed("not JSON");
  const read = v.safeParse(LEASE, parsed, { abortEarly: true });
  if (!read.success)
    return malformed(`${v.getDotPath(read.issues[0]) ?? "lease"}: ${read.issues[0].message}`);
  return ok(read.output);
}

/**
 * The lease in the time of another clock: `by` is what that clock shows more, in milliseconds. A journal keeps wall time:
 * `leaseToJson(shiftLease(lease, clock.now() - clock.elapsed()))`, and back with the sign turned.
 */
export function shiftLease(lease: Lease, by: number): Lease {
  const { obtainedAt, renewAt, rebindAt, preferredUntil, expiresAt } = lease.times;
  const times: LeaseTimes = {
    obtainedAt: obtainedAt + by,
    ...(renewAt !== undefined && { renewAt: renewAt + by }),
    ...(rebindAt !== undefined && { rebindAt: rebindAt + by }),
    ...(preferredUntil !== undefined && { preferredUntil: preferredUntil + by }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt + by }),
  };
  const delegated = lease.delegated.map((one) =>
    one.expiresAt === undefined ? one : { ...one, expiresAt: one.expiresAt + by },
  );
  return { ...lease, times, delegated };
}

const address = v.pipe(
  v.string(),
  v.rawTransform<string, Address>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseAddress(dataset.value);
    if (parsed.ok) return parsed.value;
    addIssue({ message: parsed.error.hint });
    return NEVER;
  }),
);

const interfaceAddress = v.pipe(
  v.string(),
  v.rawTransform<string, InterfaceAddress>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseInterfaceAddress(dataset.value);
    if (parsed.ok) return parsed.value;
    addIssue({ message: parsed.error.hint });
    return NEVER;
  }),
);

const time = v.pipe(v.number(), v.finite());
const number = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const texts = v.array(v.string());

const ROUTE = v.object({
  dst: interfaceAddress,
  gw: v.exactOptional(address),
  mtu: v.exactOptional(number),
  advmss: v.exactOptional(number),
  priority: v.exactOptional(number),
  table: v.exactOptional(number),
  scope: v.exactOptional(number),
});

const LEASE = v.object({
  family: v.picklist([4, 6]),
  address: interfaceAddress,
  server: address,
  serverDuid: v.exactOptional(v.string()),
  gateway: v.exactOptional(address),
  routes: v.array(ROUTE),
  dns: v.object({
    nameservers: v.exactOptional(texts),
    domain: v.exactOptional(v.string()),
    search: v.exactOptional(texts),
    options: v.exactOptional(texts),
  }),
  ntp: v.array(address),
  mtu: v.exactOptional(number),
  delegated: v.array(v.object({ prefix: interfaceAddress, expiresAt: v.exactOptional(time) })),
  times: v.object({
    obtainedAt: time,
    renewAt: v.exactOptional(time),
    rebindAt: v.exactOptional(time),
    preferredUntil: v.exactOptional(time),
    expiresAt: v.exactOptional(time),
  }),
  options: v.record(v.string(), v.string()),
});

function isAddress(value: unknown): value is Address {
  return typeof value === "object" && value !== null && "family" in value && "value" in value;
}

function isInterfaceAddress(value: unknown): value is InterfaceAddress {
  return typeof value === "object" && value !== null && "prefix" in value && "address" in value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
