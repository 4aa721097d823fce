import { existsSync } from "node:fs";
import { join } from "node:path";
import { MAIN_PLUGINS } from "../system/plugin.ts";
import { whyNoNamespaces } from "./wire.ts";

const PROGRAMS = ["dnsmasq", "kea-dhcp4", "kea-dhcp6", "dhcpd", "dhcrelay"].map(
  (name) => `/usr/sbin/${name}`,
);

/** Why tests with DHCP servers cannot run here; undefined if they can. `make setup` as root installs them. */
export function whyNoServers(): string | undefined {
  const missing = [...PROGRAMS, join(MAIN_PLUGINS, "bridge")].find((path) => !existsSync(path));
  return whyNoNamespaces() ?? (missing === undefined ? undefined : `${missing} is missing`);
}
