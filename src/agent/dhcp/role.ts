import { thisNode } from "../../ipam/machine.ts";
import { PodNotices } from "./notices.ts";
import { LeaseService, type ServiceOptions } from "./service.ts";

/** What the agent needs of its DHCP role; loaded only where it has that role. */
export { LeaseBook, leasesPath } from "./book.ts";

/** Takes up the leases of the journal, and tells pods of theirs where an API server is known. `isPod`: by the service account. */
export function serveLeases({
  isPod,
  ...options
}: Omit<ServiceOptions, "notify"> & { readonly isPod: boolean }): LeaseService {
  const { clock, log, settings } = options;
  const notices = new PodNotices({
    clock,
    log,
    node: thisNode(),
    cluster: () => {
      // By need: most daemons have nothing to tell, and the client of a cluster would cost 1 MiB.
      const { clusterOfNode }: typeof import("./cluster.ts") = require("./cluster.ts");
      return clusterOfNode({ isPod, prefix: settings.hostPrefix }, clock, log);
    },
  });
  return new LeaseService({
    ...options,
    notify: (record, reason, message) => notices.tell(record, reason, message),
  });
}
