import { timingSafeEqual } from "node:crypto";

/** Who may ask, and from where. */
export type Guard = {
  /** What this server is called: `127.0.0.1:8478`. A page of somebody else that points its own name here is refused. */
  readonly hosts: readonly string[];
  /** The secret of this run; it comes with the address that was printed and stays as a cookie. */
  readonly token: string;
};

const COOKIE = "berth-ui";

/** No other site can be called so, whatever port is forwarded. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?$/i;

/** What to do with a request: answer it, send the browser on with its cookie, or refuse it. */
export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "enter" | "refuse"; readonly response: Response };

/**
 * Lets pass who knows the token, by cookie, query or bearer. Other users of this machine can reach a loopback port as well, so
 * being there is no permission. Writes must come from our own page besides: its Origin, and a header that no form can send.
 */
export function judge(request: Request, { hosts, token }: Guard): Verdict {
  const url = new URL(request.url);
  const host = request.headers.get("host") ?? "";
  if (!hosts.includes(host.toLowerCase()) && !LOOPBACK.test(host)) {
    return refuse(421, `this is not ${host}: open the address that berth ui printed`);
  }
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    return refuse(403, "a page of another site may not ask here");
  }
  if (request.method !== "GET" && request.headers.get("x-berth") !== "1") {
    return refuse(403, "only the page itself may change something");
  }
  const given = url.searchParams.get("token");
  if (given !== null && isSame(given, token) && request.method === "GET" && url.pathname === "/") {
    const cookie = `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/`;
    // Away from the address bar and the history.
    return {
      kind: "enter",
      response: new Response(null, { status: 303, headers: { location: "/", "set-cookie": cookie } }),
    };
  }
  const bearer = request.headers.get("authorization")?.replace(/^Bearer /, "");
  const known = bearer ?? cookieOf(request, COOKIE);
  if (known !== undefined && isSame(known, token)) return { kind: "pass" };
  return refuse(401, "open the address that berth ui printed: it carries the key of this run");
}

function refuse(status: number, why: string): Verdict {
  return { kind: "refuse", response: Response.json({ error: why }, { status }) };
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
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
