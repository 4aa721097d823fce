import { readAddresses, readDns, readRoutes } from "./entries.ts";
import { Findings } from "./findings.ts";
import { readIpam } from "./ipam.ts";
import type { Checked } from "./issue.ts";
import { staticIpam } from "./schema/static.ts";
import type { StaticConfig } from "./types.ts";

/** Reads the `ipam` of the static plugin. Its `type` may be anything: upstream's plugin does not look at it. */
export function readStatic(ipam: unknown): Checked<StaticConfig> {
  const found = new Findings();
  const shape = readIpam(staticIpam, ipam, found);
  if (shape === undefined) return { issues: found.issues };
  const addresses = readAddresses(shape.addresses, "ipam.addresses", "strict", found);
  const routes = readRoutes(shape.routes, "ipam.routes", found);
  return found.check(() => ({ addresses, routes, dns: readDns(shape.dns) }));
}
