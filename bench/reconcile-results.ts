import { PODS, POOLS, type ReconcileRow } from "./reconcile.ts";
import { table } from "./results.ts";

/** The part of the page about the reconciler. */
export function renderReconcile(rows: readonly ReconcileRow[]): string {
  const count = (value: number) => value.toLocaleString("en");
  return `## Reconciling ${count(PODS)} pods and ${POOLS} pools
\`berth reconcile\`, a process of its own, from its start: it lists everything, compares and, where told to, frees. API server: the double of
test/apiserver in a process of its own (no etcd, no TLS).

${table(
  ["what", "wall ms", "CPU ms", "peak RSS MiB", "lists (pages)", "gets", "patches", "deletes"],
  rows.map(({ what, wall, cpu, peak, calls }) => [
    what,
    String(Math.round(wall)),
    String(Math.round(cpu)),
    peak.toFixed(0),
    ...["list", "get", "patch", "delete"].map((verb) => count(calls[verb] ?? 0)),
  ]),
)}`;
}
