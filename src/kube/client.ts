import { type Clock, sleep } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import { err, ok } from "../result.ts";
import type {
  Answer,
  ApiError,
  CallOptions,
  DeleteOptions,
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectName,
  Page,
  Patch,
  Resource,
  WatchEvent,
  WatchOptions,
} from "./api.ts";
import { goJson } from "./go-json.ts";
import { apiVersionOf } from "./objects.ts";
import { Overtaking } from "./overtaking.ts";
import { collectionPath, deleteBody, listPath, objectPath, watchPath, withQuery } from "./paths.ts";
import { pauseBefore, TIMEOUT } from "./retry.ts";
import {
  errorOfAnswer,
  errorOfEvent,
  errorOfTransport,
  isRead,
  notAnObject,
  type Subject,
  what,
} from "./status.ts";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

export type ClientOptions = {
  readonly namespace: string;
  /** Sent as User-Agent: who it was in the API server's log. */
  readonly userAgent?: string;
  /** Told each `Warning` header: a deprecated version, a field that the CRD prunes. */
  readonly onWarning?: (warning: string, request: { readonly method: string; readonly path: string }) => void;
};

const JSON_TYPE = "application/json";
const PATCH_TYPE: Record<Patch["type"], string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** `KubeClient` over any transport. */
export class Client implements KubeClient {
  readonly server: string;
  readonly namespace: string;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #options: ClientOptions;

  constructor(transport: Transport, clock: Clock, options: ClientOptions) {
    this.server = transport.server;
    this.namespace = options.namespace;
    this.#transport = transport;
    this.#clock = clock;
    this.#options = options;
  }

  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options: CallOptions = {}): Answer<T> {
    const request = this.#request("GET", objectPath(resource, name));
    return this.#object<T>(request, { verb: "get", resource, name }, options);
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Answer<Page<T>> {
    const accept = options.metadataOnly ? metadataType("PartialObjectMetadataList") : JSON_TYPE;
    const request = this.#request("GET", listPath(resource, options), { accept });
    const subject: Subject = { verb: "list", resource, ...scopeOf(options) };
    const answer = await this.#ask(request, subject, options);
    if (!answer.ok) return answer;
    const page = readPage<T>(answer.value.body, resource);
    return page ? ok(page) : err(notAnObject(subject, this.server, answer.value.status, request));
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Answer<T> {
    const path = collectionPath(resource, object.metadata.namespace);
    const request = this.#request("POST", path, { "content-type": JSON_TYPE }, JSON.stringify(object));
    return this.#object<T>(request, { verb: "create", resource, name: object.metadata }, options);
  }

  update<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Answer<T> {
    const path = objectPath(resource, object.metadata);
    const request = this.#request("PUT", path, { "content-type": JSON_TYPE }, JSON.stringify(object));
    return this.#object<T>(request, { verb: "update", resource, name: object.metadata }, options);
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: Patch,
    options: CallOptions & { readonly subresource?: "status" } = {},
  ): Answer<T> {
    const query = new URLSearchParams();
    if (patch.type === "apply") query.set("fieldManager", patch.fieldManager);
    if (patch.type === "apply" && patch.force === true) query.set("force", "true");
    const path = withQuery(objectPath(resource, name, options.subresource), query);
    const headers = { "content-type": PATCH_TYPE[patch.type] };
    const request = this.#request("PATCH", path, headers, goJson(patch.patch));
    return this.#object<T>(request, { verb: "patch", resource, name, patch: patch.type }, options);
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: DeleteOptions = {},
  ): Answer<void> {
    const body = deleteBody(options);
    const headers = body ? { "content-type": JSON_TYPE } : {};
    const request = this.#request(
      "DELETE",
      objectPath(resource, name),
      headers,
      body && JSON.stringify(body),
    );
    const answer = await this.#ask(request, { verb: "delete", resource, name }, options);
    return answer.ok ? ok(undefined) : answer;
  }

  async watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Answer<void> {
    const accept = options.metadataOnly ? metadataType("PartialObjectMetadata") : JSON_TYPE;
    const request = this.#request("GET", watchPath(resource, options), { accept });
    const subject: Subject = { verb: "watch", resource, ...scopeOf(options) };
    let broken: ApiError | undefined;
    const stop = new AbortController();
    const onLine = (line: string) => {
      if (broken) return;
      const event = readEvent<T>(line, resource);
      if (event && "type" in event) return onEvent(event);
      broken = event
        ? errorOfEvent(event.error, subject, this.server)
        : notAnObject(subject, this.server, 200, request);
      stop.abort();
    };
    const lines = new Overtaking(this.#clock, onLine);
    const signal = AbortSignal.any([options.signal, stop.signal]);
    const ended = await this.#transport.stream(request, (line) => lines.push(line), signal);
    if (options.signal.aborted) lines.drop();
    else lines.flush();
    if (broken) return err(broken);
    if (!ended.ok) return err(errorOfTransport(ended.error, subject, this.server));
    return ended.value ? err(errorOfAnswer(ended.value, subject, this.server)) : ok(undefined);
  }

  close(): void {
    this.#transport.close();
  }

  #request(
    method: ApiRequest["method"],
    path: string,
    headers: { readonly [name: string]: string } = {},
    body?: string,
  ): ApiRequest {
    const agent = this.#options.userAgent ?? "berth";
    const all = { accept: JSON_TYPE, "user-agent": agent, ...headers };
    return { method, path, headers: all, ...(body !== undefined && { body }) };
  }

  async #object<T>(request: ApiRequest, subject: Subject, options: CallOptions): Answer<T> {
    const answer = await this.#ask(request, subject, options);
    if (!answer.ok) return answer;
    const object = parse(answer.value.body);
    if (isObject(object) && isObject(object.metadata)) return ok(object as T);
    return err(notAnObject(subject, this.server, answer.value.status, request));
  }

  /** Asks until it is answered, or until the caller's time is up. */
  async #ask(request: ApiRequest, subject: Subject, options: CallOptions): Answer<ApiResponse> {
    const timeout = options.timeout ?? TIMEOUT;
    const deadline = this.#clock.elapsed() + timeout;
    for (let attempt = 0; ; attempt++) {
      const left = Math.max(0, deadline - this.#clock.elapsed());
      // A connection that died without a word swallows the first request; a read can afford a second try.
      const patience = isRead(subject) && attempt === 0 ? left / 2 : left;
      const answer = await this.#askOnce(request, subject, patience, options.signal);
      if (answer.ok) return answer;
      const isDone = options.signal?.aborted === true || !isRepeatable(answer.error, subject);
      const pause = pauseBefore(attempt, answer.error, this.#clock);
      if (isDone || this.#clock.elapsed() + pause >= deadline)
        return err(ofWhole(answer.error, subject, timeout));
      await sleep(this.#clock, pause, options.signal);
    }
  }

  async #askOnce(
    request: ApiRequest,
    subject: Subject,
    patience: number,
    signal: AbortSignal | undefined,
  ): Answer<ApiResponse> {
    const answer = await this.#transport.request(request, patience, signal);
    if (!answer.ok) return err(errorOfTransport(answer.error, subject, this.server));
    this.#warn(answer.value, request);
    const isSuccess = answer.value.status >= 200 && answer.value.status < 300;
    return isSuccess ? ok(answer.value) : err(errorOfAnswer(answer.value, subject, this.server));
  }

  #warn({ headers }: ApiResponse, request: ApiRequest): void {
    const header = headers.warning;
    if (header === undefined || this.#options.onWarning === undefined) return;
    // RFC 9111 section 5.5: code, agent, quoted text; several are joined by commas.
    for (const [, text = ""] of header.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)) {
      this.#options.onWarning(text.replace(/\\(.)/g, "$1"), request);
    }
  }
}

/** A write whose fate is unknown is its caller's business; what certainly did not happen may be asked for again. */
function isRepeatable(error: ApiError, subject: Subject): boolean {
  return error.retry === "transient" && (isRead(subject) || !error.maybeDone);
}

/** A time-out of one attempt says how long the whole took. */
function ofWhole(error: ApiError, subject: Subject, timeout: number): ApiError {
  return error.code === "timeout"
    ? { ...error, message: `${what(subject)}: no answer within ${Math.round(timeout)} ms` }
    : error;
}

function scopeOf({ namespace }: { readonly namespace?: string }): { readonly namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function metadataType(kind: string): string {
  return `${JSON_TYPE};as=${kind};v=v1;g=meta.k8s.io`;
}

/** Items of a list carry no kind of their own: it is put back. */
function readPage<T extends KubeObject>(body: string, resource: Resource<T>): Page<T> | undefined {
  const list = parse(body);
  if (!isObject(list) || !isObject(list.metadata)) return undefined;
  const items: unknown[] = Array.isArray(list.items) ? list.items : [];
  const { resourceVersion, continue: more } = list.metadata;
  return {
    items: items.map((item) => typed<T>(item, resource)),
    resourceVersion: typeof resourceVersion === "string" ? resourceVersion : "",
    ...(typeof more === "string" && more !== "" && { continue: more }),
  };
}

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

function readEvent<T extends KubeObject>(
  line: string,
  resource: Resource<T>,
): WatchEvent<T> | { readonly error: unknown } | undefined {
  const event = parse(line);
  if (!isObject(event) || !isObject(event.object)) return undefined;
  const { type, object } = event;
  if (type === "ERROR") return { error: object };
  if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") {
    return { type, object: typed<T>(object, resource) };
  }
  if (type !== "BOOKMARK" || !isObject(object.metadata)) return undefined;
  const { resourceVersion, annotations } = object.metadata;
  if (typeof resourceVersion !== "string") return undefined;
  const initialEventsEnd = isObject(annotations) && annotations[INITIAL_EVENTS_END] === "true";
  return { type, resourceVersion, initialEventsEnd };
}

/** PartialObjectMetadata too gets the kind that it is about. */
function typed<T extends KubeObject>(item: unknown, resource: Resource<T>): T {
  return { ...(item as T), apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says what it wanted instead
  }
}
