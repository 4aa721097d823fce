import { parseCniArgs } from "../cni/args.ts";
import { parsePrevResult } from "../cni/attachments.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import type { CniRequest } from "../cni/request.ts";
import { type AssignedAddress, type IpamResult, renderResult } from "../cni/result.ts";
import { readStatic, type StaticConfig } from "../config/index.ts";
import { formatAddress, sameAddress } from "../ip/address.ts";
import { formatInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { configFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import {
  commaList,
  readGateways,
  readInterfaceAddresses,
  textList,
  tooManyForVersion,
  withGateways,
} from "./requested.ts";

/** The `static` plugin: the addresses of the configuration or of the request, recorded nowhere. */
export async function runStatic(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  switch (request.verb) {
    case "ADD":
      return add(request, host);
    case "CHECK":
      return check(request);
    case "DEL": // Nothing was recorded, so there is nothing to take back, and a broken configuration is no obstacle.
    case "GC":
    case "STATUS":
      return ok("");
  }
}

async function add(request: CniRequest, { log }: Host): Promise<Result<string, CniError>> {
  const result = resultOf(request);
  if (!result.ok) return result;
  const text = renderResult(result.value, request.cniVersion);
  const address = result.value.ips.map((ip) => formatInterfaceAddress(ip.address)).join(" ");
  if (text.ok) log("verbose", "static addresses given", { ...about(request), address });
  return text;
}

/** Every address that ADD would give must be in prevResult, with the same gateway. */
async function check(request: CniRequest): Promise<Result<string, CniError>> {
  const previous = parsePrevResult(request.config);
  if (!previous.ok) return previous;
  const wanted = resultOf(request);
  if (!wanted.ok) return wanted;
  for (const { address, gateway } of wanted.value.ips) {
    const found = previous.value.filter((ip) => sameAddress(ip.address.address, address.address));
    const fits = ({ gateway: other }: AssignedAddress) => !gateway || (other && sameAddress(gateway, other));
    if (found.some(fits)) continue;
    const msg = `static: Failed to match addr ${formatAddress(address.address)} on interface ${request.ifname}`;
    const hint = found.length > 0 ? "prevResult has it with another gateway" : "it is not in prevResult";
    return err(cniError(CniCode.internal, msg, hint));
  }
  return ok("");
}

function resultOf(request: CniRequest): Result<IpamResult, CniError> {
  const { config, issues } = readStatic(request.config.ipam);
  if (!config) return err(configFailure(issues));
  const ips = addressesOf(request, config);
  if (!ips.ok) return ips;
  const tooMany = tooManyForVersion(ips.value, request);
  return tooMany ? err(tooMany) : ok({ ips: ips.value, routes: config.routes, dns: config.dns });
}

/** `IP` of CNI_ARGS adds to the configured addresses; `args.cni.ips` replaces them, `runtimeConfig.ips` all. */
function addressesOf(
  request: CniRequest,
  config: StaticConfig,
): Result<readonly AssignedAddress[], CniError> {
  const args = parseCniArgs(request.args, ["IP", "GATEWAY"]);
  if (!args.ok) return args;
  const added = readInterfaceAddresses(commaList(args.value.IP), "the 'ip' field");
  if (!added.ok) return added;
  const gateways = readGateways(args.value);
  if (!gateways.ok) return gateways;
  let addresses = [
    ...config.addresses,
    ...withGateways(
      added.value.map((address) => ({ address })),
      gateways.value,
    ),
  ];
  for (const path of [
    ["args", "cni", "ips"],
    ["runtimeConfig", "ips"],
  ]) {
    const texts = textList(request, ...path);
    if (!texts.ok) return texts;
    if (texts.value === undefined) continue;
    const replacing = readInterfaceAddresses(texts.value, `an entry in ${path.join(".")}`);
    if (!replacing.ok) return replacing;
    addresses = replacing.value.map((address) => ({ address }));
  }
  return ok(addresses);
}

function about({ containerId, ifname, network }: CniRequest) {
  return { verb: "ADD", sandbox: containerId, ifname, network };
}
