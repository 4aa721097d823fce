import { refusal } from "./door.ts";

/** No other site can be called so, whatever port is forwarded. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?$/i;

/**
 * The refusal of a request that comes from elsewhere: under a name that is none of `hosts` (`127.0.0.1:8478`; a page of somebody
 * else may point its own name here), or from another site. Writes must come from our own page besides: its Origin, and a header
 * that no form can send.
 */
export function judgeOrigin(request: Request, hosts: readonly string[]): Response | undefined {
  const host = request.headers.get("host") ?? "";
  if (!hosts.includes(host.toLowerCase()) && !LOOPBACK.test(host))
    return refusal(
      421,
      `this is not ${host}: open the address that berth ui printed, or name it with --host`,
    );
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`)
    return refusal(403, "a page of another site may not ask here");
  if (request.method !== "GET" && request.headers.get("x-berth") !== "1")
    return refusal(403, "only the page itself may change something");
  return undefined;
}

/** No script, style or picture but our own, no frame around us, nothing kept. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};
