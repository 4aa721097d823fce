import { nearestHint, renderValue } from "../config/index.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatCidr, parseCidr } from "../ip/cidr.ts";
import { BROKEN, type Broken, Fields, wrongType } from "./fields.ts";
import type { RenderCode, Report } from "./report.ts";

const KEYS = ["master", "mode", "mtu", "ipamConfig"];
const MODES = ["Bridge", "Private", "VEPA", "Passthru"];
const IPAM_TYPES = ["DHCP", "Static"];
const LARGEST_MTU = 2 ** 31 - 1;

type Json = { readonly [key: string]: unknown };

/** A SimpleMacvlan network: its netconf, and whether it gets its addresses by DHCP (also if it is broken). */
export type Macvlan = { readonly config: Json | Broken; readonly usesDhcp: boolean };

/**
 * The netconf of `simpleMacvlanConfig`. Without `name`, as the Cluster Network Operator writes it: Multus puts the
 * attachment's in its place.
 */
export function readMacvlan(entry: Fields, report: Report): Macvlan {
  const fields = entry.object("simpleMacvlanConfig", KEYS);
  if (fields === BROKEN) return { config: BROKEN, usesDhcp: false };
  if (fields === undefined) return { config: netconf({}, DHCP), usesDhcp: true };
  const ipam = readIpam(fields, report);
  const usesDhcp = ipam !== BROKEN && ipam.type === "dhcp";
  const master = fields.text("master");
  const mode = readMode(fields, report);
  const mtu = readMtu(fields, report);
  if (ipam === BROKEN || master === BROKEN || mode === BROKEN || mtu === BROKEN) {
    return { config: BROKEN, usesDhcp };
  }
  const members = { ...(master && { master }), ...(mode && { mode }), ...(mtu && { mtu }) };
  return { config: netconf(members, ipam), usesDhcp };
}

const DHCP: Json = { type: "dhcp" };

function netconf(members: Json, ipam: Json): Json {
  return { cniVersion: "0.3.1", type: "macvlan", ...members, ipam };
}

function readMode(fields: Fields, report: Report): string | undefined | Broken {
  const mode = fields.text("mode");
  if (mode === undefined || mode === BROKEN || mode === "") return mode;
  const choice = choose(mode, MODES, fields.at("mode"), report);
  if (choice !== undefined) return choice.toLowerCase();
  return refuse("unknown_macvlan_mode", fields.at("mode"), mode, "invalid Macvlan mode", MODES, report);
}

function readMtu(fields: Fields, report: Report): number | undefined | Broken {
  const mtu = fields.value("mtu");
  const path = fields.at("mtu");
  if (mtu === undefined) return undefined;
  if (typeof mtu !== "number" || !Number.isInteger(mtu)) {
    return wrongType(mtu, path, "a whole number is wanted", report);
  }
  if (mtu >= 0 && mtu <= LARGEST_MTU) return mtu;
  report.error("number_out_of_bounds", path, mtu, `${mtu} is out of bounds`, `0 to ${LARGEST_MTU} is right`);
  return BROKEN;
}

function readIpam(fields: Fields, report: Report): Json | Broken {
  const ipam = fields.object("ipamConfig", ["type", "staticIPAMConfig"]);
  if (ipam === undefined) return DHCP;
  if (ipam === BROKEN) return BROKEN;
  const text = ipam.text("type");
  if (text === BROKEN) return BROKEN;
  const type = choose(text ?? "", IPAM_TYPES, ipam.at("type"), report);
  if (type === "DHCP") return DHCP;
  if (type === "Static") return readStatic(ipam, report);
  return refuse("unknown_ipam_type", ipam.at("type"), text ?? "", "invalid IPAM type", IPAM_TYPES, report);
}

/** In any letter case; what is not written exactly gets a warning. */
export function choose(
  text: string,
  known: readonly string[],
  path: string,
  report: Report,
): string | undefined {
  const choice = known.find((word) => word.toLowerCase() === text.toLowerCase());
  if (choice !== undefined && choice !== text) {
    report.warn("value_case", path, text, `${renderValue(text)} is read as ${choice}`, `write ${choice}`);
  }
  return choice;
}

function refuse(
  code: RenderCode,
  path: string,
  value: string,
  message: string,
  known: readonly string[],
  report: Report,
): Broken {
  report.error(code, path, value, `${message}: ${value.slice(0, 60)}`, nearestHint(value, known));
  return BROKEN;
}

function readStatic(ipam: Fields, report: Report): Json | Broken {
  const fields = ipam.object("staticIPAMConfig", ["addresses", "routes", "dns"]);
  // Without addresses they come with each pod, in runtimeConfig.
  if (fields === undefined) return { type: "static", capabilities: ["ips"] };
  if (fields === BROKEN) return BROKEN;
  const addresses = readEach(fields, "addresses", (value, path) => readAddress(value, path, report));
  const routes = readEach(fields, "routes", (value, path) => readRoute(value, path, report));
  const dns = readDns(fields);
  if (addresses === BROKEN || routes === BROKEN || dns === BROKEN) return BROKEN;
  return {
    type: "static",
    ...(routes.length > 0 && { routes }),
    ...(addresses.length > 0 ? { addresses } : { capabilities: ["ips"] }),
    ...(dns && { dns }),
  };
}

/** All entries are read, so that all their mistakes are told at once. */
function readEach(
  fields: Fields,
  key: string,
  read: (value: unknown, path: string) => Json | Broken,
): readonly Json[] | Broken {
  const list = fields.list(key);
  if (list === BROKEN) return BROKEN;
  const entries: Json[] = [];
  let broken = false;
  for (const { value, path } of list) {
    const entry = read(value, path);
    if (entry === BROKEN) broken = true;
    else entries.push(entry);
  }
  return broken ? BROKEN : entries;
}

function readAddress(value: unknown, path: string, report: Report): Json | Broken {
  const fields = Fields.of(value, path, ["address", "gateway"], report);
  if (fields === BROKEN) return BROKEN;
  const text = fields.text("address");
  const address =
    text === BROKEN ? BROKEN : checkCidr(fields, "address", text, "invalid static address", report);
  const gateway = readGateway(fields, report);
  if (address === BROKEN || gateway === BROKEN) return BROKEN;
  return { address: text, ...(gateway && { gateway }) };
}

function readRoute(value: unknown, path: string, report: Report): Json | Broken {
  const fields = Fields.of(value, path, ["destination", "gateway"], report);
  if (fields === BROKEN) return BROKEN;
  const text = fields.text("destination");
  const dst =
    text === BROKEN ? BROKEN : checkCidr(fields, "destination", text, "invalid route destination", report);
  const gw = readGateway(fields, report);
  if (dst === BROKEN || gw === BROKEN) return BROKEN;
  return { dst, ...(gw && { gw }) };
}

/** The network, without host bits. */
function checkCidr(
  fields: Fields,
  key: string,
  text: string | undefined,
  what: string,
  report: Report,
): string | Broken {
  const parsed = parseCidr(text ?? "");
  if (parsed.ok) return formatCidr(parsed.value);
  const message = `${what}: invalid CIDR address: ${(text ?? "").slice(0, 60)}`;
  report.error("invalid_cidr", fields.at(key), text, message, parsed.error.hint);
  return BROKEN;
}

function readGateway(fields: Fields, report: Report): string | undefined | Broken {
  const text = fields.text("gateway");
  if (text === undefined || text === BROKEN || text === "") return text;
  const parsed = parseAddress(text);
  if (parsed.ok) return formatAddress(parsed.value);
  const message = `invalid gateway: ${text.slice(0, 60)}`;
  report.error("invalid_address", fields.at("gateway"), text, message, parsed.error.hint);
  return BROKEN;
}

function readDns(fields: Fields): Json | undefined | Broken {
  const dns = fields.object("dns", ["nameservers", "domain", "search"]);
  if (dns === undefined || dns === BROKEN) return dns;
  const nameservers = dns.texts("nameservers");
  const domain = dns.text("domain");
  const search = dns.texts("search");
  if (nameservers === BROKEN || domain === BROKEN || search === BROKEN) return BROKEN;
  return {
    ...(nameservers.length > 0 && { nameservers }),
    ...(domain && { domain }),
    ...(search.length > 0 && { search }),
  };
}
