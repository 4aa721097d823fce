import { isObject } from "../cni/json.ts";
import type { ApiError, KubeObject, ObjectName, Resource } from "./api.ts";
import type { ApiRequest, ApiResponse, TransportError } from "./transport.ts";

/** What was asked, for the texts of errors. */
export type Subject = {
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";
  readonly resource: Resource<KubeObject>;
  readonly name?: ObjectName;
  /** Of a list or watch; absent: all namespaces. */
  readonly namespace?: string;
  readonly patch?: "json" | "merge" | "apply";
};

/** The Status object of an answer, read with care: proxies answer with pages of their own. */
type Status = {
  readonly reason: string;
  readonly message: string;
  readonly details: { readonly [key: string]: unknown };
};

export function isRead({ verb }: Subject): boolean {
  return verb === "get" || verb === "list" || verb === "watch";
}

/** An answer that is not a success as an error. `server` is for the texts. */
export function errorOfAnswer(answer: ApiResponse, subject: Subject, server: string): ApiError {
  const status = readStatus(answer.body);
  return errorOfStatus(answer.status, status, subject, server, retryAfterOf(answer, status));
}

/** The ERROR event of a watch: the object is a Status. */
export function errorOfEvent(object: unknown, subject: Subject, server: string): ApiError {
  const code = isObject(object) && typeof object.code === "number" ? object.code : 500;
  return errorOfStatus(code, statusOf(object), subject, server, undefined);
}

export function errorOfTransport(error: TransportError, subject: Subject, server: string): ApiError {
  const maybeDone = error.sent && !isRead(subject);
  const base = { maybeDone, message: error.message };
  switch (error.code) {
    case "tls":
      return {
        ...base,
        code: "tls",
        retry: "permanent",
        hint: "check certificate-authority(-data), client-certificate(-data) and tls-server-name in the kubeconfig against the server's certificate",
      };
    case "timeout":
      return {
        ...base,
        code: "timeout",
        retry: "transient",
        hint: `check that ${server} is up and not overloaded`,
      };
    case "aborted":
      return { ...base, code: "timeout", retry: "transient", hint: "the caller no longer waited" };
    case "too_large":
      return { ...base, code: "too_large", retry: "permanent", hint: "ask for fewer objects at once" };
    case "credentials":
      return {
        ...base,
        code: "unauthorized",
        retry: "permanent",
        hint: "check the credentials of the kubeconfig",
      };
    case "unreachable":
      return {
        ...base,
        code: "unreachable",
        retry: "transient",
        hint: `check the network to ${server} and that the API server runs there`,
      };
  }
}

/** A success whose body is not what was asked for: a proxy or a wrong address. */
export function notAnObject(subject: Subject, server: string, status: number, request: ApiRequest): ApiError {
  return {
    code: "server_error",
    retry: "permanent",
    maybeDone: !isRead(subject),
    status,
    message: `${server} answered ${request.method} ${request.path} with something that is no Kubernetes object`,
    hint: "check that the server of the kubeconfig is the API server itself",
  };
}

function errorOfStatus(
  code: number,
  status: Status | undefined,
  subject: Subject,
  server: string,
  retryAfter: number | undefined,
): ApiError {
  const known = classify(code, status, subject, server);
  const causes = causesOf(status);
  return {
    maybeDone: false,
    status: code,
    ...(status && status.reason !== "" && { reason: status.reason }),
    message: status?.message || `${what(subject)}: the server answered ${code}`,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(causes.length > 0 && { causes }),
    ...known,
  };
}

type Known = Pick<ApiError, "code" | "retry" | "hint"> & {
  readonly maybeDone?: boolean;
  readonly message?: string;
};

function classify(code: number, status: Status | undefined, subject: Subject, server: string): Known {
  const message = status?.message ?? "";
  if ((code === 403 || code === 422) && isDenied(message)) return DENIED;
  switch (code) {
    case 400:
      return {
        code: "bad_request",
        retry: "bug",
        hint: `the server could not read the request (${what(subject)})`,
      };
    case 401:
      return {
        code: "unauthorized",
        retry: "permanent",
        message: `${server} does not accept the credentials: ${message || "Unauthorized"}`,
        hint: "the token or client certificate may have expired or belong to another cluster; renew the kubeconfig",
      };
    case 403:
      return { code: "forbidden", retry: "permanent", hint: forbiddenHint(status, subject) };
    case 404:
      return missing(status, subject);
    case 405:
    case 406:
    case 415:
      return {
        code: "bad_request",
        retry: "bug",
        hint: `the server does not support this (${what(subject)})`,
      };
    case 409:
      return status?.reason === "AlreadyExists"
        ? { code: "already_exists", retry: "conflict", hint: "read the object that has the name" }
        : {
            code: "conflict",
            retry: "conflict",
            hint: "the object has changed since it was read: read it again",
          };
    case 410:
      return { code: "expired", retry: "conflict", hint: "the version asked for is gone: list anew" };
    case 413:
      return TOO_LARGE;
    case 422:
      return invalid(status, subject);
    case 429:
      return {
        code: "too_many_requests",
        retry: "transient",
        hint: "the server is busy; see API priority and fairness if it stays so",
      };
  }
  if (/request is too large/.test(message)) return TOO_LARGE;
  if (code >= 300 && code < 400) {
    return {
      code: "server_error",
      retry: "permanent",
      hint: "the server redirects: name the API server itself in the kubeconfig",
    };
  }
  return {
    code: "server_error",
    retry: code >= 500 ? "transient" : "permanent",
    maybeDone: code >= 500 && !isRead(subject),
    hint: `see the log of the API server and of its etcd (${server})`,
  };
}

/** Admission of the cluster, by webhook or ValidatingAdmissionPolicy, says no to what is allowed and well-formed. */
function isDenied(message: string): boolean {
  return /^admission webhook "[^"]*" denied the request|: ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request:/.test(
    message,
  );
}

const DENIED: Known = {
  code: "forbidden",
  retry: "permanent",
  hint: "a policy or a webhook of the cluster refuses it, and says why",
};

const TOO_LARGE: Known = {
  code: "too_large",
  retry: "permanent",
  hint: "the object has reached the size limit of etcd (about 1.5 MiB)",
};

/** A 404 of an object names it in `details`; one of the whole path means that the server does not know the kind. */
function missing(status: Status | undefined, subject: Subject): Known {
  const { resource } = subject;
  const name = status?.details.name;
  if (typeof name === "string" && name !== "") {
    if (status?.details.kind === "namespaces" && resource.plural !== "namespaces") {
      return { code: "not_found", retry: "permanent", hint: `create the namespace ${name}, or name another` };
    }
    return { code: "not_found", retry: "conflict", hint: "it may have been deleted" };
  }
  const crd = `${resource.plural}.${resource.group}`;
  return {
    code: "kind_missing",
    retry: "permanent",
    message: `the server does not know ${resource.kind} (${resource.group || "core"}/${resource.version})`,
    hint: resource.group.includes(".")
      ? `install the CustomResourceDefinition ${crd}`
      : "check the version of the API server",
  };
}

function invalid(status: Status | undefined, subject: Subject): Known {
  // The server does not tell a JSON patch whose test failed from one that cannot be applied, and gives no cause for either.
  if (subject.patch === "json" && causesOf(status).length === 0) {
    return {
      code: "invalid",
      retry: "conflict",
      message: `${what(subject)}: the object is not as the patch expects it`,
      hint: "the object has changed since it was read: read it again",
    };
  }
  return { code: "invalid", retry: "bug", hint: "the object breaks a rule of its schema; see causes" };
}

function forbiddenHint(status: Status | undefined, subject: Subject): string {
  const { resource, verb } = subject;
  if (status !== undefined && / is being terminated/.test(status.message)) {
    return "the namespace is being deleted: use another or wait";
  }
  const namespace = subject.name ? subject.name.namespace : subject.namespace;
  const where =
    !resource.namespaced || namespace === undefined
      ? "for the whole cluster (ClusterRole and ClusterRoleBinding)"
      : `in the namespace ${namespace}`;
  return `grant the verb ${verb} on ${resource.plural} of the API group "${resource.group}" ${where}`;
}

/** "patch IPPool kube-system/10.0.0.0-24", for texts. */
export function what({ verb, resource, name, namespace }: Subject): string {
  const scope = name ? name.namespace : namespace;
  const object = name
    ? ` ${scope === undefined ? "" : `${scope}/`}${name.name}`
    : scope === undefined
      ? ""
      : ` in ${scope}`;
  return `${verb} ${resource.kind}${object}`;
}

function readStatus(body: string): Status | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    return statusOf(JSON.parse(body));
  } catch {
    return undefined; // the page of a proxy; the HTTP status says enough
  }
}

function statusOf(value: unknown): Status | undefined {
  if (!isObject(value) || value.kind !== "Status") return undefined;
  const text = (field: unknown) => (typeof field === "string" ? field : "");
  return {
    reason: text(value.reason),
    message: text(value.message),
    details: isObject(value.details) ? value.details : {},
  };
}

function causesOf(status: Status | undefined): { field: string; message: string }[] {
  const causes = status?.details.causes;
  if (!Array.isArray(causes)) return [];
  return causes
    .filter(isObject)
    .map(({ field, message }) => ({ field: String(field ?? ""), message: String(message ?? "") }));
}

function retryAfterOf(answer: ApiResponse, status: Status | undefined): number | undefined {
  const header = Number(answer.headers["retry-after"] ?? Number.NaN);
  if (header >= 0) return header * 1000;
  const seconds = status?.details.retryAfterSeconds;
  return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined;
}
