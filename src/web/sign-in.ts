import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import { expiryOf } from "../kube/endpoint.ts";
import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import { type Admission, answered, bearerOf, cookie, cookieOf, type Door, refusal } from "./door.ts";
import { type Rights, rightsOf } from "./rights.ts";

export type SignInOptions = {
  /** The cluster, asked with somebody's token and nothing of our own. */
  readonly connect: (token: string) => KubeClient;
  /** The store through such a client; closes it when it is closed. */
  readonly openStore: (client: KubeClient) => Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly writable: boolean;
  /** A name for a session that nobody can guess. */
  readonly newSession: () => string;
};

const COOKIE = "berth-session";
/** How long what the cluster said about somebody's rights counts, in milliseconds. */
const RIGHTS_AGE = 10_000;
/** A working day; milliseconds. */
const LONGEST = 8 * 3_600_000;
/** Nobody has come for so long; milliseconds. */
const IDLE = 3_600_000;
const MOST_SESSIONS = 500;
/** Who is not known yet costs questions to the API server: so many may be on their way. */
const MOST_ASKING = 16;
const LONGEST_TOKEN = 12 * 1024;

type Session = {
  readonly token: string;
  readonly isCookie: boolean;
  /** Milliseconds since 1970. */
  readonly until: number;
  rights: Rights;
  askedAt: number;
  usedAt: number;
  asking: Promise<ApiError | undefined> | undefined;
};

/**
 * Lets in who shows a token of the cluster, with the rights that the token has there: pasted once, or sent along by a proxy with each
 * request. A pasted token stays in this process's memory; the browser keeps a cookie that is worth nothing elsewhere and after a restart.
 */
export class SignInDoor implements Door {
  readonly isPageForAll = true;
  readonly query = "";
  readonly #options: SignInOptions;
  /** By the digest of the cookie or of the token: what is compared byte by byte is nothing that a caller chooses. */
  readonly #sessions = new Map<string, Session>();
  #asking = 0;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  async admit(request: Request): Promise<Admission> {
    const isSession = new URL(request.url).pathname === "/api/session";
    if (isSession && request.method === "POST") return answered(await this.#signIn(request));
    if (isSession && request.method === "DELETE") return answered(this.#signOut(request));
    const bearer = bearerOf(request);
    const name = bearer ?? cookieOf(request, COOKIE);
    if (name === undefined) return answered(refusal(401, "sign in with a token of the cluster"));
    const key = keyOf(name);
    const known = this.#find(key);
    if (known) {
      const error = await this.#renew(known);
      if (error?.code === "unauthorized") this.#sessions.delete(key);
      return error ? answered(this.#notAsked(error)) : this.#visit(known);
    }
    if (bearer === undefined)
      return answered(refusal(401, "this session has ended: sign in with a token of the cluster"));
    const session = await this.#open(bearer, false);
    if (session instanceof Response) return answered(session);
    this.#keep(key, session);
    return this.#visit(session);
  }

  async #signIn(request: Request): Promise<Response> {
    const token = readToken(await request.text());
    if (token === undefined) return refusal(400, "a token is one word of at most 12 KiB");
    const session = await this.#open(token, true);
    if (session instanceof Response) return session;
    const { user, missing } = session.rights;
    if (missing.length > 0) return refusal(403, whyBarred(session.rights));
    const name = this.#options.newSession();
    this.#keep(keyOf(name), session);
    this.#options.log("verbose", "signed in", { user });
    const seconds = Math.floor((session.until - this.#options.clock.now()) / 1000);
    return Response.json({ user }, { headers: { "set-cookie": cookie(request, COOKIE, name, seconds) } });
  }

  #signOut(request: Request): Response {
    const key = keyOf(cookieOf(request, COOKIE) ?? "");
    const user = this.#sessions.get(key)?.rights.user;
    if (this.#sessions.delete(key)) this.#options.log("verbose", "signed out", { user: user ?? "" });
    return Response.json({}, { headers: { "set-cookie": cookie(request, COOKIE, "", 0) } });
  }

  /** Somebody who was not here before; a refusal where the cluster does not know the token. */
  async #open(token: string, isCookie: boolean): Promise<Session | Response> {
    if (this.#asking >= MOST_ASKING) return refusal(429, "too many are signing in: try again");
    this.#asking++;
    try {
      const rights = await this.#ask(token);
      if (!rights.ok) return this.#notAsked(rights.error);
      const { clock } = this.#options;
      const now = clock.now();
      const until = Math.min(now + LONGEST, expiryOf(token) ?? Number.POSITIVE_INFINITY);
      const [askedAt, usedAt] = [clock.elapsed(), clock.elapsed()];
      return { token, isCookie, until, rights: rights.value, askedAt, usedAt, asking: undefined };
    } finally {
      this.#asking--;
    }
  }

  #find(key: string): Session | undefined {
    const session = this.#sessions.get(key);
    if (!session) return undefined;
    const { clock } = this.#options;
    if (clock.now() < session.until && clock.elapsed() - session.usedAt < IDLE) {
      session.usedAt = clock.elapsed();
      return session;
    }
    this.#sessions.delete(key);
    return undefined;
  }

  /** Beyond the bound whoever was away longest goes. */
  #keep(key: string, session: Session): void {
    if (this.#sessions.size >= MOST_SESSIONS) {
      const [oldest] = [...this.#sessions].reduce((a, b) => (b[1].usedAt < a[1].usedAt ? b : a));
      this.#sessions.delete(oldest);
    }
    this.#sessions.set(key, session);
  }

  /** Rights may be withdrawn at any time; those who come meanwhile wait for one question. */
  async #renew(session: Session): Promise<ApiError | undefined> {
    const { clock } = this.#options;
    if (clock.elapsed() - session.askedAt < RIGHTS_AGE) return undefined;
    session.asking ??= this.#ask(session.token).then((rights) => {
      session.asking = undefined;
      if (!rights.ok) return rights.error;
      session.rights = rights.value;
      session.askedAt = clock.elapsed();
      return undefined;
    });
    return session.asking;
  }

  async #ask(token: string) {
    const client = this.#options.connect(token);
    try {
      return await rightsOf(client, client.namespace, this.#options.writable);
    } finally {
      client.close();
    }
  }

  #visit({ rights, token, isCookie }: Session): Admission {
    const { user, missing, missingToWrite, seesEvents } = rights;
    if (missing.length > 0) return answered(refusal(403, whyBarred(rights)));
    const { writable, connect, openStore } = this.#options;
    const canWrite = writable && missingToWrite.length === 0;
    const whyNot = writable
      ? `${user} may not: ${missingToWrite.join("; ")}`
      : "this page only looks; berth ui --allow-writes also changes";
    const visitor = { user, canLeave: isCookie, canWrite, seesEvents, ...(!canWrite && { whyNot }) };
    return { kind: "visitor", visitor: { ...visitor, openStore: () => openStore(connect(token)) } };
  }

  #notAsked(error: ApiError): Response {
    if (error.code === "unauthorized")
      return refusal(401, "the cluster does not know this token, or not any more");
    this.#options.log("error", "cannot ask for somebody's rights", { why: error.message });
    return refusal(503, `the API server does not say what you may see: ${error.message}`);
  }
}

function whyBarred({ user, missing }: Rights): string {
  return `${user} may not: ${missing.join("; ")}. The ClusterRole berth-viewer allows it`;
}

function keyOf(name: string): string {
  return createHash("sha256").update(name).digest("base64");
}

/** The token in the body of a sign-in. */
function readToken(text: string): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined; // said by the caller
  }
  const token = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
  if (typeof token !== "string") return undefined;
  const word = token.trim();
  return /^[\x21-\x7e]+$/.test(word) && word.length <= LONGEST_TOKEN ? word : undefined;
}
