/**
 * The double of test/apiserver, filled, in a process of its own: 50,000 pods with their addresses in 100 pools, and so many
 * more addresses whose pods are gone. Prints the path of its kubeconfig; answers each line "counts" with the calls since the last
 * one as JSON; ends with its standard input.
 */
import { startApiServer } from "../test/apiserver/start.ts";
import { keepingCrds } from "../test/store/cluster.ts";

const [pods = 50_000, pools = 100, stranded = 500] = process.argv.slice(2).map(Number);
const NAMESPACE = "kube-system";
const GROUP = "whereabouts.cni.cncf.io/v1alpha1";

const server = await startApiServer({ kind: "double", crds: keepingCrds() });
const { double } = server;
if (!double) throw new Error("the double was asked for");
const seed = double.seed.bind(double);

seed({ apiVersion: "v1", kind: "Node", metadata: { name: "node-a" } });
const perPool = Math.ceil((pods + stranded) / pools);
for (let pool = 0; pool < pools; pool++) {
  const allocations: Record<string, object> = {};
  for (let at = 0; at < perPool; at++) {
    const number = pool * perPool + at;
    if (number >= pods + stranded) break;
    const podref = `default/web-${number}`;
    const uid = number < pods ? seedPod(number) : `uid-${number}`;
    const owner = { podref, ifname: "net1", uid };
    const offset = at + 1;
    allocations[String(offset)] = { id: `sandbox-${number}`, ...owner, slot: 0, network: "net" };
    const name = `10.${pool}.${offset >> 8}.${offset & 255}`;
    const metadata = { name, namespace: NAMESPACE };
    seed({ apiVersion: GROUP, kind: "OverlappingRangeIPReservation", metadata, spec: owner });
  }
  const range = `10.${pool}.0.0/16`;
  const metadata = { name: `10.${pool}.0.0-16`, namespace: NAMESPACE };
  seed({ apiVersion: GROUP, kind: "IPPool", metadata, spec: { range, allocations } });
}

/** A pod of the size that pods have: about 4 KB. */
function seedPod(number: number): string {
  const env = Array.from({ length: 20 }, (_, at) => ({ name: `VARIABLE_${at}`, value: "x".repeat(60) }));
  const annotations = { "k8s.v1.cni.cncf.io/networks": "net", "example.com/checksum": "y".repeat(64) };
  const metadata = { name: `web-${number}`, namespace: "default", annotations, labels: { app: "web" } };
  const spec = { nodeName: "node-a", containers: [{ name: "web", image: "registry/web:1", env }] };
  const made = seed({ apiVersion: "v1", kind: "Pod", metadata, spec });
  return String((made.metadata as { uid?: string }).uid);
}

process.stdout.write(`${server.kubeconfigPath}\n`);
for await (const line of console) {
  if (line !== "counts") continue;
  const verbs = ["get", "list", "watch", "patch", "delete"] as const;
  const counts = Object.fromEntries(verbs.map((verb) => [verb, double.counts.count({ verb })]));
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  double.counts.reset();
}
await server.stop();
