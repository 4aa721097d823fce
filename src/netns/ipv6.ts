import { readFileSync, writeFileSync } from "node:fs";

/**
 * Lets an interface of the namespace that this thread is in speak IPv6: main plugins turn it off until they set an address. What
 * cannot be written stays as it is; the missing address tells.
 */
export function enableIpv6(ifname: string): void {
  const path = `/proc/sys/net/ipv6/conf/${ifname}/disable_ipv6`;
  try {
    if (readFileSync(path, "utf8").trim() !== "0") writeFileSync(path, "0");
  } catch {
    // No IPv6 in this kernel, or /proc is read-only.
  }
}
