import { dirname, join } from "node:path";
import type { Clock } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import { err, ok, type Result } from "../result.ts";
import { type Endpoint, type EndpointSource, expiryOf, type KubeconfigError } from "./endpoint.ts";
import type { ExecSource } from "./kubeconfig.ts";
import type { Entry } from "./kubeconfig-file.ts";
import type { TransportError } from "./transport.ts";

/** The client.authentication.k8s.io versions that exist. */
const VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/** Milliseconds; some of these commands open a browser and wait for a person. */
const TIMEOUT = 120_000;
const MAX_OUTPUT = 1024 * 1024;
/** Renewed so long before its end. */
const MARGIN = 30_000;

type Command = {
  readonly argv: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly version: string;
};

/** Credentials from a command, as cloud providers have them. For people's kubeconfigs; runs the command without a shell. */
export const execSource: ExecSource = (base, exec, clock) => {
  const command = readCommand(exec);
  if (!command.ok) return command;
  return ok(new CommandEndpoint(base, exec, command.value, clock));
};

class CommandEndpoint implements EndpointSource {
  readonly server: string;
  readonly #base: Endpoint;
  readonly #exec: Entry;
  readonly #command: Command;
  readonly #clock: Clock;
  #current: Promise<Result<Endpoint, TransportError>> | undefined;
  #expires = Number.POSITIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(base: Endpoint, exec: Entry, command: Command, clock: Clock) {
    this.server = base.server;
    this.#base = base;
    this.#exec = exec;
    this.#command = command;
    this.#clock = clock;
  }

  /** Requests that come together share one run of the command; one that failed is run again by the next. */
  endpoint(): Promise<Result<Endpoint, TransportError>> {
    if (this.#current && this.#clock.now() < this.#expires - MARGIN) return this.#current;
    this.#expires = Number.POSITIVE_INFINITY;
    this.#askedAt = this.#clock.elapsed();
    const current = this.#ask().then((asked) => {
      if (asked.ok) this.#expires = asked.value.expires ?? Number.POSITIVE_INFINITY;
      else if (this.#current === current) this.#current = undefined;
      return asked;
    });
    this.#current = current;
    return current;
  }

  refused(): boolean {
    if (this.#clock.elapsed() - this.#askedAt < 1_000) return false;
    this.#current = undefined;
    return true;
  }

  async #ask(): Promise<Result<Endpoint, TransportError>> {
    const output = await run(this.#command, dirname(this.#exec.file));
    const read = output.ok ? readCredential(output.value, this.#base) : output;
    const [name = ""] = this.#command.argv;
    const message = read.ok ? "" : `${name} (exec of ${this.#exec.file}) ${read.error}`;
    return read.ok ? read : err({ code: "credentials", sent: false, message });
  }
}

function readCommand(exec: Entry): Result<Command, KubeconfigError> {
  const { value, file, at } = exec;
  const refuse = (key: string, message: string, hint: string) =>
    err<KubeconfigError>({ code: "kubeconfig_invalid", path: `${file}: ${at}.${key}`, message, hint });
  const { command, apiVersion, args = [], env = [] } = value;
  if (typeof command !== "string" || command === "") {
    return refuse("command", "the command is missing", "name a program");
  }
  if (typeof apiVersion !== "string" || !VERSIONS.includes(apiVersion)) {
    return refuse(
      "apiVersion",
      `${JSON.stringify(apiVersion)} is not supported`,
      `write ${VERSIONS.join(" or ")}`,
    );
  }
  const words: unknown[] = Array.isArray(args) ? args : [undefined];
  if (!words.every((word) => typeof word === "string"))
    return refuse("args", "no list of texts", "quote each");
  const pairs: unknown[] = Array.isArray(env) ? env : [undefined];
  const settings: { [name: string]: string } = {};
  for (const pair of pairs) {
    if (!isObject(pair) || typeof pair.name !== "string" || typeof pair.value !== "string") {
      return refuse("env", "no list of {name, value}", "quote each value");
    }
    settings[pair.name] = pair.value;
  }
  // As client-go: a name is looked for in PATH, a relative path beside the kubeconfig.
  const program = command.includes("/") && !command.startsWith("/") ? join(dirname(file), command) : command;
  return ok({ argv: [program, ...words], env: settings, version: apiVersion });
}

async function run({ argv, env, version }: Command, cwd: string): Promise<Result<string, string>> {
  const info = {
    apiVersion: version,
    kind: "ExecCredential",
    spec: { interactive: process.stdin.isTTY === true },
  };
  try {
    const child = Bun.spawn([...argv], {
      cwd,
      env: { ...process.env, ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      stdin: "inherit",
      stdout: "pipe",
      stderr: "inherit",
      timeout: TIMEOUT,
      maxBuffer: MAX_OUTPUT,
    });
    const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
    return code === 0 ? ok(text) : err(`ended with ${child.signalCode ?? `code ${code}`}`);
  } catch (thrown) {
    return err(`cannot be run: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function readCredential(output: string, base: Endpoint): Result<Endpoint, string> {
  const credential = parse(output);
  const status = isObject(credential) && credential.kind === "ExecCredential" ? credential.status : undefined;
  if (!isObject(status)) return err("printed no ExecCredential with a status");
  const text = (key: string) =>
    typeof status[key] === "string" && status[key] !== "" ? status[key] : undefined;
  const token = text("token");
  const cert = text("clientCertificateData");
  const key = text("clientKeyData");
  if (token === undefined && cert === undefined) return err("gave neither a token nor a certificate");
  if ((cert === undefined) !== (key === undefined))
    return err("gave a certificate without its key, or a key alone");
  const stated = Date.parse(text("expirationTimestamp") ?? "");
  const expires = Number.isNaN(stated) ? token && expiryOf(token) : stated;
  return ok({
    server: base.server,
    tls: { ...base.tls, ...(cert !== undefined && key !== undefined && { cert, key }) },
    ...(token !== undefined && { token }),
    ...(typeof expires === "number" && { expires }),
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says what it wanted instead
  }
}
