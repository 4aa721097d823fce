import type { CniError } from "../cni/error.ts";
import { CniCode, cniError } from "../cni/error.ts";
import { isObject } from "../cni/json.ts";
import type { CniRequest } from "../cni/request.ts";
import {
  type Checked,
  type FlatFile,
  flatFileCandidates,
  formatIssue,
  readStoreChoice,
  readWhereabouts,
  type StoreChoice,
  type WhereaboutsConfig,
} from "../config/index.ts";
import { err, ok, type Result } from "../result.ts";
import { configFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import { Memo } from "./memo.ts";

/**
 * What configurations say that were read before: all pods of a network bring the same one, and reading it is a fifth of the agent's
 * work for an ADD.
 */
export class KnownConfigs {
  readonly whereabouts = new Memo<Checked<WhereaboutsConfig>>(KEPT);
  readonly store = new Memo<Checked<StoreChoice>>(KEPT);
}

const KEPT = { texts: 64, length: 8 * 1024 };

/** The configuration of a whereabouts call, joined with the node's flat file where there is one. */
export function loadWhereabouts(request: CniRequest, host: Host): Result<WhereaboutsConfig, CniError> {
  return load(request, host, readWhereabouts, host.known?.whereabouts);
}

/** Only where the claims are kept: all that DEL and GC need to know. */
export function loadStoreChoice(request: CniRequest, host: Host): Result<StoreChoice, CniError> {
  return load(request, host, readStoreChoice, host.known?.store);
}

function load<T>(
  request: CniRequest,
  host: Host,
  read: (ipam: unknown, flat?: FlatFile, inCluster?: boolean) => Checked<T>,
  known?: Memo<Checked<T>>,
): Result<T, CniError> {
  const ipam = request.config.ipam;
  const flat = findFlatFile(ipam, host);
  if (!flat.ok) return flat;
  const { inCluster } = host;
  const readNow = () => read(ipam, flat.value, inCluster);
  const { config, issues } = known
    ? known.get(JSON.stringify([ipam, flat.value, inCluster]), readNow)
    : readNow();
  for (const issue of issues) {
    if (issue.severity === "warning")
      host.log("verbose", formatIssue(issue), { code: issue.code, network: request.network });
  }
  return config === undefined ? err(configFailure(issues)) : ok(config);
}

/** This node's name, the same for every verb: it needs no valid configuration. */
export function nodeOf(request: CniRequest, host: Host): string {
  return host.node(configurationPathOf(request.config.ipam));
}

function configurationPathOf(ipam: unknown): string | undefined {
  const given = isObject(ipam) ? ipam.configuration_path : undefined;
  return typeof given === "string" ? given : undefined;
}

/** The first flat file in upstream's search order; having none is fine, an unreadable one is not. */
function findFlatFile(ipam: unknown, host: Host): Result<FlatFile | undefined, CniError> {
  for (const path of flatFileCandidates(configurationPathOf(ipam))) {
    const text = host.readFile(path);
    if (text === undefined) continue;
    try {
      return ok({ path, content: JSON.parse(text) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return err(
        cniError(
          CniCode.internal,
          `the flat file ${path} is not JSON: ${why}`,
          "berth lint --flat shows the place",
        ),
      );
    }
  }
  return ok(undefined);
}
