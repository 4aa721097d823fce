import { parsePrevResult, parseValidAttachments } from "../cni/attachments.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import { isObject } from "../cni/json.ts";
import type { CniRequest } from "../cni/request.ts";
import { type IpamResult, type Route, renderResult } from "../cni/result.ts";
import { atLeast } from "../cni/version.ts";
import type { ReplyFrame } from "../cni/wire.ts";
import { DEFAULT_DHCP_SOCKET, type DhcpConfig, formatIssue, readDhcp } from "../config/index.ts";
import { textBytes } from "../dhcp/bytes.ts";
import type { Lease } from "../dhcp/lease.ts";
import { formatAddress, sameAddress } from "../ip/address.ts";
import { formatInterfaceAddress } from "../ip/cidr.ts";
import { err, ok, type Result } from "../result.ts";
import { configFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import type { DhcpAccess, Leases, LeaseWish } from "./leases.ts";
import { tooManyForVersion } from "./requested.ts";

/** The `dhcp` plugin: addresses of DHCP servers, leased and kept by the daemon or by this very process. */
export async function runDhcp(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const { dhcp } = host;
  if (dhcp === undefined) return err(cniError(CniCode.notAvailable, "DHCP leases are not kept here"));
  if (dhcp.kind === "daemon") return throughDaemon(request, host, dhcp);
  switch (request.verb) {
    case "ADD":
      return add(request, host, dhcp.leases);
    case "CHECK":
      return check(request, dhcp.leases);
    case "DEL": // By sandbox and interface alone: a broken configuration keeps no lease.
      return emptied(await dhcp.leases.release(attachmentOf(request)));
    case "STATUS": {
      const config = load(request, host);
      return config.ok ? emptied(dhcp.leases.status()) : config;
    }
    case "GC": {
      const keep = parseValidAttachments(request.config);
      return keep.ok ? emptied(await dhcp.leases.collect(request.network, keep.value)) : keep;
    }
  }
}

async function add(request: CniRequest, host: Host, leases: Leases): Promise<Result<string, CniError>> {
  const config = load(request, host);
  if (!config.ok) return config;
  const held = await leases.acquire(wishOf(request, config.value));
  if (!held.ok) return held;
  const result = resultOf(held.value, config.value, request);
  const tooMany = tooManyForVersion(result.ips, request);
  return tooMany ? err(tooMany) : renderResult(result, request.cniVersion);
}

/** The interface carries what is leased now; with `onChange: fail` that is what the runtime has in prevResult. */
async function check(request: CniRequest, leases: Leases): Promise<Result<string, CniError>> {
  const { config, issues } = readDhcp(request.config.ipam);
  if (!config) return err(configFailure(issues));
  const previous = parsePrevResult(request.config);
  if (!previous.ok) return previous;
  const held = await leases.check(attachmentOf(request));
  if (!held.ok) return held;
  if (config.onChange === "apply") return ok("");
  for (const { address } of held.value) {
    if (previous.value.some((ip) => sameAddress(ip.address.address, address.address))) continue;
    const msg = `CHECK: the lease is of ${formatAddress(address.address)}, which is not in prevResult`;
    return err(cniError(CniCode.checkFailed, msg, "the DHCP server changed it; restart the pod"));
  }
  return ok("");
}

function load(request: CniRequest, host: Host): Result<DhcpConfig, CniError> {
  const { config, issues } = readDhcp(request.config.ipam);
  for (const issue of issues) {
    if (issue.severity === "warning")
      host.log("verbose", formatIssue(issue), { code: issue.code, network: request.network });
  }
  return config === undefined ? err(configFailure(issues)) : ok(config);
}

function wishOf(request: CniRequest, config: DhcpConfig): LeaseWish {
  const args = looseArgs(request.args);
  const [namespace = "", name = ""] = [args.get("K8S_POD_NAMESPACE"), args.get("K8S_POD_NAME")];
  const uid = args.get("K8S_POD_UID");
  const provide = new Map<number, Uint8Array>();
  for (const { option, value, fromArg } of config.provide) {
    const text = (fromArg === undefined ? undefined : args.get(fromArg)) ?? value;
    // RFC 2132: the length of an option is one byte.
    if (text) provide.set(option, textBytes(text).subarray(0, 255));
  }
  return {
    attachment: attachmentOf(request),
    netns: request.netns,
    network: request.network,
    pod: name === "" ? "" : `${namespace}/${name}`,
    ...(uid && { uid }),
    hostName: name,
    provide,
    config,
  };
}

/** CNI_ARGS as upstream's dhcp plugin reads it: any key, split at the first "=", no complaint. */
function looseArgs(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(";").flatMap((pair): [string, string][] => {
      const equals = pair.indexOf("=");
      return equals < 1 ? [] : [[pair.slice(0, equals), pair.slice(equals + 1)]];
    }),
  );
}

function resultOf(
  leases: readonly Lease[],
  { priority }: DhcpConfig,
  { cniVersion }: CniRequest,
): IpamResult {
  const perRoute = atLeast(cniVersion, "1.1.0");
  const routes = leases.flatMap((lease) =>
    lease.routes.map((route): Route => {
      const mtu = perRoute && lease.mtu ? { mtu: lease.mtu } : {};
      return { ...route, ...mtu, ...(priority && { priority }) };
    }),
  );
  const all = (pick: (lease: Lease) => readonly string[] | undefined) => [
    ...new Set(leases.flatMap((lease) => pick(lease) ?? [])),
  ];
  const domain = leases.find(({ dns }) => dns.domain)?.dns.domain;
  return {
    ips: leases.map(({ address, gateway }) => ({ address, ...(gateway && { gateway }) })),
    routes,
    dns: {
      nameservers: all(({ dns }) => dns.nameservers),
      search: all(({ dns }) => dns.search),
      ...(domain !== undefined && { domain }),
    },
  };
}

/** Hands the call on. What the daemon cannot be told now of an end, it reads when it is back. */
async function throughDaemon(
  request: CniRequest,
  host: Host,
  daemon: Extract<DhcpAccess, { kind: "daemon" }>,
): Promise<Result<string, CniError>> {
  const { config, issues } = readDhcp(request.config.ipam);
  if (!config && request.verb !== "DEL" && request.verb !== "GC") return err(configFailure(issues));
  const socket = config?.daemonSocketPath ?? DEFAULT_DHCP_SOCKET;
  const reply = await daemon.ask(socket);
  if (reply.ok) return readReply(reply.value);
  const about = {
    verb: request.verb,
    sandbox: request.containerId,
    ifname: request.ifname,
    why: reply.error,
  };
  if (request.verb === "DEL") {
    const noted = await daemon.ended(attachmentOf(request));
    if (noted.ok) {
      host.log("error", "the DHCP daemon is away: it gives the lease back when it is there again", about);
      return ok("");
    }
    const hint = `and the end cannot be written down for later: ${noted.error}`;
    return err(
      cniError(CniCode.tryAgainLater, `error calling DHCP.Release: ${socket}: ${reply.error}`, hint),
    );
  }
  const code = request.verb === "STATUS" ? CniCode.notAvailable : CniCode.tryAgainLater;
  const hint = `is "berth dhcp-daemon" (or "berth agent --dhcp") running? The daemon of the Go plugin speaks another protocol`;
  return err(cniError(code, `error dialing DHCP daemon: ${socket}: ${reply.error}`, hint));
}

function readReply({ exit, stdout }: ReplyFrame): Result<string, CniError> {
  if (exit === 0) return ok(stdout);
  let error: unknown;
  try {
    error = JSON.parse(stdout);
  } catch {
    error = undefined;
  }
  if (!isObject(error) || typeof error.code !== "number" || typeof error.msg !== "string") {
    return err(
      cniError(CniCode.internal, "the DHCP daemon answered with no error of CNI", stdout.slice(0, 200)),
    );
  }
  return err(cniError(error.code, error.msg, typeof error.details === "string" ? error.details : undefined));
}

function emptied(result: Result<void, CniError>): Result<string, CniError> {
  return result.ok ? ok("") : result;
}

function attachmentOf({ containerId, ifname }: CniRequest) {
  return { containerId, ifname };
}

/** For a log line. */
export function describeLeases(leases: readonly Lease[]): string {
  return leases.map(({ address }) => formatInterfaceAddress(address)).join(" ");
}
