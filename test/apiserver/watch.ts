import type { Timer } from "../../src/clock.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { Cluster } from "./cluster.ts";
import { badRequest, expired, type Failure, statusObject } from "./failure.ts";
import { child, type Json } from "./json.ts";
import { apiVersion, table } from "./kinds.ts";
import { type Selection, show } from "./read.ts";
import type { Change } from "./store.ts";
import type { Target } from "./target.ts";

/** An open watch: `start` sends what there is and then what comes, line by line, until `end` is called or calls. */
export type Watch = {
  start(send: (line: string) => void, end: () => void): void;
  stop(): void;
};

const BOOKMARK_EVERY = 60_000;
/** Milliseconds; a real server draws from half an hour to an hour. */
const LONGEST = 1_800_000;

/** Opens a watch. A version that is no longer known gets its 410 as the only event of a stream with status 200. */
export function openWatch(
  cluster: Cluster,
  target: Target,
  query: URLSearchParams,
  wanted: Selection,
): Result<Watch, Failure> {
  const asked = query.get("resourceVersion") ?? "";
  if (asked !== "" && !/^\d+$/.test(asked))
    return err(badRequest(`invalid resource version ${JSON.stringify(asked)}`));
  const initial = query.get("sendInitialEvents");
  if (initial !== null && query.get("resourceVersionMatch") !== "NotOlderThan") {
    return err({
      code: 422,
      reason: "Invalid",
      message:
        "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    });
  }
  const bookmarks = ["true", "1"].includes(query.get("allowWatchBookmarks") ?? "");
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  const life = seconds > 0 ? seconds * 1000 : LONGEST;
  return ok(new OpenWatch(cluster, target, wanted, { asked, initial: initial === "true", bookmarks, life }));
}

type Wishes = {
  readonly asked: string;
  readonly initial: boolean;
  readonly bookmarks: boolean;
  readonly life: number;
};

class OpenWatch implements Watch {
  readonly #cluster: Cluster;
  readonly #target: Target;
  readonly #wanted: Selection;
  readonly #wishes: Wishes;
  #life: Timer | undefined;
  #nextBookmark: Timer | undefined;
  #unlisten: (() => void) | undefined;
  #send: (line: string) => void = () => undefined;

  constructor(cluster: Cluster, target: Target, wanted: Selection, wishes: Wishes) {
    this.#cluster = cluster;
    this.#target = target;
    this.#wanted = wanted;
    this.#wishes = wishes;
  }

  start(send: (line: string) => void, end: () => void): void {
    this.#send = send;
    const { store, clock } = this.#cluster;
    const { asked, initial, bookmarks, life } = this.#wishes;
    const name = table(this.#target.kind);
    const synthetic = initial || asked === "" || asked === "0";
    const missed = synthetic ? [] : store.since(name, Number(asked));
    if (!missed) {
      const status = statusObject(expired(`too old resource version: ${asked} (${store.revision})`));
      send(`{"type":"ERROR","object":${JSON.stringify(status)}}`);
      end();
      return;
    }
    if (synthetic) this.#sendAll();
    if (initial && bookmarks) this.#bookmark({ "k8s.io/initial-events-end": "true" });
    for (const change of missed) this.#tell(change);
    // A version of the future: silence until the store gets there.
    const after = synthetic ? 0 : Number(asked);
    const { key, matches } = this.#wanted;
    const heard = (change: Change) => {
      if (change.revision > after) this.#tell(change);
    };
    this.#unlisten = store.listen(name, heard, matches && { key, matches });
    if (bookmarks) this.#bookmarkLater();
    this.#life = clock.after(life, () => {
      if (bookmarks) this.#bookmark();
      this.stop();
      end();
    });
  }

  stop(): void {
    this.#unlisten?.();
    this.#life?.cancel();
    this.#nextBookmark?.cancel();
  }

  #sendAll(): void {
    const { namespace, kind } = this.#target;
    for (const { object } of this.#cluster.store.list(
      table(kind),
      namespace === undefined ? "" : `${namespace}/`,
    )) {
      if (!this.#wanted.matches || this.#wanted.matches(object)) this.#event("ADDED", object);
    }
  }

  /** An object that enters or leaves the selection is told as added or deleted. */
  #tell({ type, object, previous, revision }: Change): void {
    const { namespace } = this.#target;
    const { matches } = this.#wanted;
    const metadata = object.metadata as { namespace?: string };
    if (namespace !== undefined && metadata.namespace !== namespace) return;
    if (!matches) {
      this.#event(type, object);
      return;
    }
    const was = type !== "ADDED" && previous !== undefined && matches(previous);
    const is = type !== "DELETED" && matches(object);
    if (was && is) this.#event("MODIFIED", object);
    else if (is) this.#event("ADDED", object);
    else if (was) this.#event("DELETED", type === "DELETED" ? object : inRevision(previous, revision));
  }

  #event(type: string, object: Change["object"]): void {
    this.#send(`{"type":"${type}","object":${show(this.#target, object, this.#wanted.metadataOnly)}}`);
  }

  #bookmarkLater(): void {
    this.#nextBookmark = this.#cluster.clock.after(BOOKMARK_EVERY, () => {
      this.#bookmark();
      this.#bookmarkLater();
    });
  }

  #bookmark(annotations?: { readonly [key: string]: string }): void {
    const { kind } = this.#target;
    const head = this.#wanted.metadataOnly
      ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" }
      : { kind: kind.kind, apiVersion: apiVersion(kind) };
    const metadata = {
      resourceVersion: String(this.#cluster.store.revision),
      creationTimestamp: null,
      ...(annotations ? { annotations } : {}),
    };
    this.#send(`{"type":"BOOKMARK","object":${JSON.stringify({ ...head, metadata })}}`);
  }
}

/** What was selected and is no more: as it last was, under the revision in which it left. */
function inRevision(object: Json, revision: number): Json {
  return { ...object, metadata: { ...child(object, "metadata"), resourceVersion: String(revision) } };
}
