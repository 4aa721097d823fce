import type { Want } from "../allocation/claim.ts";
import type { Owner } from "../allocation/owner.ts";
import { parseCniArgs } from "../cni/args.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import type { CniRequest } from "../cni/request.ts";
import type { AssignedAddress } from "../cni/result.ts";
import type { RangeConfig, WhereaboutsConfig } from "../config/index.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { commaList, readGateways, textList, tooManyForVersion, withGateways } from "./requested.ts";

const ARGS = [
  "IP",
  "GATEWAY",
  "K8S_POD_NAME",
  "K8S_POD_NAMESPACE",
  "K8S_POD_INFRA_CONTAINER_ID",
  "K8S_POD_UID",
] as const;

/** What one ADD asks for: for whom, which addresses of pools, and which others it brings along. */
export type Wishes = {
  readonly owner: Owner;
  readonly wants: readonly Want[];
  /** Addresses that lie in no range: given as they are and recorded nowhere, as upstream does. */
  readonly fixed: readonly AssignedAddress[];
};

type Asked = { readonly address: Address; readonly prefix?: number; readonly text: string };

/** Joins configuration and request. Nothing is allocated yet. */
export function wishesOf(request: CniRequest, config: WhereaboutsConfig): Result<Wishes, CniError> {
  const args = parseCniArgs(request.args, ARGS);
  if (!args.ok) return args;
  const owner = ownerOf(request, args.value);
  if (!owner.ok) return owner;
  const gateways = readGateways(args.value);
  if (!gateways.ok) return gateways;
  const asked = askedFor(request, commaList(args.value.IP));
  if (!asked.ok) return asked;

  const wants: Want[] = config.ranges.map((range) => wantOf(range, config, request.network));
  const open = new Set(wants.keys());
  const fixed: AssignedAddress[] = [...config.addresses];
  for (const { address, prefix, text } of asked.value) {
    const range = config.ranges.find((candidate) => within(candidate, address));
    if (!range) {
      if (prefix === undefined) return refuse(text, "it lies in no range, so it needs a prefix length");
      fixed.push({ address: { address, prefix } });
      continue;
    }
    if (!range.free.some(({ first, last }) => first <= address.value && address.value <= last)) {
      return refuse(text, `${range.path} excludes it, or it is the gateway`);
    }
    const slot = [...open].find((index) => config.ranges[index] === range);
    if (slot === undefined) wants.push({ ...wantOf(range, config, request.network), address });
    else wants[slot] = { ...wantOf(range, config, request.network), address };
    if (slot !== undefined) open.delete(slot);
  }
  const withGateway = withGateways(fixed, gateways.value);
  const tooMany = tooManyForVersion(withGateway, request);
  return tooMany ? err(tooMany) : ok({ owner: owner.value, wants, fixed: withGateway });
}

/** One address of a range. `network`: the name of the CNI configuration. */
export function wantOf(
  { range, free, slicePrefix }: RangeConfig,
  { networkName }: WhereaboutsConfig,
  network: string,
): Want {
  const pool = { networkName, range: range.network };
  if (slicePrefix === undefined) return { pool, free };
  return { pool, free, slice: { network: networkName === "" ? network : networkName, prefix: slicePrefix } };
}

function within({ range }: RangeConfig, { family, value }: Address): boolean {
  return range.network.family === family && range.first <= value && value <= range.last;
}

function ownerOf(
  { containerId, ifname }: CniRequest,
  args: { readonly [K in (typeof ARGS)[number]]?: string },
): Result<Owner, CniError> {
  if (!args.K8S_POD_NAME) {
    const hint = "CNI_ARGS must have K8S_POD_NAME and K8S_POD_NAMESPACE, as kubelet and Multus set them";
    return err(cniError(CniCode.internal, "no pod name", hint));
  }
  const uid = args.K8S_POD_UID;
  const pod = { namespace: args.K8S_POD_NAMESPACE ?? "", name: args.K8S_POD_NAME, ...(uid && { uid }) };
  return ok({ pod, ifname, sandbox: containerId });
}

/** The first of runtimeConfig.ips, args.cni.ips and IP of CNI_ARGS that is there: Multus repeats one in the other. */
function askedFor(request: CniRequest, fromArgs: readonly string[]): Result<readonly Asked[], CniError> {
  const fromRuntime = textList(request, "runtimeConfig", "ips");
  if (!fromRuntime.ok) return fromRuntime;
  const fromConfig = textList(request, "args", "cni", "ips");
  if (!fromConfig.ok) return fromConfig;
  const asked: Asked[] = [];
  for (const text of fromRuntime.value ?? fromConfig.value ?? fromArgs) {
    const parsed = readAsked(text);
    if (!parsed.ok) return parsed;
    asked.push(parsed.value);
  }
  return ok(asked);
}

function readAsked(text: string): Result<Asked, CniError> {
  if (!text.includes("/")) {
    const address = parseAddress(text);
    return address.ok ? ok({ address: address.value, text }) : refuse(text, address.error.hint);
  }
  const parsed = parseInterfaceAddress(text);
  return parsed.ok ? ok({ ...parsed.value, text }) : refuse(text, parsed.error.hint);
}

function refuse(text: string, why: string) {
  return err(
    cniError(CniCode.internal, `the address ${JSON.stringify(text)} that was asked for cannot be given`, why),
  );
}

/** For a log line. */
export function describeAddresses(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(" ");
}
