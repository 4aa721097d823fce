import { Findings } from "./findings.ts";
import { readIpam } from "./ipam.ts";
import { type Checked, renderValue } from "./issue.ts";
import { element, member } from "./json-path.ts";
import { nearestHint } from "./nearest.ts";
import { CHANGES, CLIENT_IDS, DEFAULT_SOCKET, dhcpIpam, PROBE_TIMINGS } from "./schema/dhcp.ts";
import type { DhcpConfig, ProvidedOption, RequestedOption } from "./types.ts";

/** The options that upstream's plugin knows by name (RFC 2132, RFC 3004). */
const OPTION_NUMBERS = new Map([
  ["dhcp-client-identifier", 61],
  ["subnet-mask", 1],
  ["routers", 3],
  ["host-name", 12],
  ["user-class", 77],
  ["vendor-class-identifier", 60],
]);

/** RFC 2132: the length of an option is one byte. */
const LONGEST_VALUE = 255;

export function readDhcp(ipam: unknown): Checked<DhcpConfig> {
  const found = new Findings();
  const shape = readIpam(dhcpIpam, ipam, found);
  if (shape === undefined) return { issues: found.issues };
  const provide: ProvidedOption[] = [];
  for (const [index, entry] of (shape.provide ?? []).entries()) {
    const option = readProvided(entry, element("ipam.provide", index), found);
    if (option) provide.push(option);
  }
  const request: RequestedOption[] = [];
  for (const [index, { option: name, skipDefault }] of (shape.request ?? []).entries()) {
    const option = readOption(name, element("ipam.request", index), found);
    if (option !== undefined) request.push({ option, ...(skipDefault !== undefined && { skipDefault }) });
  }
  const daemonSocketPath = readSocket(shape.daemonSocketPath, found);
  const clientId = readChoice("clientId", shape.clientId, CLIENT_IDS, found);
  const onChange = readChoice("onChange", shape.onChange, CHANGES, found);
  const probeTiming = readChoice("probeTiming", shape.probeTiming, PROBE_TIMINGS, found);
  const { priority, ipv6 = false, probe = true } = shape;
  return found.check(() => ({
    daemonSocketPath,
    provide,
    request,
    ...(priority && { priority }),
    clientId,
    ipv6,
    onChange,
    probe,
    probeTiming,
  }));
}

/** One of a few words; the first is the default. */
function readChoice<T extends string>(
  key: string,
  text: string | undefined,
  [first, ...others]: readonly [T, ...T[]],
  found: Findings,
): T {
  if (text === undefined || text === "") return first;
  const choice = [first, ...others].find((known) => known === text);
  if (choice !== undefined) return choice;
  const subject = { path: member("ipam", key), value: text };
  const what = `${renderValue(text)} is not one of ${[first, ...others].join(", ")}`;
  found.error("unknown_choice", subject, what, nearestHint(text, [first, ...others]));
  return first;
}

function readSocket(path: string | undefined, found: Findings): string {
  if (path === undefined || path === "") return DEFAULT_SOCKET;
  if (!path.startsWith("/")) {
    const subject = { path: "ipam.daemonSocketPath", value: path };
    found.error(
      "path_not_absolute",
      subject,
      `${renderValue(path)} is not an absolute path`,
      `as ${DEFAULT_SOCKET} is`,
    );
  }
  return path;
}

type ProvideEntry = { readonly option?: string; readonly value?: string; readonly fromArg?: string };

function readProvided(entry: ProvideEntry, path: string, found: Findings): ProvidedOption | undefined {
  const option = readOption(entry.option, path, found);
  const { value, fromArg } = entry;
  if (!value && !fromArg) {
    const what = `the option ${renderValue(entry.option ?? "")} has neither value nor fromArg and is not sent`;
    found.warn("option_without_value", { path, value: entry }, what, "give it one of them, or remove it");
  }
  if (value && new TextEncoder().encode(value).length > LONGEST_VALUE) {
    const subject = { path: member(path, "value"), value };
    found.error(
      "option_too_long",
      subject,
      `${renderValue(value)} is too long`,
      `at most ${LONGEST_VALUE} bytes fit`,
    );
  }
  return option === undefined ? undefined : { option, ...(value && { value }), ...(fromArg && { fromArg }) };
}

/** The number of an option that is given by name or number. */
function readOption(text: string | undefined, base: string, found: Findings): number | undefined {
  const known = OPTION_NUMBERS.get(text ?? "");
  if (known !== undefined) return known;
  if (text !== undefined && /^[0-9]+$/.test(text) && Number(text) <= 255) return Number(text);
  const what = text ? `${renderValue(text)} is not a DHCP option` : "the option is missing";
  const hint = `${nearestHint(text ?? "", [...OPTION_NUMBERS.keys()])}; a number from 0 to 255 will do too`;
  found.error("unknown_option", { path: member(base, "option"), value: text }, what, hint);
  return undefined;
}
