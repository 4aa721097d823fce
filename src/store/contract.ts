import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Acquire, Outcome, Want } from "../allocation/claim.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import type { Interval } from "../ip/interval.ts";
import { subtract } from "../ip/interval.ts";
import { parseRange } from "../ip/range.ts";
import type { Store } from "./store.ts";

type Options = {
  networkName?: string;
  pod?: string;
  uid?: string;
  ifname?: string;
  sandbox?: string;
  network?: string;
  overlapCheck?: boolean;
  exclude?: Interval[];
  ask?: string;
};

/** A wish for one address of each range, as the plugin would make it. */
export function acquire(ranges: string | readonly string[], options: Options = {}): Acquire {
  const { networkName = "", pod = "p1", ifname = "net1", network = "net", overlapCheck = true } = options;
  const wants = [ranges].flat().map((text): Want => {
    const range = parseRange(text);
    if (!range.ok) throw new Error(`${text}: ${range.error.hint}`);
    const asked = options.ask === undefined ? undefined : parseAddress(options.ask);
    const { network: cidr, first, last } = range.value;
    return {
      pool: { networkName, range: cidr },
      free: subtract({ first, last }, options.exclude ?? []),
      ...(asked?.ok && { address: asked.value }),
    };
  });
  const podOf = { namespace: "default", name: pod, ...(options.uid !== undefined && { uid: options.uid }) };
  const owner = { pod: podOf, ifname, sandbox: options.sandbox ?? `sandbox-${pod}` };
  return { kind: "acquire", owner, node: "node-a", network, overlapCheck, wants, now: 1 };
}

/** The outcome in one line: the addresses, or why there are none. */
export function summary(outcome: Outcome | undefined): string {
  if (outcome === undefined) return "nothing";
  if (outcome.kind === "refused") return outcome.error.code;
  return outcome.claims.map(({ address }) => formatAddress(address)).join(" ");
}

/** What every store promises. `open` gives an empty one. */
export function storeContract(name: string, open: () => Promise<Store>, dispose: () => Promise<void>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      store.close();
      await dispose();
    });

    async function run(...changes: Parameters<Store["commit"]>[0]): Promise<string[]> {
      const outcomes = await store.commit(changes);
      if (!outcomes.ok) throw new Error(outcomes.error.message);
      return outcomes.value.map(summary);
    }
    async function held(): Promise<string[]> {
      const claims = await store.claims({});
      if (!claims.ok) throw new Error(claims.error.message);
      return claims.value.map((claim) => `${formatAddress(claim.address)} ${claim.owner.pod.name}`);
    }
    const release = (pod: string, ifname = "net1") =>
      ({ kind: "release", sandbox: `sandbox-${pod}`, ifname }) as const;

    test("lowest free address first; a freed one is the next", async () => {
      expect(await run(...["a", "b", "c"].map((pod) => acquire("10.0.0.0/24", { pod })))).toEqual([
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
      ]);
      expect(await run(release("b"))).toEqual(["10.0.0.2"]);
      expect(await run(acquire("10.0.0.0/24", { pod: "d" }), acquire("10.0.0.0/24", { pod: "e" }))).toEqual([
        "10.0.0.2",
        "10.0.0.4",
      ]);
    });

    test("ADD again gives the same; its new sandbox owns it and the old one frees nothing", async () => {
      await run(acquire("10.0.0.0/24"));
      expect(await run(acquire("10.0.0.0/24", { sandbox: "new" }))).toEqual(["10.0.0.1"]);
      expect(await run(release("p1"))).toEqual([""]);
      expect(await held()).toEqual(["10.0.0.1 p1"]);
      expect(await run({ kind: "release", sandbox: "new", ifname: "net1" })).toEqual(["10.0.0.1"]);
      expect(await run({ kind: "release", sandbox: "new", ifname: "net1" })).toEqual([""]);
      expect(await held()).toEqual([]);
    });

    test("a held address stays when the configuration moves away from it", async () => {
      await run(acquire("10.0.0.0/24"));
      expect(await run(acquire("10.0.0.100-10.0.0.120/24"))).toEqual(["10.0.0.1"]);
    });

    test("the same name with another uid is another pod; without uid it is the same", async () => {
      await run(acquire("10.0.0.0/24", { uid: "u1" }));
      expect(await run(acquire("10.0.0.0/24", { uid: "u2", sandbox: "s2" }))).toEqual(["10.0.0.2"]);
      expect(await run(acquire("10.0.0.0/24", { uid: "u1" }))).toEqual(["10.0.0.1"]);
      expect(await run(release("p1"))).toEqual(["10.0.0.1"]);
      await run(acquire("10.0.0.0/24", { pod: "q" }));
      expect(await run(acquire("10.0.0.0/24", { pod: "q", uid: "u3" }))).toEqual(["10.0.0.1"]);
      expect(await run(acquire("10.0.0.0/24", { pod: "q", uid: "u4", sandbox: "s4" }))).toEqual(["10.0.0.3"]);
    });

    test("several ranges: all or nothing, and the same range twice gives two addresses", async () => {
      const dual = (pod: string) => acquire(["10.0.0.0/24", "fd00::/126"], { pod });
      expect(await run(dual("a"), dual("b"), dual("c"))).toEqual([
        "10.0.0.1 fd00::1",
        "10.0.0.2 fd00::2",
        "pool_exhausted",
      ]);
      expect((await held()).length).toBe(4);
      const twice = acquire(["10.9.0.0/24", "10.9.0.0/24"], { pod: "d" });
      expect(await run(twice, twice)).toEqual(["10.9.0.1 10.9.0.2", "10.9.0.1 10.9.0.2"]);
    });

    test("realms: overlapping ranges of one share addresses, those of another do not", async () => {
      await run(acquire("10.0.0.0/24", { pod: "a" }));
      expect(await run(acquire("10.0.0.0/16", { pod: "b" }))).toEqual(["10.0.0.2"]);
      expect(await run(acquire("10.0.0.0/16", { pod: "c", networkName: "blue" }))).toEqual(["10.0.0.1"]);
      expect(await run(acquire("10.0.0.0/16", { pod: "d", overlapCheck: false }))).toEqual(["10.0.0.1"]);
      expect(await run(acquire("10.0.0.0/24", { pod: "e", overlapCheck: false }))).toEqual(["10.0.0.2"]);
      // Within one pool an address has one owner whatever the flag says.
      expect(await run(acquire("10.0.0.0/24", { pod: "f" }))).toEqual(["10.0.0.3"]);
      expect(await run(...["a", "b", "d", "e", "f"].map((pod) => release(pod)))).toEqual([
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
      ]);
    });

    test("an address asked for is claimed, kept, or refused with its holder", async () => {
      expect(await run(acquire("10.0.0.0/24", { pod: "a", ask: "10.0.0.7" }))).toEqual(["10.0.0.7"]);
      expect(await run(acquire("10.0.0.0/24", { pod: "a", ask: "10.0.0.7" }))).toEqual(["10.0.0.7"]);
      const refused = await store.commit([acquire("10.0.0.0/16", { pod: "b", ask: "10.0.0.7" })]);
      expect(refused.ok && refused.value[0]).toMatchObject({
        kind: "refused",
        error: { code: "address_taken", holder: { owner: { pod: { name: "a" } } } },
      });
      expect(await held()).toEqual(["10.0.0.7 a"]);
    });

    test("GC keeps what is valid, and other networks", async () => {
      await run(acquire("10.0.0.0/24", { pod: "a" }), acquire("10.0.0.0/24", { pod: "b" }));
      await run(acquire("10.0.0.0/24", { pod: "c", network: "other" }));
      const keep = [{ sandbox: "sandbox-b", ifname: "net1" }];
      expect(await run({ kind: "collect", network: "net", node: "node-b", keep: [] })).toEqual([""]);
      expect(await run({ kind: "collect", network: "net", node: "node-a", keep })).toEqual(["10.0.0.1"]);
      expect(await held()).toEqual(["10.0.0.2 b", "10.0.0.3 c"]);
    });

    test("preview changes nothing and says when the pool is full", async () => {
      const wish = acquire("10.0.0.0/30", { pod: "" });
      expect(await store.preview(wish)).toEqual({ ok: true, value: undefined });
      await run(acquire("10.0.0.0/30", { pod: "a" }), acquire("10.0.0.0/30", { pod: "b" }));
      const full = await store.preview(wish);
      expect(full.ok && full.value?.code).toBe("pool_exhausted");
    });

    test("the revision stays while nothing happens, and is another one after a change", async () => {
      const revision = async () => {
        const text = await store.revision?.();
        return text?.ok ? text.value : undefined;
      };
      const before = await revision();
      if (before === undefined) return; // a store that cannot know
      expect(await revision()).toBe(before);
      await run(acquire("10.0.0.0/24"));
      const after = await revision();
      expect(after).not.toBe(before);
      await run(release("p1"));
      expect(await revision()).not.toBe(after);
    });

    test("pools and filters", async () => {
      await run(acquire(["10.0.0.0/24", "fd00::/64"], { pod: "a" }));
      await run(acquire("10.0.0.0/24", { pod: "b", networkName: "blue" }));
      const pools = await store.pools();
      expect(
        pools.ok && pools.value.map(({ pool, used }) => `${pool.networkName} ${pool.range.family} ${used}`),
      ).toEqual([" 4 1", " 6 1", "blue 4 1"]);
      const count = async (filter: Parameters<Store["claims"]>[0]) => {
        const claims = await store.claims(filter);
        return claims.ok ? claims.value.length : -1;
      };
      const address = parseAddress("10.0.0.1");
      expect(await count(address.ok ? { address: address.value } : {})).toBe(2);
      expect(await count({ pod: { namespace: "default", name: "a" } })).toBe(2);
      expect(await count({ attachment: { sandbox: "sandbox-a", ifname: "net1" } })).toBe(2);
      expect(await count({ attachment: { sandbox: "sandbox-a", ifname: "net2" } })).toBe(0);
      const [, ipv6, blue] = pools.ok ? pools.value : [];
      expect(await count(ipv6 ? { pool: ipv6.pool } : {})).toBe(1);
      expect(await count(blue && address.ok ? { pool: blue.pool, address: address.value } : {})).toBe(1);
    });

    test("any history: one owner for each address, dual stack whole, every range filled to its end", async () => {
      const pod = fc.integer({ min: 0, max: 9 }).map((index) => `p${index}`);
      const wish = fc.record({
        pod,
        ranges: fc.constantFrom(["10.0.0.0/29"], ["10.0.0.0/28"], ["10.0.0.0/29", "fd00::/125"]),
        overlapCheck: fc.boolean(),
      });
      const step = fc.oneof(
        wish.map(({ ranges, ...options }) => acquire(ranges, options)),
        pod.map((name) => release(name)),
      );
      const history = fc.array(step, { maxLength: 40 });
      await fc.assert(
        fc.asyncProperty(history, async (steps) => {
          for (const change of steps) {
            const outcome = await store.commit([change]);
            if (!outcome.ok) throw new Error(outcome.error.message);
            const result = outcome.value[0];
            if (change.kind !== "acquire" || result?.kind !== "acquired") continue;
            expect(result.claims.length).toBe(change.wants.length);
          }
          const claims = await store.claims({});
          if (!claims.ok) throw new Error(claims.error.message);
          const inPool = claims.value.map(
            (claim) => `${claim.pool.range.prefix} ${formatAddress(claim.address)}`,
          );
          const inRealm = claims.value
            .filter((claim) => claim.overlapCheck)
            .map((c) => formatAddress(c.address));
          expect(new Set(inPool).size).toBe(inPool.length);
          expect(new Set(inRealm).size).toBe(inRealm.length);
          for (let index = 0; index < 10; index++) await run(release(`p${index}`));
          expect(await held()).toEqual([]);
          expect(await run(acquire("10.0.0.0/29", { pod: "p0" }), release("p0"))).toEqual([
            "10.0.0.1",
            "10.0.0.1",
          ]);
        }),
        { numRuns: 60 },
      );
    });
  });
}
