import type { StoreChoice } from "../config/index.ts";
import { err, type Result } from "../result.ts";
import { SqliteStore } from "./sqlite/sqlite.ts";
import type { Store, StoreError } from "./store.ts";

/**
 * Opens the store that a configuration names. `patience` in milliseconds is how long a caller may wait for it;
 * `staying`: the process keeps it open.
 */
export function openStore(choice: StoreChoice, patience: number, staying = false): Result<Store, StoreError> {
  if (choice.kind === "sqlite") return SqliteStore.open(choice.path, { patience, staying });
  return err({
    code: "store_unavailable",
    retry: "permanent",
    store: `kubernetes ${choice.kubeconfig}`,
    message: "this version has no Kubernetes store",
    hint: 'on a single host set "datastore": "sqlite" in ipam',
  });
}
