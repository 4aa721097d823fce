import type {
  AddressAnswer,
  ClaimPage,
  MapAnswer,
  Overview,
  Refusal,
  StepAnswer,
  StepRequest,
} from "../api.ts";

/** What the server said, or why it said nothing. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string; readonly status?: number };

async function ask<T>(path: string, init?: RequestInit): Promise<Answer<T>> {
  try {
    const response = await fetch(path, init);
    const body: unknown = await response.json();
    if (response.ok) return { ok: true, value: body as T };
    return { ok: false, error: (body as Refusal).error, status: response.status };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** What no form of another page can send. */
const OURS = { "content-type": "application/json", "x-berth": "1" };

const query = (parts: { readonly [key: string]: string | undefined }) => {
  const given = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined);
  return new URLSearchParams(given).toString();
};

export const overview = () => ask<Overview>("/api/overview");
export const map = (pool: string, block?: string) => ask<MapAnswer>(`/api/map?${query({ pool, block })}`);
export const claims = (pool: string, block: string, offset: number) =>
  ask<ClaimPage>(`/api/claims?${query({ pool, block, offset: String(offset) })}`);
export const search = (q: string, offset: number) =>
  ask<ClaimPage>(`/api/search?${query({ q, offset: String(offset) })}`);
export const address = (text: string) => ask<AddressAnswer>(`/api/address?${query({ address: text })}`);

export const steer = (verb: "reserve" | "release", request: StepRequest) =>
  ask<StepAnswer>(`/api/${verb}`, { method: "POST", headers: OURS, body: JSON.stringify(request) });
export const signIn = (token: string) =>
  ask<object>("/api/session", { method: "POST", headers: OURS, body: JSON.stringify({ token }) });
export const signOut = () => ask<object>("/api/session", { method: "DELETE", headers: OURS });

/**
 * Calls `changed` after each change, and `state` when the stream comes and goes; the answer ends that. The browser reconnects by
 * itself, unless the server refuses.
 */
export function follow(changed: () => void, state: (connected: boolean) => void): () => void {
  const events = new EventSource("/api/events");
  let seen: string | undefined;
  events.onopen = () => state(true);
  events.onerror = () => state(false);
  events.onmessage = ({ data }) => {
    if (seen !== undefined && data !== seen) changed();
    seen = String(data);
  };
  return () => events.close();
}
