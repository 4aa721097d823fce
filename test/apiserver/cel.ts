import { Environment } from "@marcbachmann/cel-js";
import { type Address, addressOf, formatAddress, parseAddress } from "../../src/ip/address.ts";
import { type Cidr, contains, formatCidr, parseCidr } from "../../src/ip/cidr.ts";

class Ip {
  readonly address: Address;
  constructor(address: Address) {
    this.address = address;
  }
}

class Network {
  readonly cidr: Cidr;
  constructor(cidr: Cidr) {
    this.cidr = cidr;
  }
}

export type Expression = (context: { readonly [name: string]: unknown }) => unknown;

/** What cannot be compiled is refused when the rule is installed, as a real server does. */
export type Compiled =
  | { readonly ok: true; readonly value: Expression }
  | { readonly ok: false; readonly error: string };

const known = new Map<string, Compiled>();

/**
 * CEL with the libraries of Kubernetes that rules of Berth use: optional types, IP and CIDR (1.30), regular expressions, strings.
 * Compiled once for each text. Numbers of objects are doubles here, where a real server has int from the schema; cost limits and
 * the type checks against schemas are a real server's alone.
 */
export function compile(text: string): Compiled {
  const found = known.get(text);
  if (found) return found;
  const compiled = compileAnew(text);
  known.set(text, compiled);
  return compiled;
}

function compileAnew(text: string): Compiled {
  try {
    const parsed = environment.parse(text);
    const check = parsed.check();
    if (!check.valid) return { ok: false, error: String(check.error?.message) };
    return { ok: true, value: (context) => parsed({ ...context }) };
  } catch (problem) {
    return { ok: false, error: problem instanceof Error ? problem.message : String(problem) };
  }
}

function read<T>(parsed: { ok: true; value: T } | { ok: false; error: { hint: string } }, text: string): T {
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.hint}`);
  return parsed.value;
}

const ipOf = (text: string) => new Ip(read(parseAddress(text), text));
const networkOf = (text: string) => new Network(read(parseCidr(text), text));
const familyOf = ({ family }: { family: 4 | 6 }) => BigInt(family);
const holds = ({ cidr }: Network, { address }: Ip) => contains(cidr, address);
const includes = ({ cidr }: Network, { cidr: other }: Network) =>
  cidr.family === other.family &&
  cidr.prefix <= other.prefix &&
  contains(cidr, addressOf(other.family, other.base));

/** RE2 has no sticky state. */
const all = (text: string, pattern: string) =>
  [...text.matchAll(new RegExp(pattern, "gu"))].map(([match]) => match);

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
})
  .registerType("IP", Ip)
  .registerType("CIDR", Network)
  .registerFunction("isIP(string): bool", (text: string) => parseAddress(text).ok)
  .registerFunction("ip(string): IP", ipOf)
  .registerFunction("IP.family(): int", ({ address }: Ip) => familyOf(address))
  .registerFunction("string(IP): string", ({ address }: Ip) => formatAddress(address))
  .registerFunction("isCIDR(string): bool", (text: string) => parseCidr(text).ok)
  .registerFunction("cidr(string): CIDR", networkOf)
  .registerFunction("CIDR.prefixLength(): int", ({ cidr }: Network) => BigInt(cidr.prefix))
  .registerFunction("CIDR.ip(): IP", ({ cidr }: Network) => new Ip(addressOf(cidr.family, cidr.base)))
  .registerFunction("CIDR.containsIP(string): bool", (network: Network, text: string) =>
    holds(network, ipOf(text)),
  )
  .registerFunction("CIDR.containsIP(IP): bool", holds)
  .registerFunction("CIDR.containsCIDR(string): bool", (network: Network, text: string) =>
    includes(network, networkOf(text)),
  )
  .registerFunction("CIDR.containsCIDR(CIDR): bool", includes)
  .registerFunction("string(CIDR): string", ({ cidr }: Network) => formatCidr(cidr))
  .registerFunction(
    "string.find(string): string",
    (text: string, pattern: string) => all(text, pattern)[0] ?? "",
  )
  .registerFunction("string.findAll(string): list<string>", all)
  .registerFunction("string.replace(string, string): string", (text: string, old: string, by: string) =>
    text.replaceAll(old, by),
  );
