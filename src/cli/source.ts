import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { StoreChoice } from "../config/index.ts";
import type { Result } from "../result.ts";
import { openStore } from "../store/open.ts";
import type { Store, StoreError } from "../store/store.ts";
import { toStderr } from "./stdio.ts";

export const DEFAULT_DATABASE = "/var/lib/berth/ipam.db";

/** How long a person waits for a store that another process holds, in milliseconds. */
const PATIENCE = 5_000;
/** And for the API server: lists of a large cluster take their time, and one that is away is said to be so after this. */
const CLUSTER_PATIENCE = 15_000;

/** Where the claims are; every command that looks or steers takes these. */
export const SOURCE_OPTIONS = {
  database: { type: "string" },
  kubeconfig: { type: "string" },
  context: { type: "string" },
} as const;

export const SOURCE_HELP = `  --database FILE      the claims of this host             ${DEFAULT_DATABASE}
  --kubeconfig FILE    the claims of a cluster             KUBECONFIG, ~/.kube/config, or the pod's own account
  --context NAME       the context of the kubeconfig       its current one
`;

export type SourceOptions = {
  readonly database?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
};

/** What of the machine decides which store is meant. */
export type Surroundings = {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly exists: (path: string) => boolean;
  /** Called as `kubectl berth`. */
  readonly isKubectl: boolean;
};

/**
 * Which store is meant: what an option names; else the cluster of KUBECONFIG; else this host's database if there is one; else
 * the cluster of ~/.kube/config or of the pod's own service account (an empty path). `kubectl berth` never means the host.
 */
export function chooseSource(
  options: SourceOptions,
  { env, home, exists, isKubectl }: Surroundings,
): StoreChoice {
  const { database, kubeconfig, context } = options;
  if (database !== undefined) return { kind: "sqlite", path: database };
  const cluster = (path: string): StoreChoice => {
    return { kind: "kubernetes", kubeconfig: path, ...(context !== undefined && { context }) };
  };
  if (kubeconfig !== undefined) return cluster(kubeconfig);
  const named = (env.KUBECONFIG ?? "").split(":").filter((path) => path !== "");
  const [first] = named.filter(exists).concat(named);
  if (first !== undefined) return cluster(first);
  const usual = join(home, ".kube/config");
  const inCluster = env.KUBERNETES_SERVICE_HOST !== undefined;
  if (!isKubectl && context === undefined && exists(DEFAULT_DATABASE))
    return { kind: "sqlite", path: DEFAULT_DATABASE };
  if (exists(usual) || isKubectl || context !== undefined)
    return cluster(inCluster && !exists(usual) ? "" : usual);
  return inCluster ? cluster("") : { kind: "sqlite", path: DEFAULT_DATABASE };
}

export function chosenSource(options: SourceOptions): StoreChoice {
  const isKubectl = process.argv0.includes("kubectl") || /kubectl[-_]berth$/.test(process.execPath);
  return chooseSource(options, { env: process.env, home: homedir(), exists: existsSync, isKubectl });
}

/** Opens the store that is meant. Looking makes no file and writes nothing. `staying`: it watches. */
export function openSource(
  options: SourceOptions,
  purpose: "look" | "steer",
  staying = false,
): Result<Store, StoreError> {
  const choice = chosenSource(options);
  const patience = choice.kind === "sqlite" ? PATIENCE : CLUSTER_PATIENCE;
  return openStore(choice, { patience, staying, readOnly: purpose === "look" });
}

/** Why a store cannot answer, in a line. */
export function describeFailure({ store, message, hint }: StoreError): string {
  return `${store}: ${message} (${hint})`;
}

/** Says why a store cannot answer; the exit code. */
export function storeFailed(error: StoreError): number {
  toStderr(`berth: ${describeFailure(error)}\n`);
  return 1;
}
