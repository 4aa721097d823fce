import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseCidr } from "../../src/ip/cidr.ts";
import { apiVersionOf, IP_POOLS, LEASES, NODE_SLICE_POOLS, RESERVATIONS } from "../../src/kube/objects.ts";
import { collectionPath, objectPath } from "../../src/kube/paths.ts";
import { type RunningApiServer, send } from "../apiserver/start.ts";
import { type Case, hexAddress } from "./replay.ts";

const NAMESPACE = "kube-system";
const RESOURCES = [IP_POOLS, RESERVATIONS, NODE_SLICE_POOLS, LEASES];

type Stored = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly range?: string;
    readonly podref?: string;
    readonly ifname?: string;
    readonly allocations?: { readonly [offset: string]: Allocation };
  };
};
type Allocation = { readonly id: string; readonly podref: string; readonly ifname?: string };

/** Empties the cluster and puts the objects and files of a case in place. */
export async function prepare(server: RunningApiServer, golden: Case, lab: string): Promise<void> {
  for (const resource of RESOURCES) {
    for (const { metadata } of await stored(server, resource)) {
      const path = objectPath(resource, { namespace: NAMESPACE, name: metadata.name });
      await send(server.transport, "DELETE", path);
    }
  }
  for (const seed of golden.seed ?? []) {
    const object: { kind: string } = JSON.parse(
      JSON.stringify(seed).replaceAll('"NOW"', JSON.stringify(new Date().toISOString().replace("Z", "000Z"))),
    );
    const resource = RESOURCES.find(({ kind }) => kind === object.kind);
    if (!resource) throw new Error(`a seed of kind ${object.kind}`);
    const made = await send(server.transport, "POST", collectionPath(resource, NAMESPACE), {
      ...object,
      apiVersion: apiVersionOf(resource),
    });
    if (made.status !== 201) throw new Error(made.body);
  }
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(lab, name)), { recursive: true });
    writeFileSync(join(lab, name), text);
  };
  const kubeconfig = await Bun.file(server.kubeconfigPath).text();
  write("kubeconfig", kubeconfig);
  for (const { name, text } of VARIANTS) write(name, text(kubeconfig));
}

/** What the recorded configurations name besides `kubeconfig`. */
const VARIANTS: readonly { name: string; text: (kubeconfig: string) => string }[] = [
  { name: "gfiles/garbage.kubeconfig", text: () => "{[not yaml\n" },
  // Port 1 of the loopback interface: nobody listens there.
  {
    name: "gfiles/down.kubeconfig",
    text: (text) => text.replaceAll(/https?:\/\/[^"\s]+/g, "http://127.0.0.1:1"),
  },
  { name: "gfiles/nons.kubeconfig", text: (text) => text },
  { name: "kubeconfig-token", text: (text) => text },
];

/** What pools hold, in the form of `Lab.held`; a pool whose range is no network is left out. */
export async function heldIn(server: RunningApiServer): Promise<string[]> {
  const pools = await stored(server, IP_POOLS);
  return pools
    .flatMap(({ spec: { range = "", allocations = {} } }) =>
      Object.entries(allocations).map(([offset, { podref, id, ifname }]) => {
        const address = parseCidr(range).ok ? hexAddress(range, BigInt(offset)) : offset;
        return `${range} ${address} ${podref} ${id} ${ifname}`;
      }),
    )
    .sort();
}

/** The names of pools and reservations, and whose the reservations are. */
export async function namesIn(server: RunningApiServer): Promise<string[]> {
  return namesOf([
    ...(await stored(server, IP_POOLS)).map((object) => ({ kind: IP_POOLS.kind, ...flat(object) })),
    ...(await stored(server, RESERVATIONS)).map((object) => ({ kind: RESERVATIONS.kind, ...flat(object) })),
  ]);
}

export function recordedNames({ kubeObjectsAfter }: Case): string[] {
  return namesOf(kubeObjectsAfter ?? []);
}

type Named = { kind: string; name?: string; spec?: Stored["spec"] };

function namesOf(objects: readonly Named[]): string[] {
  return objects
    .filter(({ kind }) => kind === IP_POOLS.kind || kind === RESERVATIONS.kind)
    .map(({ kind, name, spec }) =>
      kind === IP_POOLS.kind
        ? `pool ${name}`
        : `reservation ${name} ${spec?.podref} ${spec?.ifname ?? ""}`.trim(),
    )
    .sort();
}

/** Leases left by whoever asks for one. */
export async function leasesIn(server: RunningApiServer): Promise<string[]> {
  const names = (await stored(server, LEASES)).map(({ metadata }) => metadata.name);
  return names.filter((name) => !name.startsWith("apiserver-")); // a kube-apiserver's own
}

function flat({ metadata, spec }: Stored): { name: string; spec: Stored["spec"] } {
  return { name: metadata.name, spec };
}

async function stored(
  server: RunningApiServer,
  resource: (typeof RESOURCES)[number],
): Promise<readonly Stored[]> {
  const answer = await send(server.transport, "GET", collectionPath(resource, NAMESPACE));
  const list = answer.json as { items: Stored[] };
  return list.items;
}
