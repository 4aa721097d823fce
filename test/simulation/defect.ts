import type { JournalStorage } from "../../src/agent/journal.ts";
import type { CallFrame } from "../../src/cni/wire.ts";
import type { Transport } from "../../src/kube/transport.ts";
import type { SliceJournals } from "../../src/store/kubernetes/slices/journal.ts";
import type { Store } from "../../src/store/store.ts";
import type { Process } from "./process.ts";

/**
 * A mistake that is made on purpose, by coming between the real parts. The product knows nothing of it; no defect is the
 * empty one.
 */
export type Defect = {
  readonly wire?: (wire: Transport, process: Process) => Transport;
  readonly storage?: (storage: JournalStorage) => JournalStorage;
  readonly slices?: (journals: SliceJournals) => SliceJournals;
  /** Milliseconds between the reconciler's looks. */
  readonly grace?: number;
  readonly store?: (store: Store, call: CallFrame) => Store;
};
