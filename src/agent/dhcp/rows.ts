import type { Clock } from "../../clock.ts";
import { formatAddress } from "../../ip/address.ts";
import { formatInterfaceAddress } from "../../ip/cidr.ts";
import type { Holder } from "./holder.ts";

/** One lease as `berth leases` gets it. Times are ISO 8601. */
export type LeaseRow = {
  readonly pod: string;
  readonly sandbox: string;
  readonly interface: string;
  readonly network: string;
  readonly family: 4 | 6;
  readonly address: string | null;
  readonly server: string | null;
  readonly state: string;
  /** Seconds until the lease ends; null for one without end, or for none. */
  readonly left: number | null;
  readonly renewsAt: string | null;
  readonly expiresAt: string | null;
  readonly routers: string | null;
  readonly dns: readonly string[];
  readonly ntp: readonly string[];
  readonly netns: string;
  readonly trouble: string | null;
};

export function rowOf({ record, state }: Holder, clock: Clock): LeaseRow {
  const { lease } = record;
  const shift = clock.now() - clock.elapsed();
  const iso = (time: number | undefined) =>
    time === undefined ? null : new Date(time + shift).toISOString();
  const { renewAt, expiresAt } = lease?.times ?? {};
  return {
    pod: record.pod,
    sandbox: record.sandbox,
    interface: record.ifname,
    network: record.network,
    family: record.family,
    address: lease ? formatInterfaceAddress(lease.address) : null,
    server: lease ? formatAddress(lease.server) : null,
    state,
    left: expiresAt === undefined ? null : Math.max(0, Math.round((expiresAt - clock.elapsed()) / 1000)),
    renewsAt: iso(renewAt),
    expiresAt: iso(expiresAt),
    routers: lease?.gateway ? formatAddress(lease.gateway) : null,
    dns: lease?.dns.nameservers ?? [],
    ntp: (lease?.ntp ?? []).map(formatAddress),
    netns: record.netns,
    trouble: record.trouble ?? null,
  };
}
