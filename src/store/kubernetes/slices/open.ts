import type { ClusterChoice } from "../cluster.ts";
import type { KubernetesOptions, KubernetesStore } from "../kubernetes.ts";
import { SliceJournalFiles } from "./journal-file.ts";
import { CNI_CACHES, readSandboxes } from "./sandbox-files.ts";
import { SlicedStore } from "./sliced-store.ts";

/** How a node keeps its slices; left out by those who only look. */
export type NodeSlices = {
  readonly stateDir: string;
  readonly writeDelay: number;
  /** Folders of libcni's cache. */
  readonly caches?: readonly string[];
};

/** The store of a cluster for a node that serves slices of its own from memory. */
export function openSliced(
  store: KubernetesStore,
  choice: ClusterChoice,
  options: KubernetesOptions,
  { stateDir, writeDelay, caches = CNI_CACHES }: NodeSlices,
): SlicedStore {
  const journals = new SliceJournalFiles(stateDir, choice);
  const sandboxes = () => readSandboxes(caches);
  const sliced = new SlicedStore(store, options, { journals, writeDelay, sandboxes });
  if (options.staying) sliced.resume();
  return sliced;
}
