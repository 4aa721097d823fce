import type { Clock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import type { EndpointSource } from "./endpoint.ts";
import { linesOf, textOf } from "./read-body.ts";
import type { ApiRequest, ApiResponse, Transport, TransportError } from "./transport.ts";

/** An answer beyond this is refused: a page of 500 pools near the limit of etcd is not, a runaway server is. */
const MAX_ANSWER = 256 * 1024 * 1024;
/** One object; the API server itself takes 3 MiB. */
const MAX_LINE = 16 * 1024 * 1024;

/** HTTP over Bun's fetch, which keeps connections open and never repeats a request by itself. */
export class FetchTransport implements Transport {
  readonly server: string;
  readonly #source: EndpointSource;
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  constructor(source: EndpointSource, clock: Clock) {
    this.server = source.server;
    this.#source = source;
    this.#clock = clock;
  }

  async request(
    request: ApiRequest,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Result<ApiResponse, TransportError>> {
    const abort = new AbortController();
    let timedOut = false;
    const timer = this.#clock.after(timeout, () => {
      timedOut = true;
      abort.abort();
    });
    const signals = [abort.signal, this.#closing.signal, ...(signal ? [signal] : [])];
    try {
      const response = await this.#send(request, AbortSignal.any(signals));
      return response.ok ? ok(await whole(response.value)) : response;
    } catch (thrown) {
      return err(timedOut ? timeoutError(this.server, timeout) : errorOf(thrown, this.server, abort.signal));
    } finally {
      timer.cancel();
    }
  }

  async stream(
    request: ApiRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<ApiResponse | undefined, TransportError>> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    try {
      const response = await this.#send(request, either);
      if (!response.ok) return response;
      if (response.value.status !== 200) return ok(await whole(response.value));
      await linesOf(response.value, MAX_LINE, onLine);
      return ok(undefined);
    } catch (thrown) {
      return err(errorOf(thrown, this.server, either));
    }
  }

  close(): void {
    this.#closing.abort();
  }

  /** A token that the server refuses is read anew once: it may have been rotated since. */
  async #send(request: ApiRequest, signal: AbortSignal): Promise<Result<Response, TransportError>> {
    const first = await this.#sendOnce(request, signal);
    if (!first.ok || first.value.status !== 401 || !this.#source.refused()) return first;
    await first.value.body?.cancel();
    return this.#sendOnce(request, signal);
  }

  async #sendOnce(request: ApiRequest, signal: AbortSignal): Promise<Result<Response, TransportError>> {
    const endpoint = await this.#source.endpoint();
    if (!endpoint.ok) return endpoint;
    const { server, token, tls } = endpoint.value;
    const { ca, cert, key, serverName, insecure } = tls;
    const response = await fetch(server + request.path, {
      method: request.method,
      headers: { ...request.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(request.body !== undefined && { body: request.body }),
      signal,
      redirect: "manual",
      timeout: false,
      tls: {
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(serverName !== undefined && { serverName }),
        ...(insecure === true && { rejectUnauthorized: false }),
      },
    });
    return ok(response);
  }
}

async function whole(response: Response): Promise<ApiResponse> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await textOf(response, MAX_ANSWER),
  };
}

function timeoutError(server: string, timeout: number): TransportError {
  // Even before the connection stands nobody tells how far it got, so the request counts as sent.
  return { code: "timeout", sent: true, message: `no answer from ${server} within ${timeout} ms` };
}

/** Codes of Bun and of the system where nothing can have been sent. */
const BEFORE_SENT = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "FailedToOpenSocket",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "InvalidURL",
  "ERR_INVALID_URL",
]);
/** X.509 verdicts and failures of the handshake; all of them come before the request. */
const TLS =
  /CERT|SELF_SIGNED|ISSUER|SIGNATURE|CRL|^ERR_TLS|^ERR_SSL|^EPROTO$|^INVALID_CA$|^PATH_LENGTH|^HOSTNAME/;

function errorOf(thrown: unknown, server: string, aborted: AbortSignal): TransportError {
  const { code = "", message = String(thrown) } = thrown as { code?: string; message?: string };
  if (code === "answer_too_large") return { code: "too_large", sent: true, message: `${server}: ${message}` };
  if (aborted.aborted || code === "ABORT_ERR")
    return { code: "aborted", sent: true, message: "given up by the caller" };
  // Some of Bun's texts end in advice for programmers.
  const text = message.replace(
    /(?:\.? For more information, pass .*| Is the computer able .*| Was there a typo .*)$/,
    "",
  );
  if (TLS.test(code)) return { code: "tls", sent: false, message: `${server}: ${text} (${code})` };
  return { code: "unreachable", sent: !BEFORE_SENT.has(code), message: `${server}: ${text}` };
}
