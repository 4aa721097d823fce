import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../../test/random.ts";
import { ip } from "../testing/answers.ts";
import { Network, type Weather } from "../testing/network.ts";
import { Server6 } from "../testing/server6.ts";
import {
  type ClientState,
  type ClientWish,
  clientConfig,
  type Message,
  newClient,
  type Send,
  step,
} from "./index.ts";

/** Clients against model servers in virtual time: the invariants of DHCPv6 under any weather. */

const FINE: Weather = { loss: 0, twice: 0, delay: 20 };
const FIRST = ip("2001:db8::10");

const weather: fc.Arbitrary<Weather> = fc.record({
  loss: fc.double({ min: 0, max: 0.5, noNaN: true }),
  twice: fc.double({ min: 0, max: 0.3, noNaN: true }),
  delay: fc.integer({ min: 1, max: 3_000 }),
});

function server(index: number, size: number, lease: number): Server6 {
  const first = index === 1 ? FIRST : ip("2001:db8::1:0");
  return new Server6(ip(`fe80::${index}`), Uint8Array.of(0, 3, 0, 1, index), first, size, lease);
}

function network(servers: Server6[], conditions: Weather, seed: number) {
  const random = new Random(seed);
  return new Network<ClientState, Message, Send>(step, servers, conditions, () => random.next());
}

function client(index: number, wish: Partial<ClientWish> = {}): ClientState {
  const duid = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, index >> 8, index);
  return newClient(clientConfig({ duid, ifname: "net1", ...wish }));
}

describe("clients under loss, doubling and reordering", () => {
  test("each has a lease or a failure within its budget, and never has an address two owners", () => {
    const world = fc.record({
      seed: fc.integer(),
      weather,
      clients: fc.integer({ min: 1, max: 8 }),
      size: fc.integer({ min: 1, max: 10 }),
      lease: fc.integer({ min: 10, max: 60 }),
      second: fc.boolean(),
      rapidCommit: fc.boolean(),
      squatters: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        world,
        ({ seed, weather: conditions, clients, size, lease, second, rapidCommit, squatters }) => {
          const servers = [server(1, size, lease), ...(second ? [server(2, size, lease)] : [])];
          const net = network(servers, conditions, seed);
          for (let index = 0; index < squatters; index++) net.squatters.add(`2001:db8::1${index}`);
          for (let index = 0; index < clients; index++) {
            const timing = { longestWait: 8_000, budget: 60_000 };
            net.tell(net.add(`pod-${index}`, client(index, { rapidCommit, timing })), { kind: "start" });
            net.run(100);
          }
          net.run(300_000);
          for (const { name, startedAt, endedAt, state } of net.hosts) {
            const time = endedAt === undefined ? Number.POSITIVE_INFINITY : endedAt - startedAt;
            if (time > 60_000 + 15_000) throw new Error(`${name} in ${state.phase.name} after ${time} ms`);
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  test("in fine weather every client gets an address at once, keeps it, and its release reaches the server", () => {
    const world = fc.tuple(
      fc.integer(),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 10, max: 600 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(world, ([seed, count, lease, rapidCommit]) => {
        const only = server(1, 30, lease);
        const net = network([only], FINE, seed);
        for (let index = 0; index < count; index++) {
          net.tell(net.add(`pod-${index}`, client(index, { rapidCommit })), { kind: "start" });
        }
        net.run(1_000);
        const first = net.hosts.map(({ carried }) => carried?.address.address.value);
        expect(first).not.toContain(undefined);
        expect(new Set(first).size).toBe(count);
        net.run(lease * 10_000);
        expect(net.hosts.map(({ carried }) => carried?.address.address.value)).toEqual(first);
        expect(only.held(net.now)).toBe(count);
        for (const host of net.hosts) net.tell(host, { kind: "release" });
        net.run(100);
        expect(only.held(net.now)).toBe(0);
        expect(net.hosts.map(({ state }) => state.phase.name)).toEqual(first.map(() => "idle"));
      }),
      { numRuns: 15 },
    );
  }, 60_000);

  test("a release is repeated until the server hears it", () => {
    const only = server(1, 10, 600);
    const net = network([only], FINE, 1);
    const host = net.add("pod", client(1));
    net.tell(host, { kind: "start" });
    net.run(1_000);
    only.isUp = false;
    net.tell(host, { kind: "release" });
    net.run(2_000);
    only.isUp = true;
    net.run(10_000);
    expect([only.held(net.now), host.state.phase.name, host.history.at(-1)]).toEqual([0, "idle", "released"]);
  });

  test("a server that stays away takes the lease at its end; when it is back there is one again", () => {
    const only = server(1, 10, 100);
    const net = network([only], FINE, 1);
    const host = net.add("pod", client(1, { timing: { longestWait: 8_000 } }));
    net.tell(host, { kind: "start" });
    net.run(1_000);
    only.isUp = false;
    net.run(120_000);
    expect([host.carried, host.state.phase.name]).toEqual([undefined, "selecting"]);
    only.isUp = true;
    net.run(20_000);
    const seen = host.history.filter((kind) => kind !== "send" && kind !== "renewed");
    expect(seen).toEqual(["probe", "bound", "lost", "probe", "bound"]);
  });
});
