import { nearest, nearestHint, renderValue, type Segment } from "../config/index.ts";
import { parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/cidr.ts";
import type { Add } from "./netconf.ts";
import { memberOf, type Tree } from "./tree.ts";

const MODES = ["bridge", "private", "vepa", "passthru"];
const IPAM_TYPES = ["DHCP", "Static"];

/** Checks `simpleMacvlanConfig` of a network of the Cluster Network Operator, by the operator's rules. */
export function lintMacvlan(tree: Tree, path: readonly Segment[], add: Add): void {
  checkKeys(tree, path, ["master", "mode", "mtu", "ipamConfig"], add);
  checkChoice(memberOf(tree, "mode"), [...path, "mode"], MODES, "unknown_macvlan_mode", add);
  const mtu = memberOf(tree, "mtu")?.value ?? 0;
  if (typeof mtu !== "number" || !Number.isInteger(mtu)) {
    add(
      "invalid_type",
      [...path, "mtu"],
      mtu,
      `${renderValue(mtu)} has the wrong type`,
      "a whole number is wanted",
    );
  } else if (mtu < 0) {
    add("number_out_of_bounds", [...path, "mtu"], mtu, `${mtu} is out of bounds`, "it must be at least 0");
  }
  const ipam = memberOf(tree, "ipamConfig");
  if (ipam === undefined || ipam.value === null) return;
  const place = [...path, "ipamConfig"];
  checkKeys(ipam, place, ["type", "staticIPAMConfig"], add);
  checkChoice(memberOf(ipam, "type"), [...place, "type"], IPAM_TYPES, "unknown_ipam_type", add);
  const fixed = memberOf(ipam, "staticIPAMConfig");
  if (fixed !== undefined && fixed.value !== null) lintStatic(fixed, [...place, "staticIPAMConfig"], add);
}

/** The operator accepts these in any letter case, and empty. */
function checkChoice(
  tree: Tree | undefined,
  path: readonly Segment[],
  known: readonly string[],
  code: "unknown_macvlan_mode" | "unknown_ipam_type",
  add: Add,
): void {
  const value = tree?.value ?? "";
  if (value === "" || known.some((word) => word.toLowerCase() === String(value).toLowerCase())) return;
  add(code, path, value, `${renderValue(value)} is not known here`, nearestHint(String(value), known));
}

function lintStatic(tree: Tree, path: readonly Segment[], add: Add): void {
  checkKeys(tree, path, ["addresses", "routes", "dns"], add);
  const addresses = memberOf(tree, "addresses");
  for (const [index, entry] of (addresses?.items ?? []).entries()) {
    const place = [...path, "addresses", index];
    checkKeys(entry, place, ["address", "gateway"], add);
    checkNetwork(entry, [...place, "address"], "address", add);
    checkAddress(entry, [...place, "gateway"], add);
  }
  const routes = memberOf(tree, "routes");
  for (const [index, entry] of (routes?.items ?? []).entries()) {
    const place = [...path, "routes", index];
    checkKeys(entry, place, ["destination", "gateway"], add);
    checkNetwork(entry, [...place, "destination"], "destination", add);
    checkAddress(entry, [...place, "gateway"], add);
  }
  const dns = memberOf(tree, "dns");
  if (dns?.members) checkKeys(dns, [...path, "dns"], ["nameservers", "domain", "search"], add);
}

function checkNetwork(entry: Tree, path: readonly Segment[], key: string, add: Add): void {
  const value = memberOf(entry, key)?.value;
  const parsed = parseInterfaceAddress(typeof value === "string" ? value : "");
  if (parsed.ok) return;
  const what =
    value === undefined
      ? `the ${key} is missing`
      : `${renderValue(value)} is not an address with its prefix length`;
  add("invalid_cidr", path, value, what, parsed.error.hint);
}

function checkAddress(entry: Tree, path: readonly Segment[], add: Add): void {
  const value = memberOf(entry, "gateway")?.value ?? "";
  if (value === "") return;
  const parsed = parseAddress(String(value));
  if (!parsed.ok)
    add("invalid_address", path, value, `${renderValue(value)} is not an IP address`, parsed.error.hint);
}

/** The API server drops unknown keys without a word. */
export function checkKeys(tree: Tree, path: readonly Segment[], known: readonly string[], add: Add): void {
  for (const key of tree.members?.keys() ?? []) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    const what = `the key ${renderValue(key)} is not known here and has no effect`;
    const place = [...path, key];
    if (meant === undefined) add("unknown_key", place, key, what, `known: ${known.join(", ")}`, "warning");
    else add("misspelt_key", place, key, what, `did you mean "${meant}"?`);
  }
}
