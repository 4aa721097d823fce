import { join } from "node:path";

/** Where agent, shim and `berth status` meet unless they are told otherwise. The shim has its own copy of the first. */
export const DEFAULT_SOCKET = "/run/berth/agent.sock";
export const DEFAULT_STATE_DIR = "/var/lib/berth";

export function journalPath(stateDir: string): string {
  return join(stateDir, "journal.db");
}
