import type { ApiRequest } from "../../src/kube/transport.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { Controllers, orphan } from "./controllers.ts";
import { discover } from "./discovery.ts";
import { badRequest, type Failure, notFound, statusObject, unsupportedMediaType } from "./failure.ts";
import { Authenticator, type User } from "./identity.ts";
import { child, isJson, type Json, text } from "./json.ts";
import { CRD_KIND, table } from "./kinds.ts";
import { JSON_PATCH, patch } from "./patch.ts";
import { askPolicies, hasPolicies } from "./policies.ts";
import { accessOf, isAllowed, refuse } from "./rbac.ts";
import { listJson, selection, show } from "./read.ts";
import { customKinds } from "./registry.ts";
import { isReview, review } from "./reviews.ts";
import { keyOf } from "./store.ts";
import { findTarget, readPath, type Target } from "./target.ts";
import { openWatch, type Watch } from "./watch.ts";
import { type Attempt, askWebhooks, hasWebhooks, matchingWebhooks } from "./webhooks.ts";
import { create, type Outcome, remove, update, type Written } from "./write.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

export type Reply = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly watch?: Watch;
};

/** Bytes of a request's body. */
const BODY_LIMIT = 3 * 1024 * 1024;

export type ServerOptions = ClusterOptions & {
  /** Users by bearer token. Authentication is on where it is given, if only as `{}`; else all are the administrator. */
  readonly tokens?: { readonly [token: string]: User };
  /** Whether Roles and their bindings are enforced; needs authentication. */
  readonly rbac?: boolean;
};

/** The API server without a wire: one request in, one reply out, at once. Both fronts call it. */
export class ApiServer {
  readonly cluster: Cluster;
  readonly authenticator: Authenticator;
  readonly #rbac: boolean;

  constructor(options: ServerOptions) {
    this.cluster = new Cluster(options);
    this.authenticator = new Authenticator(options.tokens);
    this.#rbac = options.rbac ?? false;
    if (options.controllers === false) return;
    const controllers = new Controllers(this.cluster);
    this.cluster.store.listen(table(CRD_KIND), ({ type, object }) => {
      if (type !== "DELETED") for (const kind of customKinds(object)) controllers.watch(kind);
    });
  }

  /** `certificate`: the user of the client certificate of the connection. */
  handle(request: ApiRequest, certificate?: User): Reply {
    const [path = "", search = ""] = request.path.split("?", 2);
    const query = new URLSearchParams(search);
    const user = this.authenticator.identify(request.headers, certificate);
    if (!user || (user.name === "system:anonymous" && !this.#rbac && !isHealth(path))) return UNAUTHORIZED;
    const body = readBody(request);
    if (!body.ok) return failed(body.error);
    if (isReview(path) && request.method === "POST") {
      const { cluster, authenticator } = this;
      const told = review(path, body.value, { cluster, authenticator, rbac: this.#rbac, user });
      return told.ok ? json(201, JSON.stringify(told.value)) : failed(told.error);
    }
    const info = readPath(path);
    const target = findTarget(this.cluster.registry, info);
    if (this.#rbac && info) {
      const access = accessOf(info, target ? (verbOf(request.method, target, query) ?? "get") : "get", query);
      if (!isAllowed(this.cluster, user, access))
        return failed(refuse(user, access, access.namespace !== ""));
    }
    if (!target) return discover(this.cluster.registry, path) ?? plain(404, "404 page not found\n");
    const result = this.#carryOut(target, request, query, body.value, user);
    return result.ok ? result.value : failed(result.error);
  }

  /** The same, after the validating webhooks that match have agreed; a promise only where there are any. */
  respond(request: ApiRequest, certificate?: User): Reply | Promise<Reply> {
    const attempt = request.method === "GET" ? undefined : this.#attempt(request, certificate);
    const webhooks = attempt ? matchingWebhooks(this.cluster, attempt) : [];
    if (!attempt || webhooks.length === 0) return this.handle(request, certificate);
    return askWebhooks(this.cluster, webhooks, attempt).then(({ failure, warnings }) =>
      failure ? failed(failure) : withWarnings(this.handle(request, certificate), warnings),
    );
  }

  /** What the request would write; undefined where no webhook is configured, or where it would fail anyway. */
  #attempt(request: ApiRequest, certificate?: User): Attempt | undefined {
    if (!hasWebhooks(this.cluster)) return undefined;
    const [path = "", search = ""] = request.path.split("?", 2);
    const query = new URLSearchParams(search);
    const target = findTarget(this.cluster.registry, readPath(path));
    const verb = target && verbOf(request.method, target, query);
    const user = this.authenticator.identify(request.headers, certificate);
    if (!target || !verb || verb === "deletecollection" || !user) return undefined;
    const rehearsal = `${path}?${search === "" ? "" : `${search}&`}dryRun=All`;
    if (this.handle({ ...request, path: rehearsal }, certificate).status >= 400) return undefined;
    const body = readBody(request);
    const outcome = this.#write(target, verb, request, query, body.ok ? body.value : undefined, true);
    if (!outcome.ok) return undefined;
    return attemptOf(target, verb, outcome.value, user, query.get("dryRun") === "All");
  }

  #carryOut(
    target: Target,
    request: ApiRequest,
    query: URLSearchParams,
    body: unknown,
    user: User,
  ): Result<Reply, Failure> {
    const verb = verbOf(request.method, target, query);
    const metadataOnly = wantsMetadata(request.headers);
    if (!verb)
      return err({
        code: 405,
        reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource",
      });
    if (verb === "get") return this.#get(target, metadataOnly);
    if (verb === "list" || verb === "watch") return this.#read(target, query, verb, metadataOnly);
    const dryRun = query.get("dryRun") === "All";
    if (verb === "deletecollection") return this.#deleteAll(target, query, body, dryRun);
    const told = this.#judge(target, verb, request, query, body, user);
    if (!told.ok) return told;
    const outcome = this.#write(target, verb, request, query, body, dryRun);
    const reply = verb === "delete" ? answerDelete(target, outcome) : answer(target, outcome, metadataOnly);
    return reply.ok ? ok(withWarnings(reply.value, told.value)) : reply;
  }

  /** What policies say of a write, which is rehearsed for them; their warnings. Costs nothing where there are none. */
  #judge(
    target: Target,
    verb: Verb,
    request: ApiRequest,
    query: URLSearchParams,
    body: unknown,
    user: User,
  ): Result<readonly string[], Failure> {
    if (!hasPolicies(this.cluster)) return ok([]);
    const rehearsal = this.#write(target, verb, request, query, body, true);
    if (!rehearsal.ok) return rehearsal;
    const dryRun = query.get("dryRun") === "All";
    const { failure, warnings } = askPolicies(
      this.cluster,
      attemptOf(target, verb, rehearsal.value, user, dryRun),
    );
    return failure ? err(failure) : ok(warnings);
  }

  #write(
    target: Target,
    verb: Verb,
    request: ApiRequest,
    query: URLSearchParams,
    body: unknown,
    dryRun: boolean,
  ): Outcome {
    if (verb === "delete") return this.#delete(target, isJson(body) ? body : {}, query, dryRun);
    if (verb === "patch") {
      const type = (request.headers["content-type"] ?? "").split(";", 1)[0] ?? "";
      return patch(this.cluster, target, type, body, query, dryRun);
    }
    if (!isJson(body)) return err(badRequest("the body is no object"));
    return (verb === "create" ? create : update)(this.cluster, target, body, dryRun);
  }

  #get(target: Target, metadataOnly: boolean): Result<Reply, Failure> {
    const { kind, namespace, name = "" } = target;
    const object = this.cluster.store.get(table(kind), keyOf(namespace, name));
    return object ? ok(json(200, show(target, object, metadataOnly))) : err(notFound(kind, name));
  }

  #read(
    target: Target,
    query: URLSearchParams,
    verb: "list" | "watch",
    metadataOnly: boolean,
  ): Result<Reply, Failure> {
    const wanted = selection(target, query, metadataOnly);
    if (!wanted.ok) return wanted;
    if (verb === "list") {
      const page = listJson(this.cluster, target, query, wanted.value);
      return page.ok ? ok(json(200, page.value)) : page;
    }
    const opened = openWatch(this.cluster, target, query, wanted.value);
    return opened.ok ? ok({ ...json(200, ""), watch: opened.value }) : opened;
  }

  /** Options in the query count where the body has none. */
  #delete(target: Target, body: Json, query: URLSearchParams, dryRun: boolean): Outcome {
    const grace = query.get("gracePeriodSeconds");
    const options = { ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }), ...body };
    const outcome = remove(this.cluster, target, options, dryRun);
    const propagation = text(body, "propagationPolicy") ?? query.get("propagationPolicy");
    if (outcome.ok && propagation === "Orphan" && !dryRun) orphan(this.cluster, outcome.value.object);
    return outcome;
  }

  #deleteAll(target: Target, query: URLSearchParams, body: unknown, dryRun: boolean): Result<Reply, Failure> {
    const wanted = selection(target, query, false);
    if (!wanted.ok) return wanted;
    const { kind, namespace } = target;
    const all = this.cluster.store.list(table(kind), namespace === undefined ? "" : `${namespace}/`);
    for (const { object } of all) {
      if (wanted.value.matches && !wanted.value.matches(object)) continue;
      const name = text(child(object, "metadata"), "name") ?? "";
      remove(this.cluster, { ...target, name }, isJson(body) ? body : {}, dryRun);
    }
    return ok(
      json(200, JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" })),
    );
  }
}

function attemptOf(
  target: Target,
  verb: Verb,
  { object, previous }: Written,
  user: User,
  dryRun: boolean,
): Attempt {
  const operation = verb === "delete" ? "DELETE" : previous ? "UPDATE" : "CREATE";
  return {
    operation,
    target,
    name: text(child(object, "metadata"), "name") ?? "",
    ...(operation === "DELETE" ? {} : { object }),
    ...(previous ? { oldObject: previous } : {}),
    user,
    dryRun,
  };
}

/** The verb as RBAC names it; undefined where the method does not go with the target. */
export function verbOf(
  method: ApiRequest["method"],
  target: Target,
  query: URLSearchParams,
): Verb | undefined {
  const named = target.name !== undefined;
  switch (method) {
    case "GET":
      if (named) return "get";
      return ["true", "1"].includes(query.get("watch") ?? "") ? "watch" : "list";
    case "POST":
      return named || (target.kind.namespaced && target.namespace === undefined) ? undefined : "create";
    case "PUT":
      return named ? "update" : undefined;
    case "PATCH":
      return named ? "patch" : undefined;
    case "DELETE":
      return named ? "delete" : "deletecollection";
  }
}

function readBody(request: ApiRequest): Result<unknown, Failure> {
  if (request.body === undefined || request.body === "") return ok(undefined);
  if (Buffer.byteLength(request.body) > BODY_LIMIT) {
    const message = `Request entity too large: limit is ${BODY_LIMIT}`;
    return err({ code: 413, reason: "RequestEntityTooLarge", message });
  }
  const type = request.headers["content-type"] ?? "";
  if (/protobuf|cbor/.test(type))
    return err(unsupportedMediaType(type, ["application/json", "application/yaml"]));
  try {
    const body: unknown = JSON.parse(request.body);
    return ok(type === JSON_PATCH ? testingTexts(body, request.body) : body);
  } catch (problem) {
    if (type.includes("yaml")) return readYaml(request.body);
    return err(badRequest(`error decoding the body: ${String(problem)}`));
  }
}

/** What Go's JSON has as escapes equals nothing in a `test` that has it as it is: the server compares texts. */
function testingTexts(patch: unknown, text: string): unknown {
  const marked = text.replaceAll(/[&<>\u2028\u2029]/g, "\uffff");
  if (!Array.isArray(patch) || marked === text) return patch;
  const unequal: unknown[] = JSON.parse(marked);
  return patch.map((operation, index) => (operation?.op === "test" ? unequal[index] : operation));
}

function readYaml(body: string): Result<unknown, Failure> {
  try {
    return ok(Bun.YAML.parse(body));
  } catch (problem) {
    return err(badRequest(`error decoding YAML: ${String(problem)}`));
  }
}

/** The first media type that the client accepts and the server has decides; tables are not had. */
function wantsMetadata(headers: ApiRequest["headers"]): boolean {
  for (const type of (headers.accept ?? "").split(",")) {
    if (/as=PartialObjectMetadata(List)?\b/.test(type)) return true;
    if (/^\s*application\/json\s*(;|$)/.test(type) && !type.includes("as=")) return false;
  }
  return false;
}

function answer(target: Target, outcome: Outcome, metadataOnly: boolean): Result<Reply, Failure> {
  if (!outcome.ok) return outcome;
  const { status, object, warnings } = outcome.value;
  return ok(withWarnings(json(status, show(target, object, metadataOnly)), warnings));
}

function withWarnings(reply: Reply, warnings: readonly string[]): Reply {
  if (warnings.length === 0) return reply;
  const told = warnings.map((warning) => `299 - ${JSON.stringify(warning)}`);
  const before = reply.headers.warning === undefined ? [] : [reply.headers.warning];
  return { ...reply, headers: { ...reply.headers, warning: [...before, ...told].join(", ") } };
}

/** Gone: a Status that names what is gone. Still there, with a deletionTimestamp: the object. Pods: always the object. */
function answerDelete(target: Target, outcome: Outcome): Result<Reply, Failure> {
  if (!outcome.ok) return outcome;
  const { object } = outcome.value;
  const metadata = child(object, "metadata");
  const { kind } = target;
  if (kind.plural === "pods" || metadata.deletionTimestamp !== undefined)
    return answer(target, outcome, false);
  const status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: metadata.name,
      ...(kind.group === "" ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: metadata.uid,
    },
  };
  return ok(json(200, JSON.stringify(status)));
}

function isHealth(path: string): boolean {
  return /^\/(healthz|livez|readyz|version)(\/|$)/.test(path);
}

export function failed(failure: Failure): Reply {
  const reply = json(failure.code, JSON.stringify(statusObject(failure)));
  if (failure.retryAfter === undefined) return reply;
  return { ...reply, headers: { ...reply.headers, "retry-after": String(failure.retryAfter) } };
}

export function json(status: number, body: string): Reply {
  return { status, headers: { "content-type": "application/json" }, body };
}

export function plain(status: number, body: string): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body };
}

const UNAUTHORIZED = failed({ code: 401, reason: "Unauthorized", message: "Unauthorized" });
