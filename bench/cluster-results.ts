import type { ClusterFigures, ClusterRow } from "./cluster.ts";
import { table } from "./results.ts";

/** Seconds that Go whereabouts takes for so many ADDs at once on one pool, with a real API server on a 2-core machine. */
const GO: { readonly [adds: number]: number } = { 50: 6.5, 100: 12.7, 200: 24.6 };

/** The part of the page about clusters. */
export function renderCluster({ kind, rows }: ClusterFigures): string {
  const server =
    kind === "real"
      ? "a real kube-apiserver and etcd"
      : "the double of test/apiserver in a process of its own (no etcd, no TLS); KUBEBUILDER_ASSETS names a real one";
  return `## On a cluster: many ADDs at once
API server: ${server}. One process a call, real agents, overlap check on, one /16. Go whereabouts: recorded once with
a real API server and etcd on a machine of 2 cores, not in this run; the ratio says what it can, no more.

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
  rows.map(row),
)}`;
}

function row({ what, agents, adds, add, del, failed, distinct, left, writes, reads }: ClusterRow): string[] {
  const go = what === "empty pool" ? GO[adds] : undefined;
  const per = (calls: number | undefined) => (calls === undefined ? "–" : calls.toFixed(2));
  return [
    what,
    String(agents),
    String(adds),
    String(Math.round(add)),
    String(Math.round((adds / add) * 1000)),
    String(Math.round(del)),
    String(failed),
    String(distinct),
    String(left),
    per(writes),
    per(reads),
    go === undefined ? "–" : `${go} s, ${((go * 1000) / add).toFixed(0)}×`,
  ];
}
