import { CniCode, type CniError, cniError } from "../cni/error.ts";
import type { CniRequest } from "../cni/request.ts";
import { readDhcp } from "../config/index.ts";
import { err, ok, type Result } from "../result.ts";
import { configFailure } from "./failure.ts";

/**
 * The `dhcp` plugin. This version has no DHCP client: the configuration is checked, and everything that would
 * need a lease says so. DEL and GC succeed, since no lease was ever taken.
 */
export async function runDhcp(request: CniRequest): Promise<Result<string, CniError>> {
  if (request.verb === "DEL" || request.verb === "GC") return ok("");
  const { config, issues } = readDhcp(request.config.ipam);
  if (!config) return err(configFailure(issues));
  const hint = "use the dhcp plugin of containernetworking until then";
  return err(cniError(CniCode.notAvailable, "this version of Berth has no DHCP client", hint));
}
