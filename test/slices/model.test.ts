import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Address, sameAddress } from "../../src/ip/address.ts";
import { contains } from "../../src/ip/cidr.ts";
import { IP_POOLS, NODES } from "../../src/kube/objects.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { Lab, type Want } from "./lab.ts";

/** Two attachments without network name over the same addresses, one realm apart, and one of two families. */
const NETS: readonly Want[] = [
  { network: "net", range: "10.5.0.0/25", prefix: 28 },
  { network: "twin", range: "10.5.0.0/25", prefix: 28 },
  { network: "blue", networkName: "blue", range: "10.5.0.0/26", prefix: 29 },
  {
    network: "dual",
    networkName: "dual",
    range: "10.7.0.0/26",
    prefix: 28,
    second: { range: "fd00:7::/122", prefix: 124 },
  },
];
const NODE_NAMES = ["node-a", "node-b", "node-c"];

type Live = { readonly node: string; readonly net: number; readonly addresses: readonly Address[] };

/** What must be true: who holds what, as the callers were told. */
class World {
  readonly lab: Lab;
  readonly live = new Map<string, Live>();
  readonly up = new Set<string>();
  #pods = 0;

  constructor(seed: number, writeDelay: number) {
    this.lab = new Lab(seed, writeDelay);
    for (const net of NETS.keys()) {
      const { network = "" } = NETS[net] ?? {};
      this.lab.attach(network, ipamOf(net, 0));
    }
    this.lab.startController();
  }

  async add(node: string, net: number, again: boolean): Promise<void> {
    const want = NETS[net];
    if (!want || !this.up.has(node)) return;
    const known = [...this.live].find(([, live]) => live.node === node && live.net === net);
    const pod = again && known ? known[0] : `p${this.#pods++}`;
    const result = await this.lab.add(node, pod, want);
    if (!result.ok || result.value.kind !== "acquired") return;
    const addresses = result.value.claims.map(({ address }) => address);
    expect(addresses).toHaveLength(want.second ? 2 : 1);
    if (again && known) expect(addresses).toEqual([...known[1].addresses]);
    const realm = want.networkName ?? "";
    const isOthers = ([name, live]: [string, Live]) =>
      name !== pod &&
      (NETS[live.net]?.networkName ?? "") === realm &&
      live.addresses.some((one) => addresses.some((address) => sameAddress(one, address)));
    // Invariant 1: one owner.
    expect([...this.live].find(isOthers)).toBeUndefined();
    this.live.set(pod, { node, net, addresses });
  }

  /** Invariants 1 and 5 at the level of slices: where a pod holds an address, no other node has a slice. */
  check(): void {
    for (const { realm, slices } of this.lab.slicePools()) {
      for (const [pod, live] of this.live) {
        if ((NETS[live.net]?.networkName ?? "") !== realm) continue;
        const taken = slices.find(
          ({ node, range }) =>
            node !== "" && node !== live.node && live.addresses.some((one) => contains(range, one)),
        );
        if (taken) throw new Error(`${taken.node} has the slice of ${pod} on ${live.node}`);
      }
    }
  }

  /** The process ends and its disk with it; the runtime goes on to know its sandboxes. */
  loseDisk(node: string): void {
    this.lab.kill(node);
    this.lab.disks.delete(node);
    const sandboxes = [...this.live].flatMap(([pod, { node: at, net, addresses }]) => {
      const { network = "", networkName = "" } = NETS[net] ?? {};
      const names = { pod: { namespace: "default", name: pod, uid: `uid-${pod}` }, network, networkName };
      return at === node ? [{ id: `sandbox-${pod}`, ifname: "net1", addresses, ...names }] : [];
    });
    this.lab.sandboxes.set(node, sandboxes);
  }

  async del(index: number): Promise<void> {
    const pods = [...this.live].filter(([, { node }]) => this.up.has(node));
    const found = pods[index % Math.max(1, pods.length)];
    if (!found) return;
    // Whether or not it is told that it went well, the pod is gone.
    this.live.delete(found[0]);
    await this.lab.del(found[1].node, found[0]);
  }

  async join(node: string): Promise<void> {
    if (this.up.has(node)) return;
    this.lab.join(node);
    this.up.add(node);
    await this.lab.clock.advance(100);
  }

  /** The machine ends, its Node object goes, and the reconciler frees what its pods held. */
  async leave(node: string): Promise<void> {
    if (!this.up.has(node)) return;
    this.lab.kill(node);
    this.up.delete(node);
    for (const [pod, live] of this.live) if (live.node === node) this.live.delete(pod);
    const client = this.lab.client("reconciler");
    await this.lab.clock.run(client.delete(NODES, { name: node }));
    for (const object of this.lab.double.objects(IP_POOLS)) {
      const { name } = object.metadata as { name: string };
      if (!name.includes(node)) continue;
      const patch = [{ op: "add", path: "/spec/allocations", value: {} }] as const;
      await this.lab.clock.run(
        client.patch(IP_POOLS, { name, namespace: NAMESPACE }, { type: "json", patch }),
      );
    }
  }

  /** Invariant 5: what a living pod holds is there, once everything has come to rest. */
  async settle(): Promise<void> {
    for (const node of NODE_NAMES) this.lab.heal(node);
    this.lab.double.faults.clear();
    for (const node of this.up) await this.lab.clock.run(this.lab.store(node).claims({}));
    for (const [net, node] of [...this.up].flatMap((node) =>
      [...NETS.keys()].map((net) => [net, node] as const),
    )) {
      await this.add(node, net, true); // opens the journal of a node that was killed
    }
    await this.lab.clock.advance(60_000);
    const held = this.lab.entries().map((entry) => entry.split(" ")[1]);
    for (const pod of this.live.keys()) expect(held).toContain(`default/${pod}`);
    this.lab.stopController();
    for (const node of this.up) this.lab.kill(node);
  }

  /** Writes the attachment, new or again, with slices that are larger or smaller by so many bits. */
  async attach(net: number, bits: number): Promise<void> {
    const { network = "" } = NETS[net] ?? {};
    const isThere = this.lab.attachments().includes(network);
    if (isThere) await this.lab.edit(network, ipamOf(net, bits));
    else this.lab.attach(network, ipamOf(net, bits));
  }
}

function ipamOf(net: number, bits: number): object {
  const { networkName, range = "", prefix = 0, second } = NETS[net] ?? {};
  return {
    ipRanges: [range, ...(second ? [second.range] : [])].map((one) => ({ range: one })),
    node_slice_size: `/${prefix + bits}`,
    ...(networkName && { network_name: networkName }),
  };
}

type Step = { readonly name: string; readonly run: (world: World) => Promise<void> };

const node = fc.constantFrom(...NODE_NAMES);
const step = (name: string, run: Step["run"]): Step => ({ name, run });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(node, fc.nat(NETS.length - 1), fc.boolean())
      .map(([at, net, again]) => step(`add ${at} ${net} ${again}`, (world) => world.add(at, net, again))),
  },
  { weight: 4, arbitrary: fc.nat(20).map((index) => step(`del ${index}`, (world) => world.del(index))) },
  { weight: 2, arbitrary: node.map((at) => step(`join ${at}`, (world) => world.join(at))) },
  { weight: 1, arbitrary: node.map((at) => step(`leave ${at}`, (world) => world.leave(at))) },
  { weight: 2, arbitrary: node.map((at) => step(`kill ${at}`, async ({ lab }) => lab.kill(at))) },
  { weight: 1, arbitrary: node.map((at) => step(`lose disk ${at}`, async (world) => world.loseDisk(at))) },
  {
    weight: 1,
    arbitrary: fc
      .nat(NETS.length - 1)
      .map((net) => step(`detach ${net}`, async ({ lab }) => lab.detach(NETS[net]?.network ?? ""))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(NETS.length - 1), fc.constantFrom(-1, 0, 1))
      .map(([net, bits]) => step(`attach ${net} ${bits}`, (world) => world.attach(net, bits))),
  },
  { weight: 1, arbitrary: node.map((at) => step(`cut off ${at}`, async ({ lab }) => lab.cutOff(at))) },
  { weight: 2, arbitrary: node.map((at) => step(`heal ${at}`, async ({ lab }) => lab.heal(at))) },
  {
    weight: 1,
    arbitrary: fc.constant(
      step("controller restarts", async ({ lab }) => {
        lab.stopController();
        lab.startController();
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      step("answers get lost", async ({ lab }) => {
        lab.double.faults.plant({ chance: 0.3, times: 5, verb: ["create", "patch"] }, { do: "drop_after" });
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(50, 2_000, 20_000, 40 * 60_000, 75 * 60_000)
      .map((ms) => step(`${ms} ms`, ({ lab }) => lab.clock.advance(ms))),
  },
);

test.each([0, 1_000])(
  "any history of nodes, pods and faults, written after %d ms: one owner for each address, none lost",
  async (delay) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(steps, { minLength: 5, maxLength: 40 }),
        async (seed, history) => {
          const world = new World(seed, delay);
          await world.join("node-a");
          await world.add("node-a", 0, false);
          for (const { run } of history) {
            await run(world);
            world.check();
          }
          await world.settle();
        },
      ),
      { numRuns: Number(process.env.SLICES_RUNS ?? 25) },
    );
  },
  120_000,
);
