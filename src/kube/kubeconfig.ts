import type { Clock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import {
  type Endpoint,
  type EndpointSource,
  expiryOf,
  FileEndpoint,
  type KubeconfigError,
  type Tls,
} from "./endpoint.ts";
import { type Entry, type Parts, readBeside, readParts } from "./kubeconfig-file.ts";

/** How to reach a cluster, and as whom. */
export type Connection = {
  readonly source: EndpointSource;
  /** The context's namespace, else kube-system: where whereabouts keeps its objects. */
  readonly namespace: string;
  /** The context's name; absent inside a pod. */
  readonly context?: string;
};

/** Makes a source that gets its credentials from a command; only people's kubeconfigs need one. */
export type ExecSource = (
  base: Endpoint,
  exec: Entry,
  clock: Clock,
) => Result<EndpointSource, KubeconfigError>;

export type KubeconfigOptions = {
  /** Absent or "": the current context. */
  readonly context?: string;
  readonly clock: Clock;
  /** Absent: `exec` credentials are refused. See exec.ts. */
  readonly exec?: ExecSource;
};

export const DEFAULT_NAMESPACE = "kube-system";

/**
 * Reads kubeconfig files (several as in $KUBECONFIG). What they say is read again while the connection is in use, since
 * whereabouts' installer writes a new token into the file whenever the old one is replaced.
 */
export function loadKubeconfig(
  files: string | readonly string[],
  options: KubeconfigOptions,
): Result<Connection, KubeconfigError> {
  const list = typeof files === "string" ? [files] : files;
  const first = resolve(list, options.context);
  if (!first.ok) return first;
  const { endpoint, namespace, context, exec } = first.value;
  if (exec) {
    if (options.exec === undefined) return err(refuseExec(exec));
    const source = options.exec(endpoint, exec, options.clock);
    return source.ok ? ok({ source: source.value, namespace, context }) : source;
  }
  const again = (): Result<Endpoint, KubeconfigError> => {
    const next = resolve(list, options.context);
    return next.ok ? ok(next.value.endpoint) : next;
  };
  return ok({ source: new FileEndpoint(endpoint, again, options.clock), namespace, context });
}

type Resolved = {
  readonly endpoint: Endpoint;
  readonly namespace: string;
  readonly context: string;
  readonly exec?: Entry;
};

function resolve(files: readonly string[], wanted: string | undefined): Result<Resolved, KubeconfigError> {
  const parts = readParts(files);
  if (!parts.ok) return parts;
  const name = wanted || parts.value.currentContext;
  const context = find(
    parts.value,
    files,
    "contexts",
    name,
    wanted ? "the wanted context" : "current-context",
  );
  if (!context.ok) return context;
  const { value } = context.value;
  const cluster = find(parts.value, files, "clusters", text(value.cluster), `${context.value.at}.cluster`);
  if (!cluster.ok) return cluster;
  const server = readServer(cluster.value);
  if (!server.ok) return server;
  const serverTls = readServerTls(cluster.value);
  if (!serverTls.ok) return serverTls;
  const namespace = text(value.namespace) || DEFAULT_NAMESPACE;
  const endpoint = { server: server.value, tls: serverTls.value };
  // A context without user is legal: the server may take anyone, or there is a proxy on loopback.
  if (text(value.user) === "") return ok({ endpoint, namespace, context: name });
  const user = find(parts.value, files, "users", text(value.user), `${context.value.at}.user`);
  if (!user.ok) return user;
  const identity = readUser(user.value);
  if (!identity.ok) return identity;
  const { tls, token, expires, exec } = identity.value;
  return ok({
    endpoint: {
      ...endpoint,
      tls: { ...endpoint.tls, ...tls },
      ...(token !== undefined && { token }),
      ...(expires !== undefined && { expires }),
    },
    namespace,
    context: name,
    ...(exec && { exec }),
  });
}

function find(
  parts: Parts,
  files: readonly string[],
  kind: "clusters" | "users" | "contexts",
  name: string,
  from: string,
): Result<Entry, KubeconfigError> {
  const entry = parts[kind].get(name);
  if (entry) return ok(entry);
  const known = [...parts[kind].keys()];
  const message = name === "" ? `${from} is not set` : `${from} names "${name}", which is not in ${kind}`;
  const hint = known.length === 0 ? `add an entry to ${kind}` : `known: ${known.join(", ")}`;
  return err({ code: "kubeconfig_invalid", path: files.join(":"), message, hint });
}

function readServer(cluster: Entry): Result<string, KubeconfigError> {
  const server = text(cluster.value.server);
  const refuse = (message: string, hint: string) => err(invalid(cluster, "server", message, hint));
  let url: URL;
  try {
    url = new URL(server);
  } catch {
    return refuse(`"${server}" is no URL`, "write one such as https://10.0.0.1:6443");
  }
  if (text(cluster.value["proxy-url"]) !== "") {
    const hint =
      "reach the API server without a proxy, or through one that the environment names (HTTPS_PROXY)";
    return err({
      ...invalid(cluster, "proxy-url", "proxy-url is not supported", hint),
      code: "kubeconfig_unsupported",
    });
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return refuse(
      `"${server}" would send credentials in clear text`,
      "write https://; http:// is for loopback only",
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return refuse(`"${server}" is neither https nor http`, "write one such as https://10.0.0.1:6443");
  }
  return ok(server.replace(/\/+$/, ""));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}

function readServerTls(cluster: Entry): Result<Tls, KubeconfigError> {
  const ca = readPem(cluster, "certificate-authority");
  if (!ca.ok) return ca;
  const serverName = text(cluster.value["tls-server-name"]);
  const insecure = cluster.value["insecure-skip-tls-verify"] === true;
  if (insecure && ca.value !== undefined) {
    const hint = "remove insecure-skip-tls-verify: with a certificate authority it is not needed";
    const message = "insecure-skip-tls-verify and a certificate authority exclude each other";
    return err(invalid(cluster, "insecure-skip-tls-verify", message, hint));
  }
  return ok({
    ...(ca.value !== undefined && { ca: ca.value }),
    ...(serverName !== "" && { serverName }),
    ...(insecure && { insecure }),
  });
}

type Identity = {
  readonly tls: Tls;
  readonly token?: string;
  readonly expires?: number;
  readonly exec?: Entry;
};

function readUser(user: Entry): Result<Identity, KubeconfigError> {
  const { value, file, at } = user;
  const unsupported = (key: string, message: string, hint: string) =>
    err({ ...invalid(user, key, message, hint), code: "kubeconfig_unsupported" as const });
  if (value.username !== undefined || value.password !== undefined) {
    const hint = "use a client certificate or a token";
    return unsupported(
      "username",
      "the API server no longer takes user name and password (since Kubernetes 1.19)",
      hint,
    );
  }
  if (value["auth-provider"] !== undefined) {
    const hint = "use the exec plugin of your provider, a client certificate or a token";
    return unsupported("auth-provider", "auth-provider was removed from Kubernetes 1.26", hint);
  }
  const cert = readPem(user, "client-certificate");
  if (!cert.ok) return cert;
  const key = readPem(user, "client-key");
  if (!key.ok) return key;
  if ((cert.value === undefined) !== (key.value === undefined)) {
    const lacking = cert.value === undefined ? "client-certificate" : "client-key";
    return err(
      invalid(user, lacking, `${lacking} is missing`, "a client certificate and its key go together"),
    );
  }
  const token = readToken(user);
  if (!token.ok) return token;
  const { exec } = value;
  const isExec =
    typeof exec === "object" && exec !== null && !Array.isArray(exec) && token.value === undefined;
  const expires = token.value === undefined ? undefined : expiryOf(token.value);
  return ok({
    tls: {
      ...(cert.value !== undefined && { cert: cert.value }),
      ...(key.value !== undefined && { key: key.value }),
    },
    ...(token.value !== undefined && { token: token.value }),
    ...(expires !== undefined && { expires }),
    ...(isExec && { exec: { value: exec as Entry["value"], file, at: `${at}.exec` } }),
  });
}

/** A token file wins over an inline token, as in client-go. */
function readToken(user: Entry): Result<string | undefined, KubeconfigError> {
  const path = text(user.value.tokenFile);
  const inline = user.value.token;
  if (path === "") {
    if (inline === undefined || inline === null || inline === "") return ok(undefined);
    return typeof inline === "string"
      ? checkToken(user, "token", inline.trim())
      : err(invalid(user, "token", "the token is no text", "put it in quotes"));
  }
  const read = readBeside(user, "tokenFile", path);
  return read.ok ? checkToken(user, "tokenFile", read.value.trim()) : read;
}

function checkToken(user: Entry, key: string, token: string): Result<string, KubeconfigError> {
  if (/^[\x21-\x7e]+$/.test(token)) return ok(token);
  return err(
    invalid(user, key, "the token is empty or has characters that no header can carry", "write it anew"),
  );
}

/** `<key>-data` (base64) wins over the file that `key` names, as in client-go. */
function readPem(entry: Entry, key: string): Result<string | undefined, KubeconfigError> {
  const data = text(entry.value[`${key}-data`]);
  if (data !== "") {
    const pem = Buffer.from(data, "base64").toString("utf8");
    return checkPem(entry, `${key}-data`, pem);
  }
  const path = text(entry.value[key]);
  if (path === "") return ok(undefined);
  const read = readBeside(entry, key, path);
  return read.ok ? checkPem(entry, key, read.value) : read;
}

function checkPem(entry: Entry, key: string, pem: string): Result<string, KubeconfigError> {
  if (pem.includes("-----BEGIN ")) return ok(pem);
  const hint = key.endsWith("-data") ? "it is base64 of a PEM file" : "it names a PEM file";
  return err(invalid(entry, key, "there is no PEM block in it", hint));
}

function invalid(entry: Entry, key: string, message: string, hint: string): KubeconfigError {
  return { code: "kubeconfig_invalid", path: `${entry.file}: ${entry.at}.${key}`, message, hint };
}

function refuseExec({ file, at }: Entry): KubeconfigError {
  return {
    code: "kubeconfig_unsupported",
    path: `${file}: ${at}`,
    message: "credentials from a command are for the command line only",
    hint: "give this part a service account's token or a client certificate",
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
