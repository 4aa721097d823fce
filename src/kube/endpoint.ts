import type { Clock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import type { TransportError } from "./transport.ts";

/** PEM texts, not paths. */
export type Tls = {
  /** Absent: the certificate authorities of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name to expect in the server's certificate where it is not that of the address. */
  readonly serverName?: string;
  /** Trusts any server. */
  readonly insecure?: boolean;
};

/** Where the API server is and what proves to it who is asking. */
export type Endpoint = {
  /** `https://host:port` without a slash at the end, or `http://` for loopback. */
  readonly server: string;
  readonly tls: Tls;
  readonly token?: string;
  /** When token or certificate stop working, in milliseconds since 1970, where known. */
  readonly expires?: number;
};

/** Credentials change while a process runs: tokens are rotated, kubeconfigs written anew. */
export interface EndpointSource {
  /** For texts; the endpoint's own may change later. */
  readonly server: string;
  endpoint(): Result<Endpoint, TransportError> | Promise<Result<Endpoint, TransportError>>;
  /** The server answered 401: whether the next endpoint is made anew, so that asking again may help. */
  refused(): boolean;
}

/** Why a kubeconfig or the files of a service account cannot be used. */
export type KubeconfigError = {
  readonly code:
    | "kubeconfig_missing"
    | "kubeconfig_unreadable"
    | "kubeconfig_invalid"
    | "kubeconfig_unsupported"
    | "not_in_cluster";
  /** The file and, inside it, the JSON path: `/etc/x.kubeconfig: clusters[0].cluster.server`. */
  readonly path: string;
  readonly message: string;
  readonly hint: string;
};

/** Files are read again when what was read is older than this, as client-go does with token files. */
const STALE = 60_000;
/** A token is renewed so long before its end, since the clocks of two machines differ. */
const MARGIN = 30_000;
/** Between two readings of files at least so long, whatever the server says. */
const LEAST = 1_000;

/** An endpoint made of files, which are read again as they age; what cannot be read leaves the last one in force. */
export class FileEndpoint implements EndpointSource {
  readonly server: string;
  readonly #load: () => Result<Endpoint, KubeconfigError>;
  readonly #clock: Clock;
  #current: Endpoint;
  #readAt: number;
  #isRefused = false;

  /** `first` is what `load` has just given. */
  constructor(first: Endpoint, load: () => Result<Endpoint, KubeconfigError>, clock: Clock) {
    this.server = first.server;
    this.#current = first;
    this.#load = load;
    this.#clock = clock;
    this.#readAt = clock.elapsed();
  }

  endpoint(): Result<Endpoint, TransportError> {
    const age = this.#clock.elapsed() - this.#readAt;
    const isEnding =
      this.#current.expires !== undefined &&
      this.#clock.now() > this.#current.expires - MARGIN &&
      age > LEAST;
    if (age <= STALE && !isEnding && !this.#isRefused) return ok(this.#current);
    const loaded = this.#load();
    this.#readAt = this.#clock.elapsed();
    if (loaded.ok) this.#current = loaded.value;
    else if (this.#isRefused) return err(credentialsError(loaded.error));
    this.#isRefused = false;
    return ok(this.#current);
  }

  refused(): boolean {
    if (this.#clock.elapsed() - this.#readAt <= LEAST) return false;
    this.#isRefused = true;
    return true;
  }
}

/** An endpoint that stays as it is. */
export function fixedEndpoint(endpoint: Endpoint): EndpointSource {
  return { server: endpoint.server, endpoint: () => ok(endpoint), refused: () => false };
}

export function credentialsError({ path, message }: KubeconfigError): TransportError {
  return { code: "credentials", sent: false, message: `${path}: ${message}` };
}

/** `exp` of a JSON web token in milliseconds since 1970 (RFC 7519 section 4.1.4); undefined for opaque tokens. */
export function expiryOf(token: string): number | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const claims: { exp?: unknown } | null = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof claims?.exp === "number" ? claims.exp * 1000 : undefined;
  } catch {
    return undefined; // not a JSON web token: it lasts until the server says otherwise
  }
}
