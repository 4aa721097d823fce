import { describe, expect, test } from "bun:test";
import type { Claim } from "../allocation/claim.ts";
import { reserve } from "../allocation/reservation.ts";
import { parseAddress } from "../ip/address.ts";
import { parseCidr } from "../ip/cidr.ts";
import { lintNetworks } from "../lint/index.ts";
import { findingsOf } from "./findings.ts";

type Options = {
  pool?: string;
  networkName?: string;
  overlapCheck?: boolean;
  sandbox?: string;
  since?: number;
  ifname?: string;
};

function claim(text: string, pod: string, options: Options = {}): Claim {
  const address = parseAddress(text);
  const range = parseCidr(options.pool ?? "10.0.0.0/24");
  if (!address.ok || !range.ok) throw new Error(text);
  return {
    pool: { networkName: options.networkName ?? "", range: range.value },
    address: address.value,
    overlapCheck: options.overlapCheck ?? true,
    owner: {
      pod: { namespace: "default", name: pod },
      ifname: options.ifname ?? "net1",
      sandbox: options.sandbox ?? `s-${pod}`,
    },
    node: "n",
    network: "net",
    slot: 0,
    since: options.since ?? 0,
  };
}

function found(claims: readonly Claim[], more: Partial<Parameters<typeof findingsOf>[0]> = {}): string[] {
  const findings = findingsOf({ claims, pools: [], networks: [], now: 1000, ...more });
  return findings.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);
}

describe("findingsOf", () => {
  test("nothing is wrong with claims as they should be", () => {
    expect(
      found([
        claim("10.0.0.1", "a"),
        claim("10.0.0.2", "b"),
        claim("10.0.0.1", "c", { networkName: "blue" }),
      ]),
    ).toEqual([]);
  });

  test("an address twice in a realm, but not in two", () => {
    const wide = { pool: "10.0.0.0/16" };
    const twice = [claim("10.0.0.1", "a"), claim("10.0.0.1", "b", wide)];
    expect(found(twice)).toEqual(["error address_twice 10.0.0.1"]);
    expect(found([claim("10.0.0.1", "a"), claim("10.0.0.1", "b", { ...wide, overlapCheck: false })])).toEqual(
      [],
    );
    expect(found([claim("10.0.0.1", "a", { overlapCheck: false }), claim("10.0.0.1", "b", wide)])).toEqual(
      [],
    );
    // In one pool an address has one owner whatever the flags say.
    const unchecked = { overlapCheck: false };
    expect(found([claim("10.0.0.1", "a", unchecked), claim("10.0.0.1", "b", unchecked)])).toHaveLength(1);
  });

  test("outside the pool, network and broadcast address", () => {
    expect(found([claim("10.9.0.1", "a"), claim("10.0.0.0", "b"), claim("10.0.0.255", "c")])).toEqual([
      "error address_outside_pool 10.9.0.1",
      "error network_or_broadcast_held 10.0.0.0",
      "error network_or_broadcast_held 10.0.0.255",
    ]);
  });

  test("the gateway and what is excluded today, where the networks are known", () => {
    const ipam = {
      type: "whereabouts",
      datastore: "sqlite",
      range: "10.0.0.0/24",
      gateway: "10.0.0.1",
      exclude: ["10.0.0.8/29"],
    };
    const text = JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "bridge", ipam });
    const { networks } = lintNetworks(text, "net.conf");
    const claims = [claim("10.0.0.1", "a"), claim("10.0.0.9", "b"), claim("10.0.0.20", "c")];
    expect(found(claims, { networks })).toEqual([
      "error gateway_held 10.0.0.1",
      "warning excluded_held 10.0.0.9",
    ]);
  });

  test("what an earlier sandbox of a pod still holds", () => {
    const claims = [
      claim("10.0.0.1", "a", { sandbox: "new", since: 20 }),
      claim("10.0.0.2", "a", { sandbox: "old", since: 10 }),
      claim("10.0.0.3", "a", { sandbox: "new", ifname: "net2" }),
    ];
    expect(found(claims)).toEqual(["warning several_sandboxes 10.0.0.2"]);
  });

  test("a reservation that has ended; one that has not is well", () => {
    const address = parseAddress("10.0.0.5");
    const pool = claim("10.0.0.1", "a").pool;
    if (!address.ok) throw new Error();
    const reserved = (until: number): Claim => {
      const { owner } = reserve(pool, address.value, { by: "ops", reason: "x", until }, true, 0);
      return { ...claim("10.0.0.5", ""), owner };
    };
    expect(found([reserved(1000)])).toEqual(["warning reservation_expired 10.0.0.5"]);
    expect(found([reserved(1001)])).toEqual([]);
  });

  test("pools that are full, or nearly", () => {
    const { pool } = claim("10.0.0.1", "a");
    const usage = (used: bigint) => found([], { pools: [{ pool, used }] });
    expect([usage(228n), usage(229n), usage(254n)]).toEqual([
      [],
      ["warning pool_nearly_full 10.0.0.0/24"],
      ["error pool_full 10.0.0.0/24"],
    ]);
  });
});
