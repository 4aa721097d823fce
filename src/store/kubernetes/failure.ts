import type { ApiError } from "../../kube/api.ts";
import type { KubeconfigError } from "../../kube/endpoint.ts";
import type { StoreError } from "../store.ts";

type Kind = Pick<StoreError, "code" | "retry">;

/** A fault of the API server as a fault of the store: what is wrong, whether it passes, and who can do something. */
export function storeError(store: string, error: ApiError): StoreError {
  const { message } = error;
  const hint = error.code === "too_large" ? TOO_LARGE : error.hint;
  return { ...KINDS[error.code], store, message, hint };
}

export function kubeconfigError({ path, message, hint }: KubeconfigError): StoreError {
  const code = "store_misconfigured";
  return { code, retry: "permanent", store: `kubernetes ${path}`, message, hint };
}

const TOO_LARGE =
  "one pool object holds about 10,000 addresses; set node_slice_size, which gives each node a pool of its own, or split the range";

const AWAY: Kind = { code: "store_unavailable", retry: "transient" };
const BUG: Kind = { code: "store_bug", retry: "bug" };

const KINDS: Record<ApiError["code"], Kind> = {
  unreachable: AWAY,
  timeout: AWAY,
  server_error: AWAY,
  too_many_requests: { code: "store_busy", retry: "transient" },
  conflict: { code: "store_busy", retry: "transient" },
  already_exists: { code: "store_busy", retry: "transient" },
  expired: { code: "store_busy", retry: "transient" },
  tls: { code: "store_untrusted", retry: "permanent" },
  unauthorized: { code: "store_unauthorized", retry: "permanent" },
  forbidden: { code: "store_forbidden", retry: "permanent" },
  kind_missing: { code: "store_not_installed", retry: "permanent" },
  not_found: { code: "store_not_installed", retry: "permanent" },
  too_large: { code: "store_full", retry: "permanent" },
  invalid: { code: "store_conflict", retry: "permanent" },
  bad_request: BUG,
};
