import { timingSafeEqual } from "node:crypto";
import { type Admission, answered, bearerOf, cookie, cookieOf, type Door, refusal } from "./door.ts";

const COOKIE = "berth-ui";

/**
 * Lets in who knows the key of this run, by cookie, query or bearer. Other users of this machine can reach a loopback port as well,
 * so being there is no permission.
 */
export class KeyDoor implements Door {
  readonly isPageForAll = false;
  readonly query: string;
  readonly #key: string;
  readonly #writable: boolean;

  constructor(key: string, writable: boolean) {
    this.#key = key;
    this.#writable = writable;
    this.query = `?token=${key}`;
  }

  async admit(request: Request): Promise<Admission> {
    const { pathname, searchParams } = new URL(request.url);
    const given = searchParams.get("token");
    if (given !== null && this.#isKey(given) && request.method === "GET" && pathname === "/") {
      // Away from the address bar and the history.
      const headers = { location: "/", "set-cookie": cookie(request, COOKIE, this.#key) };
      return answered(new Response(null, { status: 303, headers }));
    }
    const known = bearerOf(request) ?? cookieOf(request, COOKIE);
    if (known === undefined || !this.#isKey(known))
      return answered(refusal(401, "open the address that berth ui printed: it carries the key of this run"));
    const whyNot = "this page only looks; berth ui --allow-writes also changes";
    const canWrite = this.#writable;
    const visitor = { canLeave: false, canWrite, seesEvents: true, ...(!canWrite && { whyNot }) };
    return { kind: "visitor", visitor };
  }

  #isKey(given: string): boolean {
    const [a, b] = [Buffer.from(given), Buffer.from(this.#key)];
    return a.length === b.length && timingSafeEqual(a, b);
  }
}
