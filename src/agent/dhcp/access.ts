import type { CallFrame } from "../../cni/wire.ts";
import type { DhcpAccess } from "../../ipam/leases.ts";
import { ask } from "../ask.ts";

/** How one call reaches the daemon that keeps leases, from a process that keeps none. */
export function throughDaemon(call: CallFrame, stateDir: string): DhcpAccess {
  return {
    kind: "daemon",
    ask: (socket) => ask(socket, call),
    ended: async (attachment) => {
      // Loaded by need: most calls of a runtime find the daemon.
      const { leasesPath, noteEnded } = await import("./book.ts");
      return noteEnded(leasesPath(stateDir), attachment);
    },
  };
}
