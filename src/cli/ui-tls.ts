import { readFileSync } from "node:fs";
import { err, ok, type Result } from "../result.ts";
import { selfSigned } from "../webhook/certificate.ts";

export type TlsOptions = {
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
};

/** PEM. */
export type TlsFiles = { readonly cert: string; readonly key: string };

/** Longer than a process lives: it is made anew with each start. */
const DAYS = 365;

/**
 * What the page is served with: the files that are named; else a certificate that signs itself where tokens would cross a network;
 * else nothing. `now` in milliseconds since 1970.
 */
export function tlsFor(
  options: TlsOptions,
  {
    hostname,
    takesTokens,
    now,
  }: { readonly hostname: string; readonly takesTokens: boolean; readonly now: number },
): Result<TlsFiles | undefined, string> {
  const { "tls-cert": certFile, "tls-key": keyFile } = options;
  if (certFile !== undefined && keyFile !== undefined) {
    try {
      return ok({ cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") });
    } catch (error) {
      return err(error instanceof Error ? error.message : String(error));
    }
  }
  if (certFile !== undefined || keyFile !== undefined) return err("--tls-cert and --tls-key go together");
  if (!takesTokens || isLoopback(hostname)) return ok(undefined);
  const { certificate, key } = selfSigned(["berth-ui"], now, DAYS);
  return ok({ cert: certificate, key });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname);
}
