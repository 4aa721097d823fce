import { describe, expect, test } from "bun:test";
import { SERVER } from "./testing/answers.ts";
import { HOSTILE4, HOSTILE6 } from "./testing/hostile.ts";
import * as v4 from "./v4/index.ts";
import { readLease, refusalOf } from "./v4/read-lease.ts";
import * as v6 from "./v6/index.ts";

/** The kept packets: refused where they must be; the others reach the machine and come out as harmless leases. */

const random = () => 0.25;

describe("DHCPv4", () => {
  test.each(HOSTILE4.map((packet) => [packet.name, packet] as const))("%s", (_, { hex, isRefused }) => {
    const decoded = v4.decodeMessage(Uint8Array.fromHex(hex));
    expect(decoded.ok).toBe(!isRefused);
    if (!decoded.ok) return;
    const lease = readLease(decoded.value, { obtainedAt: 0 });
    expect(lease.dns.search).toBeUndefined();
    expect(lease.dns.domain).toBeUndefined();
    expect([lease.routes, lease.mtu]).toEqual([[], undefined]);
    expect(refusalOf(decoded.value)).toBe("the server identifier (option 54) is no address");
    const config = v4.clientConfig({ mac: decoded.value.chaddr });
    const started = v4.step(v4.newClient(config), { kind: "start" }, 0, random).state;
    const message = { ...decoded.value, type: "OFFER" as const, xid: Math.floor(0.25 * 2 ** 32) };
    const { state } = v4.step(started, { kind: "packet", message, from: SERVER }, 1, random);
    expect(state.phase.name).toBe("selecting");
  });
});

describe("DHCPv6", () => {
  test.each(HOSTILE6.map((packet) => [packet.name, packet] as const))("%s", (_, { hex, isRefused }) => {
    const decoded = v6.decodeMessage(Uint8Array.fromHex(hex));
    expect(decoded.ok).toBe(!isRefused);
    if (!decoded.ok) return;
    const duid = Uint8Array.of(0, 3, 0, 1);
    const config = v6.clientConfig({ duid, ifname: "net1", rapidCommit: true });
    const started = v6.step(v6.newClient(config), { kind: "start" }, 0, random).state;
    const ids = [1, 2].map((code) => ({ code, value: duid }));
    const rapid = { code: v6.OPTION.rapidCommit, value: new Uint8Array() };
    const options = [...ids, rapid, ...decoded.value.options];
    for (const type of ["ADVERTISE", "REPLY"] as const) {
      const message = { type, xid: Math.floor(0.25 * 2 ** 24), options };
      const { state } = v6.step(started, { kind: "packet", message, from: SERVER }, 1, random);
      expect(state.phase.name).toBe("selecting");
    }
  });
});
