import type { Result } from "../result.ts";

/** One HTTP request to the API server; `path` carries the query. */
export type ApiRequest = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
};

export type ApiResponse = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
};

/**
 * No answer came. `sent`: the request may have reached the server. `credentials`: a token could not be had, so that
 * nothing was asked.
 */
export type TransportError = {
  readonly code: "unreachable" | "timeout" | "tls" | "aborted" | "too_large" | "credentials";
  readonly sent: boolean;
  readonly message: string;
};

/**
 * The wire to one API server: fetch in a process, the double's own queue in a simulation. Adds credentials; knows
 * nothing of objects. Never rejects.
 */
export interface Transport {
  readonly server: string;
  /** `timeout` in milliseconds covers the whole answer. */
  request(
    request: ApiRequest,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Result<ApiResponse, TransportError>>;
  /**
   * For watches: calls `onLine` for each line of the answer and resolves when it ends. An answer that is not 200 is
   * returned whole.
   */
  stream(
    request: ApiRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<ApiResponse | undefined, TransportError>>;
  close(): void;
}
