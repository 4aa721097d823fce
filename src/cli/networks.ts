import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { Network } from "../inspect/networks.ts";
import { listAll } from "../kube/list.ts";
import { ATTACHMENTS } from "../kube/objects.ts";
import { lintNetworks, networksOf, renderReport } from "../lint/index.ts";
import { err, ok, type Result } from "../result.ts";
import { openCluster } from "../store/kubernetes/cluster.ts";
import { chosenSource, type SourceOptions } from "./source.ts";

/** Where the runtime finds its networks. */
const USUAL_FOLDER = "/etc/cni/net.d";
const ENDINGS = [".conf", ".conflist", ".json", ".yaml", ".yml"];
/** Larger files hold no configuration. */
const LARGEST_FILE = 16 * 1024 * 1024;

export const NETWORK_OPTIONS = { networks: { type: "string", multiple: true } } as const;
export const NETWORK_HELP = `  --networks PATH      files or folders with the networks   ${USUAL_FOLDER}, or the attachments of the cluster
`;

/** The whereabouts networks that files configure. A path that was named must be readable; the usual folder may be absent. */
export function readNetworks(paths: readonly string[] | undefined): Result<readonly Network[], string> {
  const networks: Network[] = [];
  const named = paths ?? (isFolder(USUAL_FOLDER) ? [USUAL_FOLDER] : []);
  for (const path of named) {
    try {
      for (const file of filesOf(path)) networks.push(...readFile(file).networks);
    } catch (error) {
      return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return ok(networks);
}

/** The networks that are configured where the claims are: in files, or in the attachments of the cluster. */
export async function knownNetworks(
  paths: readonly string[] | undefined,
  options: SourceOptions,
): Promise<Result<readonly Network[], string>> {
  const choice = chosenSource(options);
  if (paths !== undefined || choice.kind === "sqlite") return readNetworks(paths);
  const client = openCluster(choice, systemClock);
  if (!client.ok) return err(`${client.error.store}: ${client.error.message} (${client.error.hint})`);
  const listed = await listAll(client.value, ATTACHMENTS);
  client.value.close();
  // Without the kind there is no Multus, and no network.
  if (!listed.ok && listed.error.code === "kind_missing") return ok([]);
  return listed.ok
    ? ok(listed.value.items.flatMap(networksOf))
    : err(`${client.value.server}: ${listed.error.message} (${listed.error.hint})`);
}

/** The networks of one file, and what is wrong with it, for people; "-" is standard input. */
export function readNetworkFile(
  path: string,
): Result<{ networks: readonly Network[]; complaints: string }, string> {
  try {
    return ok(readFile(path === "-" ? "/dev/stdin" : path));
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readFile(path: string): { networks: readonly Network[]; complaints: string } {
  const text = readFileSync(path, "utf8");
  if (text.length > LARGEST_FILE) throw new Error("larger than 16 MiB");
  const { report, networks } = lintNetworks(text, path);
  return { networks, complaints: report.issues.length > 0 ? renderReport(report, path) : "" };
}

function filesOf(path: string): string[] {
  if (!isFolder(path)) return [path];
  const names = readdirSync(path).filter((name) => ENDINGS.some((ending) => name.endsWith(ending)));
  return names.sort().map((name) => join(path, name));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
