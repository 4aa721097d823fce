/** Why a request is refused, as the Status object of the answer tells it (API conventions, "Response Status Kind"). */
export type Failure = {
  readonly code: number;
  readonly reason?: string;
  readonly message: string;
  readonly details?: { readonly [key: string]: unknown };
  /** Seconds, for the header of the same name. */
  readonly retryAfter?: number;
};

export type Cause = { readonly reason: string; readonly field: string; readonly message: string };

/** What messages name: the resource (`ippools`), its group and, for Invalid, its kind. */
export type Named = { readonly group: string; readonly plural: string; readonly kind: string };

export function resourceName(of: Named): string {
  return of.group === "" ? of.plural : `${of.plural}.${of.group}`;
}

export function statusObject(failure: Failure): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: failure.message,
    ...(failure.reason === undefined ? {} : { reason: failure.reason }),
    ...(failure.details === undefined ? {} : { details: failure.details }),
    code: failure.code,
  };
}

function about(of: Named, name: string) {
  return { name, ...(of.group === "" ? {} : { group: of.group }), kind: of.plural };
}

export function notFound(of: Named, name: string): Failure {
  const message = `${resourceName(of)} "${name}" not found`;
  return { code: 404, reason: "NotFound", message, details: about(of, name) };
}

export function alreadyExists(of: Named, name: string): Failure {
  const message = `${resourceName(of)} "${name}" already exists`;
  return { code: 409, reason: "AlreadyExists", message, details: about(of, name) };
}

export function conflict(of: Named, name: string, why: string): Failure {
  const message = `Operation cannot be fulfilled on ${resourceName(of)} "${name}": ${why}`;
  return { code: 409, reason: "Conflict", message, details: about(of, name) };
}

export const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

export function forbidden(of: Named, name: string, why: string): Failure {
  const message = `${resourceName(of)}${name === "" ? "" : ` "${name}"`} is forbidden: ${why}`;
  return { code: 403, reason: "Forbidden", message, details: about(of, name) };
}

export function badRequest(message: string): Failure {
  return { code: 400, reason: "BadRequest", message };
}

export function invalid(of: Named, name: string, causes: readonly Cause[]): Failure {
  const told = causes.map(({ field, message }) => `${field}: ${message}`);
  const kind = of.group === "" ? of.kind : `${of.kind}.${of.group}`;
  return {
    code: 422,
    reason: "Invalid",
    message: `${kind} "${name}" is invalid: ${told.length === 1 ? told[0] : `[${told.join(", ")}]`}`,
    details: { name, ...(of.group === "" ? {} : { group: of.group }), kind: of.kind, causes },
  };
}

/** A JSON patch that does not fit the object: the server does not say which operation. */
export const UNPROCESSABLE: Failure = {
  code: 422,
  reason: "Invalid",
  message: "the server rejected our request due to an error in our request",
  details: {},
};

export function expired(message: string): Failure {
  return { code: 410, reason: "Expired", message };
}

export function unsupportedMediaType(got: string, supported: readonly string[]): Failure {
  const message = `the body of the request was in an unknown format - accepted media types include: ${supported.join(", ")}`;
  return {
    code: 415,
    reason: "UnsupportedMediaType",
    message: got === "" ? `${message} (none given)` : message,
  };
}

export const TOO_LARGE_FOR_ETCD: Failure = { code: 500, message: "etcdserver: request is too large" };
