import { CniCode, type CniError, cniError, renderError } from "../cni/error.ts";
import { type CniRequest, type Environment, parseCall } from "../cni/request.ts";
import { CNI_VERSIONS, renderVersions } from "../cni/version.ts";
import { err, type Result } from "../result.ts";
import { runDhcp } from "./dhcp.ts";
import type { Host } from "./host.ts";
import { runStatic } from "./static.ts";
import { runWhereabouts } from "./whereabouts.ts";

export const PLUGINS = ["static", "dhcp", "whereabouts"] as const;
export type Plugin = (typeof PLUGINS)[number];

/** One call of a plugin, wherever it came in. */
export type Invocation = {
  readonly plugin: Plugin;
  readonly env: Environment;
  readonly stdin: string;
  /** The network namespace of the process that the runtime started, as `Host.netnsId` names it. */
  readonly callerNetns?: () => string | undefined;
};

export type Reply = {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number;
  /** The code of the CNI error; 0 for success. */
  readonly code: number;
};

/** The answer to a name that is none of ours, as from any program that is used wrongly. */
export function refusePlugin(name: string | undefined): Reply {
  const stderr = `berth cni: --plugin is one of ${PLUGINS.join(", ")}, not ${JSON.stringify(name ?? "")}\n`;
  return { stdout: "", stderr, exit: 2, code: CniCode.internal };
}

/** Answers one call of the CNI protocol. Never throws: what is not foreseen becomes an error with code 999. */
export async function invoke(invocation: Invocation, host: Host): Promise<Reply> {
  const call = parseCall(invocation.env, invocation.stdin);
  if (!call.ok) return failed(call.error, invocation, host);
  if (call.value.kind === "version") return success(renderVersions());
  if (call.value.kind === "about") {
    const versions = CNI_VERSIONS.join(", ");
    return {
      stdout: "",
      stderr: `Berth CNI IPAM plugin ${invocation.plugin}\nCNI protocol versions supported: ${versions}\n`,
      exit: 0,
      code: 0,
    };
  }
  const { request } = call.value;
  const result = await guarded(invocation, request, host);
  return result.ok ? success(result.value) : failed(result.error, invocation, host);
}

async function guarded(
  { plugin, callerNetns }: Invocation,
  request: CniRequest,
  host: Host,
): Promise<Result<string, CniError>> {
  // Before anything is allocated; upstream looks afterwards and leaves the address behind.
  const netns = request.netnsOverride || request.netns === "" ? undefined : host.netnsId(request.netns);
  const same = netns !== undefined && netns === callerNetns?.();
  if (same && request.verb === "ADD") return err(SAME_NETNS);
  try {
    const result = await run(plugin, request, host);
    return result.ok && same && request.verb === "DEL" ? err(SAME_NETNS) : result;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return err(
      cniError(CniCode.internal, `unexpected: ${why}`, "a bug of Berth; please report it with the log"),
    );
  }
}

const SAME_NETNS = cniError(
  CniCode.invalidNetns,
  "plugin's netns and netns from CNI_NETNS should not be the same",
  "CNI_NETNS_OVERRIDE=1 allows it",
);

function run(plugin: Plugin, request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  switch (plugin) {
    case "static":
      return runStatic(request, host);
    case "dhcp":
      return runDhcp(request, host);
    case "whereabouts":
      return runWhereabouts(request, host);
  }
}

function failed(error: CniError, { plugin, env }: Invocation, { log }: Host): Reply {
  log("error", error.msg, {
    plugin,
    verb: env.CNI_COMMAND,
    sandbox: env.CNI_CONTAINERID,
    ifname: env.CNI_IFNAME,
    code: error.code,
    details: error.details,
  });
  return { stdout: renderError(error), stderr: "", exit: 1, code: error.code };
}

function success(stdout: string): Reply {
  return { stdout, stderr: "", exit: 0, code: 0 };
}
