import type { StoreChoice } from "../config/index.ts";
import type { Log } from "../log.ts";
import type { Result } from "../result.ts";
import type { Store, StoreError } from "../store/store.ts";
import type { DhcpAccess } from "./leases.ts";
import type { KnownConfigs } from "./load.ts";

/** What a plugin call needs from the machine; one-shot process, agent and simulation each bring their own. */
export interface Host {
  /** The store that a configuration names. The host opens and closes it. */
  store(choice: StoreChoice): Result<Store, StoreError>;
  /** The text of a small file; undefined if there is none. */
  readFile(path: string): string | undefined;
  /** What tells network namespaces apart; undefined if the path cannot be read. */
  netnsId(path: string): string | undefined;
  /** Who keeps the leases of the dhcp plugin; a host without has none. */
  readonly dhcp?: DhcpAccess;
  /** What Kubernetes calls this node; the path is `ipam.configuration_path`, beside which the name may be written. */
  node(configurationPath: string | undefined): string;
  /** Milliseconds since 1970. */
  now(): number;
  /** A pod with a service account of its own: the store of a cluster is reached with that, whatever a netconf names. */
  readonly inCluster?: boolean;
  /** Kept by a host that answers many calls. */
  readonly known?: KnownConfigs;
  readonly log: Log;
}
