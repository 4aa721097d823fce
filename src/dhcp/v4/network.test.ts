import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../../test/random.ts";
import { ip, OTHER_SERVER, SERVER } from "../testing/answers.ts";
import { Network, type Weather } from "../testing/network.ts";
import { Server4 } from "../testing/server4.ts";
import {
  type ClientState,
  clientConfig,
  type Message,
  newClient,
  type Send,
  step,
  type Timing,
} from "./index.ts";

/** Clients against model servers in virtual time: the invariants of DHCP under any weather. */

const FINE: Weather = { loss: 0, twice: 0, delay: 20 };

const weather: fc.Arbitrary<Weather> = fc.record({
  loss: fc.double({ min: 0, max: 0.5, noNaN: true }),
  twice: fc.double({ min: 0, max: 0.3, noNaN: true }),
  delay: fc.integer({ min: 1, max: 3_000 }),
});

function network(servers: Server4[], conditions: Weather, seed: number) {
  const random = new Random(seed);
  return new Network<ClientState, Message, Send>(step, servers, conditions, () => random.next());
}

function client(index: number, timing: Partial<Timing> = {}): ClientState {
  const mac = Uint8Array.of(2, 0, 0, 0, index >> 8, index);
  return newClient(clientConfig({ mac, timing, hostName: `pod-${index}` }));
}

/** Shorter runs with a bound on every wait. */
const QUICK: Partial<Timing> = { firstWait: 500, longestWait: 8_000, budget: 60_000 };

describe("clients under loss, doubling and reordering", () => {
  test("each has a lease or a failure within its budget, and never has an address two owners", () => {
    const world = fc.record({
      seed: fc.integer(),
      weather,
      clients: fc.integer({ min: 1, max: 8 }),
      size: fc.integer({ min: 1, max: 10 }),
      lease: fc.integer({ min: 5, max: 60 }),
      second: fc.boolean(),
      squatters: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(world, ({ seed, weather: conditions, clients, size, lease, second, squatters }) => {
        const servers = [new Server4(SERVER, ip("192.0.2.10"), size, lease)];
        if (second) servers.push(new Server4(OTHER_SERVER, ip("192.0.2.100"), size, lease));
        const net = network(servers, conditions, seed);
        for (let index = 0; index < squatters; index++) net.squatters.add(`192.0.2.${10 + index}`);
        for (let index = 0; index < clients; index++) {
          net.tell(net.add(`pod-${index}`, client(index, QUICK)), { kind: "start" });
          net.run(100);
        }
        net.run(300_000);
        for (const { name, startedAt, endedAt, state } of net.hosts) {
          const time = endedAt === undefined ? Number.POSITIVE_INFINITY : endedAt - startedAt;
          if (time > 60_000 + 15_000) throw new Error(`${name} in ${state.phase.name} after ${time} ms`);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test("in fine weather every client gets an address at once, keeps it, and its release reaches the server", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 5, max: 600 }),
        (seed, count, lease) => {
          const server = new Server4(SERVER, ip("192.0.2.10"), 30, lease);
          const net = network([server], FINE, seed);
          for (let index = 0; index < count; index++)
            net.tell(net.add(`pod-${index}`, client(index)), { kind: "start" });
          net.run(1_000);
          const first = net.hosts.map(({ carried }) => carried?.address.address.value);
          expect(new Set(first).size).toBe(count);
          expect(first).not.toContain(undefined);
          net.run(lease * 10_000);
          expect(net.hosts.map(({ carried }) => carried?.address.address.value)).toEqual(first);
          expect(server.held(net.now)).toBe(count);
          for (const host of net.hosts) net.tell(host, { kind: "release" });
          net.run(100);
          expect(server.held(net.now)).toBe(0);
        },
      ),
      { numRuns: 15 },
    );
  }, 60_000);

  test("a server that is away for a while takes no lease away; one that stays away takes them at their end", () => {
    const server = new Server4(SERVER, ip("192.0.2.10"), 10, 100);
    const net = network([server], FINE, 1);
    const host = net.add("pod", client(1));
    net.tell(host, { kind: "start" });
    net.run(1_000);
    server.isUp = false;
    net.run(80_000);
    server.isUp = true;
    net.run(100_000);
    expect(host.history.filter((kind) => kind !== "send" && kind !== "renewed")).toEqual([
      "intend",
      "probe",
      "bound",
    ]);

    server.isUp = false;
    net.run(150_000);
    expect(host.carried).toBeUndefined();
    expect(host.state.phase.name).toBe("selecting");

    server.isUp = true;
    net.run(62_000 + 2_000);
    expect(host.history.filter((kind) => kind !== "send" && kind !== "renewed")).toEqual([
      "intend",
      "probe",
      "bound",
      "lost",
      "intend",
      "probe",
      "bound",
    ]);
  });
});
