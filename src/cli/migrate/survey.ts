import { existsSync, readFileSync } from "node:fs";
import { isObject } from "../../cni/json.ts";
import { flatFileCandidates } from "../../config/index.ts";
import { findingsOf } from "../../inspect/findings.ts";
import { formatCidr } from "../../ip/cidr.ts";
import type { ApiError, KubeClient, KubeObject, Resource } from "../../kube/api.ts";
import { listAll } from "../../kube/list.ts";
import { decodeName } from "../../kube/name-encoding.ts";
import {
  ATTACHMENTS,
  IP_POOLS,
  type IPPool,
  type NetworkAttachmentDefinition,
  NODE_SLICE_POOLS,
  RESERVATIONS,
} from "../../kube/objects.ts";
import { lintNetworks, lintText, networksOf } from "../../lint/index.ts";
import { ok, type Result } from "../../result.ts";
import { checkCluster } from "../check-cluster.ts";
import type { Problem } from "../findings.ts";

/** Something to take over. */
export type Found = { readonly what: string; readonly count: string; readonly about: string };
export type MigrationSurvey = { readonly found: readonly Found[]; readonly problems: readonly Problem[] };

/** The largest offset that Go reads. */
const LARGEST_OFFSET = 2n ** 63n - 1n;

/** What a cluster with whereabouts brings along, and what is wrong with it. Changes nothing. `now`: milliseconds since 1970. */
export async function surveyOver(
  client: KubeClient,
  now: number,
): Promise<Result<MigrationSurvey, ApiError>> {
  const checked = await checkCluster(client);
  if (!checked.ok) return checked;
  const attachments = await listOrNone(client, ATTACHMENTS);
  if (!attachments.ok) return attachments;
  const slices = await listOrNone(client, NODE_SLICE_POOLS, client.namespace);
  if (!slices.ok) return slices;
  const { counts, claims, pools, findings } = checked.value;
  const networks = attachments.value.flatMap(networksOf);
  const flat = flatFile();
  const list = (names: readonly string[]) => names.slice(0, 3).join(", ") + (names.length > 3 ? ", ..." : "");
  const found = [
    {
      what: "pools",
      count: String(counts.pools),
      about: list(pools.map(({ pool }) => formatCidr(pool.range))),
    },
    {
      what: "allocations",
      count: String(counts.allocations),
      about: `${counts.withUid} of Berth, with their pod's uid`,
    },
    { what: "reservations", count: String(counts.reservations), about: "" },
    { what: "slice pools", count: String(slices.value.length), about: list(slices.value.map(nameOf)) },
    {
      what: "attachments with whereabouts",
      count: String(networks.length),
      about: list(networks.map(({ label }) => label)),
    },
    { what: "flat file on this host", count: flat ? "1" : "0", about: flat?.path ?? "" },
  ];
  const problems = [
    ...findingsOf({ claims, pools, networks, now }).filter(({ code }) => !code.startsWith("pool_")),
    ...findings,
    ...lintAttachments(attachments.value),
    ...(flat?.problems ?? []),
  ];
  return ok({ found, problems: errorsFirst(problems) });
}

/** What Berth has written, and what of it Go whereabouts could not use. */
export async function surveyBack(client: KubeClient): Promise<Result<MigrationSurvey, ApiError>> {
  const pools = await listOrNone(client, IP_POOLS, client.namespace);
  if (!pools.ok) return pools;
  const reservations = await listOrNone(client, RESERVATIONS, client.namespace);
  if (!reservations.ok) return reservations;
  const records = pools.value.flatMap(({ spec }) => Object.values(spec.allocations ?? {})).filter(isObject);
  const ofBerth = records.filter(({ uid, node, since }) => uid ?? node ?? since);
  const found = [
    { what: "pools", count: String(pools.value.length), about: "" },
    {
      what: "allocations",
      count: String(records.length),
      about: `${ofBerth.length} with fields of Berth, which Go whereabouts ignores and leaves`,
    },
    { what: "reservations", count: String(reservations.value.length), about: "" },
  ];
  const problems = pools.value.flatMap(unusableForGo);
  const named = reservations.value.filter(({ metadata }) => isEncoded(metadata.name));
  return ok({
    found,
    problems: errorsFirst([...problems, ...named.map(({ metadata }) => encoded(metadata.name))]),
  });
}

function unusableForGo({ metadata: { name }, spec }: IPPool): Problem[] {
  const problems: Problem[] = isEncoded(name) ? [encoded(name)] : [];
  const entries = Object.entries(spec.allocations ?? {});
  const far = entries.filter(([offset]) => /^[0-9]+$/.test(offset) && BigInt(offset) > LARGEST_OFFSET);
  if (far.length > 0) {
    const message = `${far.length} allocations of ${name} lie further in the range than Go counts (63 bits)`;
    const hint = "restart their pods with a range_end below, before they go back";
    problems.push({ severity: "error", code: "offset_too_large", subject: name, message, hint });
  }
  const reserved = entries.filter(([, record]) => isObject(record) && record.podref === "");
  if (reserved.length > 0) {
    const message = `${reserved.length} addresses of ${name} are reserved by people: Go keeps them in this pool only`;
    const hint = "use exclude in networks whose ranges overlap";
    problems.push({ severity: "warning", code: "reserved_by_people", subject: name, message, hint });
  }
  return problems;
}

function isEncoded(name: string): boolean {
  return decodeName(name) !== name;
}

function encoded(name: string): Problem {
  const message = `${name} belongs to a network_name that is no legal name of an object: Go cannot use it`;
  const hint = "give the network a network_name of a-z, 0-9, - and ., and restart its pods";
  return { severity: "error", code: "name_not_legal", subject: name, message, hint };
}

/** The issues of lint, each with the attachment that it is about. */
function lintAttachments(attachments: readonly NetworkAttachmentDefinition[]): Problem[] {
  const items = attachments.map(({ metadata: { name, namespace }, spec }) => {
    const apiVersion = "k8s.cni.cncf.io/v1";
    return { apiVersion, kind: "NetworkAttachmentDefinition", metadata: { name, namespace }, spec };
  });
  const { report } = lintNetworks(
    JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    "attachments.json",
  );
  return report.issues.map(({ severity, code, path, message, hint }) => {
    const [, index = "", within = path] = /^items\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
    const about = attachments[Number(index)];
    const subject = about ? nameOf(about) : path;
    return { severity, code, subject, message: `${within}: ${message}`, hint };
  });
}

function flatFile(): { readonly path: string; readonly problems: readonly Problem[] } | undefined {
  const path = flatFileCandidates(undefined).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  try {
    const { issues } = lintText(readFileSync(path, "utf8"), path, { isFlat: true });
    const problems = issues.map(({ severity, code, path: within, message, hint }) => {
      return { severity, code, subject: path, message: `${within}: ${message}`, hint };
    });
    return { path, problems };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = "let this user read it, or run this on a node as root";
    return { path, problems: [{ severity: "warning", code: "unreadable", subject: path, message, hint }] };
  }
}

/** All objects of a kind; none where the kind is not installed. */
export async function listOrNone<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  namespace?: string,
): Promise<Result<readonly T[], ApiError>> {
  const listed = await listAll(client, resource, namespace === undefined ? {} : { namespace });
  if (listed.ok) return ok(listed.value.items);
  return listed.error.code === "kind_missing" ? ok([]) : listed;
}

function nameOf({ metadata: { namespace, name } }: KubeObject): string {
  return `${namespace ?? "default"}/${name}`;
}

function errorsFirst(problems: readonly Problem[]): Problem[] {
  const errors = problems.filter(({ severity }) => severity === "error");
  return [...errors, ...problems.filter(({ severity }) => severity !== "error")];
}
