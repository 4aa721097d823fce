import type { CniArgs } from "../cni/args.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import { isObject } from "../cni/json.ts";
import type { CniRequest } from "../cni/request.ts";
import type { AssignedAddress } from "../cni/result.ts";
import { atLeast } from "../cni/version.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { contains, type InterfaceAddress, networkOf, parseInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";

/** A list of texts such as `runtimeConfig.ips`; undefined if it is absent or empty. */
export function textList(
  request: CniRequest,
  ...path: readonly string[]
): Result<readonly string[] | undefined, CniError> {
  let value: unknown = request.config;
  for (const key of path) {
    if (value === undefined || value === null) return ok(undefined);
    if (!isObject(value)) break;
    value = value[key];
  }
  if (value === undefined || value === null) return ok(undefined);
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string")) {
    const msg = `${path.join(".")} is not a list of texts`;
    return err(cniError(CniCode.internal, msg, 'a list such as ["192.0.2.7/24"] is wanted'));
  }
  return ok(value.length === 0 ? undefined : value);
}

/** The parts of a comma-separated value of CNI_ARGS. */
export function commaList(text: string | undefined): readonly string[] {
  return text === undefined || text === "" ? [] : text.split(",").map((part) => part.trim());
}

/** Reads addresses that must have a prefix length. `where` names the field in the error. */
export function readInterfaceAddresses(
  texts: readonly string[],
  where: string,
): Result<readonly InterfaceAddress[], CniError> {
  const addresses: InterfaceAddress[] = [];
  for (const text of texts) {
    const parsed = parseInterfaceAddress(text);
    if (!parsed.ok) {
      const msg = `${where} is expected to be in CIDR notation, got: ${JSON.stringify(text)}`;
      return err(cniError(CniCode.internal, msg, parsed.error.hint));
    }
    addresses.push(parsed.value);
  }
  return ok(addresses);
}

/** GATEWAY of CNI_ARGS: each goes to the addresses whose subnet it lies in. */
export function withGateways(
  addresses: readonly AssignedAddress[],
  gateways: readonly Address[],
): readonly AssignedAddress[] {
  return addresses.map((assigned) => {
    const { address, prefix } = assigned.address;
    const gateway = gateways.findLast((candidate) => contains(networkOf(address, prefix), candidate));
    return gateway ? { ...assigned, gateway } : assigned;
  });
}

/** GATEWAY of CNI_ARGS, read. */
export function readGateways(args: CniArgs<"GATEWAY">): Result<readonly Address[], CniError> {
  const gateways: Address[] = [];
  for (const text of commaList(args.GATEWAY)) {
    const parsed = parseAddress(text);
    if (!parsed.ok) {
      return err(
        cniError(CniCode.internal, `invalid gateway address: ${text}`, `CNI_ARGS: ${parsed.error.hint}`),
      );
    }
    gateways.push(parsed.value);
  }
  return ok(gateways);
}

/** Results before 0.3.0 have room for one address a family; more that were asked for would be lost silently. */
export function tooManyForVersion(
  addresses: readonly AssignedAddress[],
  { cniVersion }: CniRequest,
): CniError | undefined {
  if (atLeast(cniVersion, "0.3.0")) return undefined;
  const count = (family: number) =>
    addresses.filter(({ address }) => address.address.family === family).length;
  if (count(4) <= 1 && count(6) <= 1) return undefined;
  const msg = `CNI version ${cniVersion} does not support more than 1 address per family`;
  return cniError(CniCode.internal, msg, "cniVersion 0.3.0 and later do");
}
