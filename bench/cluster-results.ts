import { type ClusterFigures, type ClusterRow, EMPTY } from "./cluster.ts";
import { table } from "./results.ts";

/** Milliseconds that Go whereabouts took for so many ADDs at once on one pool, with a real API server on a machine of 2 cores. */
const RECORDED: { readonly [adds: number]: number } = { 50: 6_500, 100: 12_700, 200: 24_600 };

/** The part of the page about clusters. */
export function renderCluster({ kind, rows }: ClusterFigures): string {
  const server =
    kind === "real"
      ? "a real kube-apiserver and etcd"
      : "the double of test/apiserver in a process of its own (no etcd, no TLS); KUBEBUILDER_ASSETS names a real one";
  const measured = rows.filter(isGo);
  const peer =
    measured.length > 0
      ? "Go whereabouts: on the same API server in this run, ten node names, from an empty pool."
      : "Go whereabouts: recorded once with a real API server and etcd on a machine of 2 cores, not in this run (PEER_WHEREABOUTS names one that is); the ratio says what it can, no more.";
  const go = (adds: number) =>
    measured.length > 0 ? measured.find((row) => row.adds === adds)?.add : RECORDED[adds];
  return `## On a cluster: many ADDs at once
API server: ${server}. One process a call, real agents, overlap check on, one /16. ${peer}

${table(
  [
    "pool",
    "agents",
    "ADDs",
    "all ADDs ms",
    "ADDs a second",
    "all DELs ms",
    "failed",
    "distinct",
    "left",
    "API writes per ADD",
    "reads per ADD",
    "Go whereabouts",
  ],
  rows.map((each) => row(each, each.what === EMPTY && !isGo(each) ? go(each.adds) : undefined)),
)}`;
}

function isGo({ agents }: ClusterRow): boolean {
  return agents === 0;
}

function row(figures: ClusterRow, go: number | undefined): string[] {
  const { what, agents, adds, add, del, failed, distinct, left, writes, reads } = figures;
  const per = (calls: number | undefined) => (calls === undefined ? "–" : calls.toFixed(2));
  return [
    what,
    isGo(figures) ? "Go whereabouts" : String(agents),
    String(adds),
    String(Math.round(add)),
    String(Math.round((adds / add) * 1000)),
    String(Math.round(del)),
    String(failed),
    String(distinct),
    String(left),
    per(writes),
    per(reads),
    go === undefined ? "–" : `${(go / 1000).toFixed(1)} s, ${(go / add).toFixed(0)}×`,
  ];
}
