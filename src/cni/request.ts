import { err, ok, type Result } from "../result.ts";
import { CniCode, type CniError, cniError } from "./error.ts";
import { isObject, type JsonObject } from "./json.ts";
import { atLeast, CNI_VERSIONS, type CniVersion, cniVersionOf } from "./version.ts";

/** A netconf may have this many bytes: a runtime never sends more, and an attacker may not fill our memory. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

const VERBS = ["ADD", "DEL", "CHECK", "GC", "STATUS"] as const;
export type Verb = (typeof VERBS)[number];

export type Environment = { readonly [key: string]: string | undefined };

/** A checked call of the runtime. Names follow the CNI specification, section 2 "Execution Protocol". */
export type CniRequest = {
  readonly verb: Verb;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  /** CNI_NETNS_OVERRIDE: the caller wants the plugin's own network namespace, on purpose. */
  readonly netnsOverride: boolean;
  readonly cniVersion: CniVersion;
  /** `name` of the network configuration. */
  readonly network: string;
  readonly config: JsonObject;
};

/** What the runtime asks for: a verb, the list of versions, or (called by hand) what this program is. */
export type Call =
  | { readonly kind: "request"; readonly request: CniRequest }
  | { readonly kind: "version" }
  | { readonly kind: "about" };

// Which verbs need which variable, in the order in which missing ones are named.
const REQUIRED: readonly (readonly [name: string, verbs: readonly Verb[]])[] = [
  ["CNI_CONTAINERID", ["ADD", "CHECK", "DEL"]],
  ["CNI_NETNS", ["ADD", "CHECK"]],
  ["CNI_IFNAME", ["ADD", "CHECK", "DEL"]],
  ["CNI_PATH", ["ADD", "CHECK", "DEL", "GC", "STATUS"]],
];

const LEAST_VERSION: { readonly [V in Verb]?: CniVersion } = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/** Checks environment and standard input in the order of libcni's skel, so that the first fault is the same. */
export function parseCall(env: Environment, stdin: string): Result<Call, CniError> {
  const command = env.CNI_COMMAND ?? "";
  if (command === "") return ok({ kind: "about" });
  if (command === "VERSION") return ok({ kind: "version" });
  const verb = VERBS.find((known) => known === command);
  if (verb === undefined) {
    return refuse(CniCode.invalidEnvironment, `unknown CNI_COMMAND: ${command}`, `known: ${VERBS.join(" ")}`);
  }
  const missing = REQUIRED.filter(([name, verbs]) => verbs.includes(verb) && !env[name]).map(
    ([name]) => name,
  );
  if (missing.length > 0) {
    return refuse(CniCode.invalidEnvironment, `required env variables [${missing.join(",")}] missing`);
  }
  const config = parseConfig(stdin);
  if (!config.ok) return config;

  const containerId = env.CNI_CONTAINERID ?? "";
  const ifname = env.CNI_IFNAME ?? "";
  if (verb !== "GC" && verb !== "STATUS") {
    const fault = containerIdFault(containerId) ?? ifnameFault(ifname);
    if (fault) return err(fault);
  }
  const cniVersion = versionFor(verb, config.value);
  if (!cniVersion.ok) return cniVersion;

  const override = env.CNI_NETNS_OVERRIDE ?? "";
  const request: CniRequest = {
    verb,
    containerId,
    netns: env.CNI_NETNS ?? "",
    ifname,
    args: env.CNI_ARGS ?? "",
    netnsOverride: override === "1" || override.toUpperCase() === "TRUE",
    cniVersion: cniVersion.value,
    network: String(config.value.name),
    config: config.value,
  };
  return ok({ kind: "request", request });
}

function refuse(code: number, msg: string, details?: string) {
  return err(cniError(code, msg, details));
}

function parseConfig(stdin: string): Result<JsonObject, CniError> {
  const broken = (why: string, hint: string) => {
    return refuse(CniCode.decode, `error unmarshall network config: ${why}`, hint);
  };
  if (Buffer.byteLength(stdin) > MAX_CONFIG_BYTES) {
    return broken("it is too large", `at most ${MAX_CONFIG_BYTES} bytes on standard input are read`);
  }
  let config: unknown;
  try {
    config = JSON.parse(stdin);
  } catch (error) {
    if (stdin.trim() === "") return broken("unexpected end of JSON input", "standard input is empty");
    // JSON nested thousands of levels deep ends in a RangeError, which is as much the sender's fault.
    return broken(error instanceof Error ? error.message : String(error), "berth lint FILE shows the place");
  }
  if (!isObject(config))
    return broken("it is not a JSON object", 'a netconf such as {"cniVersion": …} is wanted');

  const name = config.name ?? "";
  if (typeof name !== "string") return broken("name is not a string", `got ${JSON.stringify(name)}`);
  if (name === "")
    return refuse(CniCode.invalidConfig, "missing network name", 'set "name" in the configuration');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    return refuse(CniCode.invalidConfig, "invalid characters found in network name", name);
  }
  return ok(config);
}

function containerIdFault(id: string): CniError | undefined {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id)) return undefined;
  return cniError(CniCode.invalidEnvironment, "invalid characters in containerID", id);
}

function ifnameFault(ifname: string): CniError | undefined {
  const fault = (msg: string, details?: string) => cniError(CniCode.invalidEnvironment, msg, details);
  // IFNAMSIZ of Linux is 16 with the closing NUL.
  if (Buffer.byteLength(ifname) > 15) {
    return fault("interface name is too long", "interface name should be less than 16 characters");
  }
  if (ifname === "." || ifname === "..") return fault("interface name is . or ..");
  if (/[/:\s]/.test(ifname)) return fault("interface name contains / or : or whitespace characters", ifname);
  return undefined;
}

function versionFor(verb: Verb, config: JsonObject): Result<CniVersion, CniError> {
  const text = config.cniVersion ?? "";
  if (typeof text !== "string") {
    return refuse(CniCode.decode, "error unmarshall network config: cniVersion is not a string");
  }
  const version = cniVersionOf(text);
  if (version === undefined) {
    const supported = CNI_VERSIONS.map((known) => JSON.stringify(known)).join(" ");
    const details = `config is ${JSON.stringify(text)}, plugin supports [${supported}]`;
    return refuse(CniCode.incompatibleVersion, "incompatible CNI versions", details);
  }
  const least = LEAST_VERSION[verb];
  if (least !== undefined && !atLeast(version, least)) {
    const details = `config is ${version}, ${verb} came with ${least}`;
    return refuse(CniCode.incompatibleVersion, `config version does not allow ${verb}`, details);
  }
  return ok(version);
}
