import type { Acquire, Outcome } from "../../src/allocation/claim.ts";
import { Controller } from "../../src/controller/controller.ts";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { parseCidr } from "../../src/ip/cidr.ts";
import { parseRange } from "../../src/ip/range.ts";
import { Client } from "../../src/kube/client.ts";
import { EventRecorder } from "../../src/kube/events.ts";
import { poolName } from "../../src/kube/names.ts";
import {
  ATTACHMENTS,
  apiVersionOf,
  EVENTS,
  type Event,
  IP_POOLS,
  NODE_SLICE_POOLS,
  RESERVATIONS,
} from "../../src/kube/objects.ts";
import type { Result } from "../../src/result.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import type { Grant, SliceJournal, SliceRow } from "../../src/store/kubernetes/slices/journal.ts";
import type { Sandbox } from "../../src/store/kubernetes/slices/sandboxes.ts";
import { readSlicePool, type SlicePool } from "../../src/store/kubernetes/slices/slice-pools.ts";
import { SlicedStore } from "../../src/store/kubernetes/slices/sliced-store.ts";
import type { StoreError } from "../../src/store/store.ts";
import { Double } from "../apiserver/double.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";
import { VirtualClock } from "../virtual-clock.ts";

/** A disk that outlives the agent. */
export class Disk {
  readonly rows = new Map<string, SliceRow>();
  grants: readonly Grant[] = [];
  /** Promised addresses of slices that the disk did not say were the node's when they were written. */
  readonly orphans: SliceRow[] = [];
  /** Whether writes fail. */
  full = false;

  open(): SliceJournal {
    return {
      rows: () => [...this.rows.values()],
      grants: () => this.grants,
      write: (puts, removes) => {
        if (this.full) throw new Error("disk full");
        for (const { pool, offset } of removes) this.rows.delete(`${pool}/${offset}`);
        for (const row of puts) {
          // After a restart such a row would be taken for one of a slice that is another's by now.
          if (row.held && !this.#isGranted(row.pool)) this.orphans.push(row);
          this.rows.set(`${row.pool}/${row.offset}`, structuredClone(row));
        }
      },
      keepGrants: (grants) => {
        if (this.full) throw new Error("disk full");
        this.grants = grants;
      },
      close: () => undefined,
    };
  }

  #isGranted(pool: string): boolean {
    return this.grants.some(({ networkName, node, slice }) => {
      const range = parseCidr(slice);
      return range.ok && poolName({ networkName, node, range: range.value }) === pool;
    });
  }
}

/** A cluster in virtual time: the double, a controller, and nodes with their disks. */
export class Lab {
  readonly clock: VirtualClock;
  readonly double: Double;
  readonly disks = new Map<string, Disk>();
  /** What the runtime of each node has made. */
  readonly sandboxes = new Map<string, readonly Sandbox[]>();
  readonly stores = new Map<string, SlicedStore>();
  readonly writeDelay: number;
  readonly #lives = new Map<string, number>();
  #stopController: AbortController | undefined;

  constructor(seed = 1, writeDelay = 1_000) {
    this.writeDelay = writeDelay;
    this.clock = new VirtualClock(seed);
    this.double = new Double({ clock: this.clock, crds: keepingCrds() });
  }

  client(name: string): Client {
    const transport = this.double.connect({ client: name, latency: [1, 5] });
    return new Client(transport, this.clock, { namespace: NAMESPACE });
  }

  startController(): void {
    const stop = new AbortController();
    this.#stopController = stop;
    const client = this.client("controller");
    const { clock } = this;
    const log = () => undefined;
    const events = new EventRecorder({ client, clock, log, component: "berth-controller" });
    void new Controller({ client, clock, log, events }).run(stop.signal);
  }

  stopController(): void {
    this.#stopController?.abort();
  }

  join(name: string): void {
    this.double.seed({ apiVersion: "v1", kind: "Node", metadata: { name } });
  }

  attach(name: string, ipam: object): void {
    this.double.seed(attachmentObject(name, ipam));
  }

  /** Writes another configuration into an attachment. */
  async edit(name: string, ipam: object): Promise<void> {
    const { spec } = attachmentObject(name, ipam);
    const target = { name, namespace: "default" };
    await this.clock.run(this.client("admin").patch(ATTACHMENTS, target, { type: "merge", patch: { spec } }));
  }

  async detach(name: string): Promise<void> {
    await this.clock.run(this.client("admin").delete(ATTACHMENTS, { name, namespace: "default" }));
  }

  attachments(): string[] {
    return this.double.objects(ATTACHMENTS).map(({ metadata }) => (metadata as { name: string }).name);
  }

  /** The NodeSlicePools, without the requests of nodes. */
  slicePools(): SlicePool[] {
    return this.double
      .objects(NODE_SLICE_POOLS)
      .flatMap((object) => readSlicePool(object as never) ?? [])
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** `REASON OBJECT` of each Event told so far. */
  events(): string[] {
    return this.double.objects(EVENTS).map((event) => {
      const { reason, involvedObject } = event as unknown as Event;
      return `${reason} ${involvedObject.name}`;
    });
  }

  store(node: string): SlicedStore {
    const known = this.stores.get(node);
    if (known) return known;
    const disk = this.disks.get(node) ?? new Disk();
    this.disks.set(node, disk);
    const client = this.client(this.#lifeOf(node));
    const parts = { clock: this.clock, log: () => undefined, patience: 10_000 };
    const inner = new KubernetesStore(client, { ...parts, staying: true, node });
    const exists = () => disk.rows.size > 0 || disk.grants.length > 0;
    const { writeDelay } = this;
    const sandboxes = () => this.sandboxes.get(node) ?? [];
    const journals = { exists, open: () => disk.open() };
    const store = new SlicedStore(inner, parts, { journals, writeDelay, sandboxes });
    store.resume();
    this.stores.set(node, store);
    return store;
  }

  /** The process dies; its disk stays. */
  kill(node: string): void {
    this.double.faults.partition(this.#lifeOf(node)); // nothing of it is heard any more
    this.stores.get(node)?.close();
    this.stores.delete(node);
    this.#lives.set(node, (this.#lives.get(node) ?? 0) + 1);
  }

  cutOff(node: string): void {
    this.double.faults.partition(this.#lifeOf(node));
  }

  heal(node: string): void {
    this.double.faults.heal(this.#lifeOf(node));
  }

  #lifeOf(node: string): string {
    return `${node}#${this.#lives.get(node) ?? 0}`;
  }

  async add(node: string, pod: string, want: Want): Promise<Result<Outcome, StoreError>> {
    const outcomes = await this.clock.run(this.store(node).commit([acquisition(node, pod, want)]));
    const [outcome] = outcomes.ok ? outcomes.value : [];
    if (!outcomes.ok) return outcomes;
    if (!outcome) throw new Error("no outcome");
    return { ok: true, value: outcome };
  }

  async del(node: string, pod: string): Promise<boolean> {
    const change = { kind: "release", sandbox: `sandbox-${pod}`, ifname: "net1" } as const;
    return (await this.clock.run(this.store(node).commit([change]))).ok;
  }

  /** `address pod` of what the API server has, ascending. */
  entries(): string[] {
    return this.double
      .objects(IP_POOLS)
      .flatMap((object) => {
        const { range, allocations } = object.spec as {
          range: string;
          allocations: Record<string, { podref: string }>;
        };
        const cidr = parseCidr(range);
        if (!cidr.ok) throw new Error(range);
        return Object.entries(allocations).map(
          ([offset, { podref }]) => `${cidr.value.base + BigInt(offset)} ${podref}`,
        );
      })
      .sort();
  }

  /** The names of all reservations, ascending. */
  reservations(): string[] {
    return this.double
      .objects(RESERVATIONS)
      .map(({ metadata }) => (metadata as { name: string }).name)
      .sort();
  }

  seedPool(name: string, range: string, offset: string, allocation: object): void {
    const entry = { id: "seeded", ifname: "net1", ...allocation };
    this.double.seed({
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name, namespace: NAMESPACE },
      spec: { range, allocations: { [offset]: entry } },
    });
  }

  seedReservation(name: string, podref: string): void {
    this.double.seed({
      apiVersion: apiVersionOf(RESERVATIONS),
      kind: RESERVATIONS.kind,
      metadata: { name, namespace: NAMESPACE },
      spec: { podref, ifname: "net1" },
    });
  }

  /** `node slice` of all that is given out. */
  slices(): string[] {
    return this.double.objects(NODE_SLICE_POOLS).flatMap((object) => {
      const pool = readSlicePool(object as never);
      return (
        pool?.slices
          .filter(({ node }) => node !== "")
          .map(({ node, range }) => `${node} ${range.base}/${range.prefix}`) ?? []
      );
    });
  }
}

function attachmentObject(name: string, ipam: object) {
  const config = { cniVersion: "1.0.0", name, type: "macvlan", ipam: { type: "whereabouts", ...ipam } };
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace: "default" },
    spec: { config: JSON.stringify(config) },
  };
}

export type Want = {
  readonly network: string;
  readonly range: string;
  /** Absent: an allocation without slices. */
  readonly prefix?: number;
  readonly networkName?: string;
  /** The address that the pod asks for. */
  readonly address?: string;
  /** Of the other family. */
  readonly second?: { readonly range: string; readonly prefix: number };
};

export function acquisition(
  node: string,
  pod: string,
  { network, range, prefix, networkName = "", address, second }: Want,
): Acquire {
  const parsed = parseRange(range);
  const asked = address === undefined ? undefined : parseAddress(address);
  if (!parsed.ok || asked?.ok === false) throw new Error(range);
  const { network: cidr, first, last } = parsed.value;
  const owner = {
    pod: { namespace: "default", name: pod, uid: `uid-${pod}` },
    ifname: "net1",
    sandbox: `sandbox-${pod}`,
  };
  const wants = [
    {
      pool: { networkName, range: cidr },
      free: [{ first, last }],
      ...(prefix !== undefined && { slice: { network, prefix } }),
      ...(asked && { address: asked.value }),
    },
  ];
  const more = second ? acquisition(node, pod, { network, networkName, ...second }).wants : [];
  const all = [...wants, ...more];
  return { kind: "acquire", owner, node, network, overlapCheck: true, wants: all, now: 1 };
}

/** The addresses that an ADD has got, or the code of its refusal. */
export function shown(result: Result<Outcome, StoreError>): string {
  if (!result.ok) return result.error.code;
  if (result.value.kind === "refused") return result.value.error.code;
  return result.value.claims.map(({ address }) => formatAddress(address)).join(" ");
}
