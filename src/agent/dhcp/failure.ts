import { CniCode, type CniError, cniError } from "../../cni/error.ts";
import type { Failure } from "../../dhcp/machine.ts";
import type { NetnsError } from "../../netns/error.ts";

/** Why a lease is not had. */
export type HolderError =
  | { readonly code: "failed"; readonly failure: Failure }
  | { readonly code: "gone"; readonly error: NetnsError }
  | { readonly code: "journal"; readonly why: string }
  | { readonly code: "ended" };

/** The interface of an ADD cannot be used. */
export function interfaceFailure({ code, message }: NetnsError, ifname: string): CniError {
  if (code === "netns_gone") return cniError(CniCode.invalidNetns, `error opening the namespace ${message}`);
  if (code === "link_gone") {
    const hint = "the main plugin makes the interface before it asks for an address";
    return cniError(CniCode.internal, `error looking up "${ifname}": ${message}`, hint);
  }
  return cniError(CniCode.internal, `"${ifname}" cannot be used: ${message}`, "berth needs to run as root");
}

/** Why an ADD got no lease, from what became of each of its leases; undefined stands for one that was had. */
export function holderFailure(
  errors: readonly (HolderError | { readonly code: "late" } | undefined)[],
  ifname: string,
): CniError {
  const first = errors.find(
    (error) => error !== undefined && error.code !== "ended" && error.code !== "late",
  );
  const family =
    errors.indexOf(first ?? errors.find((error) => error !== undefined)) === 1 ? "DHCPv6" : "DHCP";
  const what = `${ifname}: no ${family} lease`;
  switch (first?.code) {
    case "failed":
      return cniError(CniCode.tryAgainLater, `${what}: ${first.failure.hint}`, HINTS[first.failure.code]);
    case "gone":
      return cniError(CniCode.internal, `${what}: ${first.error.message}`, "the pod ended meanwhile");
    case "journal":
      return cniError(
        CniCode.tryAgainLater,
        `${what}: it cannot be written down: ${first.why}`,
        "make room in the state folder of the daemon; the address was given back",
      );
    default:
      return cniError(CniCode.tryAgainLater, `${what}: no DHCP server has answered in time`, HINTS.no_answer);
  }
}

const HINTS = {
  no_answer:
    "is a DHCP server on that network, and does the master or bridge of the interface reach it? tcpdump -ni any port 67 shows the questions",
  refused: "its log says why; often its pool is empty",
  unacceptable: "what the server sends is wrong for this network; see the log of the daemon",
  conflict: "the server gives away addresses that are in use; exclude them from its pool",
} as const;
