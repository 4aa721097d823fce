import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress } from "../../src/ip/address.ts";
import { IP_POOLS, NODES } from "../../src/kube/objects.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { Lab, type Want } from "./lab.ts";

/** Two attachments without network name over the same addresses, one of them with a gap, and one realm apart. */
const NETS: readonly Want[] = [
  { network: "net", range: "10.5.0.0/25", prefix: 28 },
  { network: "twin", range: "10.5.0.0/25", prefix: 28 },
  { network: "blue", networkName: "blue", range: "10.5.0.0/26", prefix: 29 },
];
const NODE_NAMES = ["node-a", "node-b", "node-c"];

type Live = { readonly node: string; readonly net: number; readonly address: string };

/** What must be true: who holds what, as the callers were told. */
class World {
  readonly lab: Lab;
  readonly live = new Map<string, Live>();
  readonly up = new Set<string>();
  #pods = 0;

  constructor(seed: number, writeDelay: number) {
    this.lab = new Lab(seed, writeDelay);
    for (const net of NETS.keys()) this.#attach(net);
    this.lab.startController();
  }

  async add(node: string, net: number, again: boolean): Promise<void> {
    const want = NETS[net];
    if (!want || !this.up.has(node)) return;
    const known = [...this.live].find(([, live]) => live.node === node && live.net === net);
    const pod = again && known ? known[0] : `p${this.#pods++}`;
    const result = await this.lab.add(node, pod, want);
    if (!result.ok || result.value.kind !== "acquired") return;
    const address = result.value.claims.map((claim) => formatAddress(claim.address)).join();
    if (again && known) expect(address).toBe(known[1].address);
    const realm = want.networkName ?? "";
    const other = [...this.live].find(
      ([name, live]) =>
        name !== pod && live.address === address && (NETS[live.net]?.networkName ?? "") === realm,
    );
    // Invariant 1: one owner.
    expect(other).toBeUndefined();
    this.live.set(pod, { node, net, address });
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

  #attach(net: number): void {
    const want = NETS[net];
    if (!want) return;
    const { network, networkName, range, prefix } = want;
    this.lab.attach(network, {
      range,
      node_slice_size: `/${prefix}`,
      ...(networkName && { network_name: networkName }),
    });
  }
}

type Step = { readonly name: string; readonly run: (world: World) => Promise<void> };

const node = fc.constantFrom(...NODE_NAMES);
const step = (name: string, run: Step["run"]): Step => ({ name, run });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(node, fc.nat(2), fc.boolean())
      .map(([at, net, again]) => step(`add ${at} ${net} ${again}`, (world) => world.add(at, net, again))),
  },
  { weight: 4, arbitrary: fc.nat(20).map((index) => step(`del ${index}`, (world) => world.del(index))) },
  { weight: 2, arbitrary: node.map((at) => step(`join ${at}`, (world) => world.join(at))) },
  { weight: 1, arbitrary: node.map((at) => step(`leave ${at}`, (world) => world.leave(at))) },
  { weight: 2, arbitrary: node.map((at) => step(`kill ${at}`, async ({ lab }) => lab.kill(at))) },
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
      .constantFrom(50, 2_000, 75 * 60_000)
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
          for (const { run } of history) await run(world);
          await world.settle();
        },
      ),
      { numRuns: Number(process.env.SLICES_RUNS ?? 25) },
    );
  },
  120_000,
);
