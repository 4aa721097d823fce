import { describePool, poolCapacity } from "../allocation/pool.ts";
import { isObject } from "../cni/json.ts";
import { formatIssue } from "../config/index.ts";
import { NEARLY_FULL } from "../inspect/findings.ts";
import { formatAddress } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { isUnguarded, type LocatedIssue, lintNetworks, type Network } from "../lint/index.ts";
import type { PoolUsage } from "../store/store.ts";

/** What the cluster knows besides the object; empty where it cannot be asked, which costs warnings only. */
export type Knowledge = {
  readonly networks: readonly Network[];
  readonly pools: readonly PoolUsage[];
};

/** `response` of an AdmissionReview of admission.k8s.io/v1. */
export type Verdict = {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
};

const MOST_SHOWN = 8;
/** The API server cuts warnings at 256 characters, and drops what is beyond 4096 in all. */
const LONGEST_WARNING = 250;

/**
 * Judges an object as `berth lint` would. Refused is only what is newly wrong: a delete passes, so does an object on its way out,
 * and an old mistake keeps nobody from changing something else.
 */
export function judge(request: Readonly<Record<string, unknown>>, knowledge: Knowledge): Verdict {
  const uid = String(request.uid ?? "");
  const { object, oldObject, operation } = request;
  if (operation !== "CREATE" && operation !== "UPDATE") return { uid, allowed: true };
  if (!isObject(object) || isLeaving(object)) return { uid, allowed: true };
  const { report, networks } = lintNetworks(JSON.stringify(object), nameOf(object));
  const before = isObject(oldObject)
    ? lintNetworks(JSON.stringify(oldObject), nameOf(oldObject)).report.issues
    : [];
  const known = new Set(before.filter(({ severity }) => severity === "error").map(keyOf));
  const errors = report.issues.filter(({ severity }) => severity === "error");
  const fresh = errors.filter((issue) => !known.has(keyOf(issue)));
  const old = errors.filter((issue) => known.has(keyOf(issue)));
  const warnings = [
    ...old.map((issue) => `still wrong: ${formatIssue(issue)}`),
    ...report.issues.filter(({ severity }) => severity === "warning").map(formatIssue),
    ...unwise(object, networks, knowledge),
  ];
  const shown = [...new Set(warnings)].slice(0, MOST_SHOWN).map(cut);
  const rest = shown.length > 0 ? { warnings: shown } : {};
  if (fresh.length === 0) return { uid, allowed: true, ...rest };
  const more = fresh.length > MOST_SHOWN ? `; and ${fresh.length - MOST_SHOWN} more` : "";
  const message = `${fresh.slice(0, MOST_SHOWN).map(formatIssue).join("; ")}${more}`;
  return { uid, allowed: false, status: { code: 422, reason: "Invalid", message }, ...rest };
}

/** Legal, and likely to surprise. */
function* unwise(
  object: object,
  found: readonly Network[],
  { networks, pools }: Knowledge,
): Generator<string> {
  const others = networks.filter(({ label }) => label !== labelOf(object));
  for (const network of found) {
    const { config } = network;
    for (const range of config.ranges) {
      const { family } = range.range.network;
      const text = formatCidr(range.range.network);
      const gateway = config.gateways[family];
      const inside = gateway && range.range.first <= gateway.value && gateway.value <= range.range.last;
      const isExcluded =
        gateway && range.exclude.some(({ first, last }) => first <= gateway.value && gateway.value <= last);
      if (inside && !isExcluded) {
        yield `${range.path}: the gateway ${formatAddress(gateway)} lies among the addresses of ${text}: Berth never hands it out, but Go whereabouts would; exclude it`;
      }
      const rival = others.find((other) =>
        other.config.ranges.some((one) => isUnguarded(network, range, other, one)),
      );
      if (rival) {
        yield `${range.path}: ${text} shares addresses with ${rival.label} under another network_name: both may hand out the same one`;
      }
      const usage = pools.find(
        ({ pool }) => pool.networkName === config.networkName && formatCidr(pool.range) === text,
      );
      if (usage === undefined) continue;
      const share = (usage.used * 100n) / poolCapacity(usage.pool);
      if (share >= NEARLY_FULL) yield `${range.path}: ${describePool(usage.pool)} is ${share} % full`;
    }
  }
}

/** Finalizers are taken off by updates: those must pass, or the object could never go. */
function isLeaving(object: object): boolean {
  return "metadata" in object && isObject(object.metadata) && object.metadata.deletionTimestamp !== undefined;
}

/** `namespace/name`, as the networks of attachments are called. */
function labelOf(object: object): string {
  const metadata = "metadata" in object && isObject(object.metadata) ? object.metadata : {};
  return `${metadata.namespace ?? "default"}/${metadata.name ?? ""}`;
}

function nameOf(object: object): string {
  const metadata = "metadata" in object && isObject(object.metadata) ? object.metadata : {};
  return String(metadata.name ?? "object");
}

function keyOf({ code, path, message }: LocatedIssue): string {
  return `${code} ${path} ${message}`;
}

function cut(text: string): string {
  return text.length > LONGEST_WARNING ? `${text.slice(0, LONGEST_WARNING - 1)}…` : text;
}
