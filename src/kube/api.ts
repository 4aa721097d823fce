import type { Result } from "../result.ts";

/** What every Kubernetes object carries (API conventions, "Metadata"); only the fields that Berth reads or writes. */
export type ObjectMeta = {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
};

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
};

/** A kind of object and where the API server has it. `T` is its shape; group "" is the core group. */
export type Resource<T extends KubeObject> = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries the type only; never set. */
  readonly shape?: T;
};

/** Which object; `namespace` is left out for cluster-scoped kinds. */
export type ObjectName = { readonly name: string; readonly namespace?: string };

/**
 * Why a request failed. `transient`: goes away by itself, try again after `retryAfter`; `conflict`: read again and decide
 * anew; `permanent`: a person has to act; `bug`: we sent nonsense.
 */
export type ApiError = {
  readonly code:
    | "unreachable"
    | "timeout"
    | "tls"
    | "unauthorized"
    | "forbidden"
    | "not_found"
    | "kind_missing"
    | "already_exists"
    | "conflict"
    | "invalid"
    | "expired"
    | "too_many_requests"
    | "too_large"
    | "bad_request"
    | "server_error";
  readonly retry: "transient" | "conflict" | "permanent" | "bug";
  /** Whether the server may have carried the request out although no answer came: read again before repeating it. */
  readonly maybeDone: boolean;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** `reason` of the Status object. */
  readonly reason?: string;
  readonly message: string;
  /** What an administrator can do. */
  readonly hint: string;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number;
  /** `details.causes` of a Status with reason Invalid. */
  readonly causes?: readonly { readonly field: string; readonly message: string }[];
};

export type Answer<T> = Promise<Result<T, ApiError>>;

export type CallOptions = {
  /** Milliseconds until the caller no longer waits; the client's default is 10,000. Retries stay inside it. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
};

export type ListOptions = CallOptions & {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects a page. */
  readonly limit?: number;
  readonly continue?: string;
  /** "0": whatever the server has in its cache, which is cheap and may be old. */
  readonly resourceVersion?: string;
  /** Asks for PartialObjectMetadata only: spec and status stay away. */
  readonly metadataOnly?: boolean;
};

export type Page<T> = {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
};

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

export type WatchOptions = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
  /** Start after this version. */
  readonly resourceVersion?: string;
  readonly signal: AbortSignal;
  /** The server ends the stream after so many seconds. */
  readonly timeoutSeconds?: number;
};

/** RFC 6902. */
export type JsonPatch = readonly (
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
)[];

export type Patch =
  | { readonly type: "json"; readonly patch: JsonPatch }
  | { readonly type: "merge"; readonly patch: object }
  | {
      readonly type: "apply";
      readonly patch: object;
      readonly fieldManager: string;
      readonly force?: boolean;
    };

export type DeleteOptions = CallOptions & {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
};

/**
 * The API server as Berth uses it. Errors are data; nothing rejects. Reads, and writes that are safe to repeat, are
 * tried again inside the time-out after a transient failure; a write with `maybeDone` is not, its caller decides.
 */
export interface KubeClient {
  /** The address of the server, for messages. */
  readonly server: string;
  /** The namespace of the kubeconfig's context; kube-system where it names none (contract of whereabouts). */
  readonly namespace: string;
  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options?: CallOptions): Answer<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Answer<Page<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Answer<T>;
  /** PUT; the object's resourceVersion, where set, must still be current. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Answer<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: Patch,
    options?: CallOptions & { readonly subresource?: "status" },
  ): Answer<T>;
  delete<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options?: DeleteOptions,
  ): Answer<void>;
  /**
   * One watch request: calls `onEvent` for each event in order and resolves when the stream ends (ok) or breaks. Of a large
   * object that changes often, versions in between may be left out. A 410 inside the stream comes back as `expired`.
   * Reconnecting is the watch cache's work.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Answer<void>;
  close(): void;
}
