import { parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { CniCode, type CniError, cniError } from "./error.ts";
import { isObject, type JsonObject } from "./json.ts";
import type { AssignedAddress } from "./result.ts";

/** One container interface that the runtime knows: GC frees what belongs to none of them. */
export type Attachment = { readonly containerId: string; readonly ifname: string };

/**
 * The attachments that GC must keep (`cni.dev/valid-attachments`). Absent or malformed is an error and not an
 * empty list, because an empty list frees everything.
 */
export function parseValidAttachments(config: JsonObject): Result<readonly Attachment[], CniError> {
  const key = "cni.dev/valid-attachments";
  const list = config[key];
  const refuse = (path: string, wanted: string) => {
    return err(cniError(CniCode.invalidConfig, `${path} is not ${wanted}`, "nothing was collected"));
  };
  if (!Array.isArray(list)) return refuse(`["${key}"]`, "a list of attachments");
  const attachments: Attachment[] = [];
  for (const [index, entry] of list.entries()) {
    const containerId = isObject(entry) ? entry.containerID : undefined;
    const ifname = isObject(entry) ? entry.ifname : undefined;
    if (typeof containerId !== "string" || typeof ifname !== "string") {
      return refuse(`["${key}"][${index}]`, "an object with the texts containerID and ifname");
    }
    attachments.push({ containerId, ifname });
  }
  return ok(attachments);
}

/** The addresses of `prevResult`, which CHECK compares (only versions from 0.4.0 on have CHECK). */
export function parsePrevResult(config: JsonObject): Result<readonly AssignedAddress[], CniError> {
  const refuse = (why: string) => err(cniError(CniCode.internal, `could not parse prevResult: ${why}`));
  const previous = config.prevResult;
  if (previous === undefined || previous === null) {
    return err(
      cniError(CniCode.internal, "Required prevResult missing", "CHECK compares with what ADD returned"),
    );
  }
  if (!isObject(previous)) return refuse("it is not an object");
  const ips = previous.ips ?? [];
  if (!Array.isArray(ips)) return refuse("ips is not a list");
  const assigned: AssignedAddress[] = [];
  for (const [index, ip] of ips.entries()) {
    if (!isObject(ip)) return refuse(`ips[${index}] is not an object`);
    const address = parseInterfaceAddress(String(ip.address ?? ""));
    if (!address.ok)
      return refuse(`ips[${index}].address ${JSON.stringify(ip.address)}: ${address.error.hint}`);
    const text = ip.gateway ?? "";
    if (text === "") {
      assigned.push({ address: address.value });
      continue;
    }
    const gateway = parseAddress(String(text));
    if (!gateway.ok) return refuse(`ips[${index}].gateway ${JSON.stringify(text)}: ${gateway.error.hint}`);
    assigned.push({ address: address.value, gateway: gateway.value });
  }
  return ok(assigned);
}
