import type { Store } from "../store/store.ts";

/** Somebody who may look. */
export type Visitor = {
  /** Who the cluster says they are; absent where the key of the run is all that is known of them. */
  readonly user?: string;
  /** Whether they can sign out here; not where a proxy signs them in with each request. */
  readonly canLeave: boolean;
  readonly canWrite: boolean;
  /** What keeps them from it, and what would help. */
  readonly whyNot?: string;
  readonly seesEvents: boolean;
  /** The store as they may use it, so that writes are theirs; whoever opens it closes it. Absent: everybody's. */
  readonly openStore?: () => Store;
};

/** Let in, or answered at the door. */
export type Admission =
  | { readonly kind: "visitor"; readonly visitor: Visitor }
  | { readonly kind: "answer"; readonly response: Response };

/** Decides who may look at the page. */
export interface Door {
  /** Whether scripts and styles, which say nothing about anybody's addresses, are for everyone: the form to sign in is among them. */
  readonly isPageForAll: boolean;
  /** What follows the address to open. */
  readonly query: string;
  /** Asked with every request, whose origin has been judged before. */
  admit(request: Request): Promise<Admission>;
}

export function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

export function answered(response: Response): Admission {
  return { kind: "answer", response };
}

/** The value of a cookie. */
export function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}

/** The token of an Authorization header. */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

/** A cookie that scripts cannot read and other sites cannot make the browser send. `seconds`: 0 takes it away. */
export function cookie(request: Request, name: string, value: string, seconds?: number): string {
  const isTls = request.url.startsWith("https:") || request.headers.get("x-forwarded-proto") === "https";
  const age = seconds === undefined ? "" : `; Max-Age=${seconds}`;
  return `${name}=${value}; HttpOnly; SameSite=Strict; Path=/${age}${isTls ? "; Secure" : ""}`;
}
