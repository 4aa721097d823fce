import type { AllocationError } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import { describePool } from "../allocation/pool.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import { cniCodeOf, formatIssue, type Issue } from "../config/index.ts";
import { addressOf, formatAddress } from "../ip/address.ts";
import { countOf } from "../ip/interval.ts";
import type { StoreError } from "../store/store.ts";

/** The first error of a configuration with its path; the details carry its code, what would be right, and the rest. */
export function configFailure(issues: readonly Issue[]): CniError {
  const [first, ...others] = issues.filter(({ severity }) => severity === "error");
  if (!first) return cniError(CniCode.internal, "the configuration was refused without a reason");
  const details = [`${first.code} at ${first.path}: ${first.hint}`, ...others.map(formatIssue)].join("; ");
  return cniError(cniCodeOf(issues) ?? CniCode.invalidConfig, `${first.path}: ${first.message}`, details);
}

/** Callers know the 999 of upstream for a pool without room (golden case err-pool-exhausted). */
export function allocationFailure(error: AllocationError): CniError {
  const pool = describePool(error.pool);
  if (error.code === "address_taken") {
    const address = formatAddress(error.address);
    const owner = error.holder?.owner;
    const holder = owner ? `held by ${podRef(owner.pod)} ${owner.ifname}` : "held by another pod";
    const hint = `berth show ${address} says more; ask for another address or delete that pod`;
    return cniError(
      CniCode.internal,
      `the address ${address} of pool ${pool} is ${holder}`,
      `${error.code}: ${hint}`,
    );
  }
  if (error.code === "address_elsewhere") {
    const hint =
      "with node_slice_size a node gives only addresses of its own slices; ask for none, or for one of those";
    const msg = `the address ${formatAddress(error.address)} of pool ${pool} lies in no slice of this node`;
    return cniError(CniCode.internal, msg, `${error.code}: ${hint}`);
  }
  if (error.code === "slices_exhausted") {
    const msg = `no free address for this node in pool ${pool}: its slices are full, and no further /${error.slice.prefix} can be cut`;
    const hint =
      "enlarge the range, make node_slice_size smaller, or delete pods; slices of nodes that are gone return by themselves; berth pools --nodes shows them";
    return cniError(CniCode.tryAgainLater, msg, `${error.code}: ${hint}`);
  }
  const parts = error.free.map(({ first, last }) => {
    const show = (value: bigint) => formatAddress(addressOf(error.pool.range.family, value));
    return first === last ? show(first) : `${show(first)}-${show(last)}`;
  });
  const shown = parts.length > 4 ? `${parts.slice(0, 4).join(", ")}, …` : parts.join(", ");
  const msg = `no free address in pool ${pool}: all ${countOf(error.free)} of ${shown} are held`;
  return cniError(
    CniCode.internal,
    msg,
    `${error.code}: delete pods, enlarge the range or exclude less; berth show lists who holds them`,
  );
}

const STORE_CODES: Record<StoreError["code"], number> = {
  store_busy: CniCode.tryAgainLater,
  store_unavailable: CniCode.tryAgainLater,
  // A person has to act, and then the same call succeeds: so the runtime tries again, and a DEL is not lost meanwhile.
  store_forbidden: CniCode.tryAgainLater,
  store_unauthorized: CniCode.tryAgainLater,
  store_untrusted: CniCode.tryAgainLater,
  store_not_installed: CniCode.tryAgainLater,
  store_misconfigured: CniCode.tryAgainLater,
  store_conflict: CniCode.internal,
  store_full: CniCode.tryAgainLater,
  store_no_slice: CniCode.tryAgainLater,
  store_fenced: CniCode.tryAgainLater,
  store_corrupt: CniCode.io,
  store_version: CniCode.io,
  store_bug: CniCode.internal,
};

export function storeFailure({ code, store, message, hint }: StoreError): CniError {
  return cniError(STORE_CODES[code], `the store ${store} cannot be used: ${message}`, `${code}: ${hint}`);
}
