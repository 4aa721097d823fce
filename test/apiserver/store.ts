import { child, type Json, text } from "./json.ts";

export type Change = {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Json;
  /** What the object was before; absent when it was created. */
  readonly previous?: Json;
};

export type Listener = (change: Change) => void;

/** What a listener wants to hear of: changes of objects that are or were selected. */
export type Wanted = { readonly key: string; readonly matches: (object: Json) => boolean };

type Audience = { readonly wanted: Wanted | undefined; readonly listeners: Set<Listener> };

type Table = {
  readonly objects: Map<string, Json>;
  sorted: string[] | undefined;
  history: Change[];
  /** Changes up to this revision are forgotten. */
  forgotten: number;
  /** By the key of what they want: a thousand that want the same cost one look at a change. */
  readonly audiences: Map<string, Audience>;
};

/**
 * What etcd and the watch cache are to a real server: objects by table and key under one revision for all, and the
 * latest changes of each table. Objects in here are never changed, only replaced.
 */
export class ObjectStore {
  readonly #tables = new Map<string, Table>();
  readonly #historyLimit: number;
  #revision = 1;

  /** `historyLimit`: so many changes of each table can be watched in retrospect. */
  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  get(table: string, key: string): Json | undefined {
    return this.#tables.get(table)?.objects.get(key);
  }

  /** Sorted by key, as etcd has them; those of one namespace where a prefix is given. */
  list(table: string, prefix = ""): { readonly key: string; readonly object: Json }[] {
    const found = this.#table(table);
    found.sorted ??= [...found.objects.keys()].sort();
    const all: { key: string; object: Json }[] = [];
    for (const key of found.sorted) {
      if (!key.startsWith(prefix)) continue;
      const object = found.objects.get(key);
      if (object) all.push({ key, object });
    }
    return all;
  }

  /** As it was at a revision, or at the oldest later one that can still be told, and which one that is. */
  listAt(
    table: string,
    prefix: string,
    revision: number,
  ): { readonly revision: number; readonly all: { readonly key: string; readonly object: Json }[] } {
    const { forgotten } = this.#table(table);
    const at = Math.max(revision, forgotten);
    const objects = new Map(this.list(table, prefix).map(({ key, object }) => [key, object]));
    for (const { object, previous } of [...(this.since(table, at) ?? [])].reverse()) {
      const { namespace, name } = nameOf(object);
      const key = keyOf(namespace, name);
      if (!key.startsWith(prefix)) continue;
      if (previous) objects.set(key, previous);
      else objects.delete(key);
    }
    const all = [...objects].map(([key, object]) => ({ key, object }));
    return { revision: at, all: all.sort((a, b) => (a.key < b.key ? -1 : 1)) };
  }

  tables(): IterableIterator<string> {
    return this.#tables.keys();
  }

  /** Stores the object under the next revision and returns it with that resourceVersion. */
  put(table: string, key: string, object: Json): Json {
    const found = this.#table(table);
    const previous = found.objects.get(key);
    const stored = this.#next(object);
    if (previous === undefined) found.sorted = undefined;
    found.objects.set(key, stored);
    const type = previous === undefined ? "ADDED" : "MODIFIED";
    this.#tell(found, { revision: this.#revision, type, object: stored, ...(previous && { previous }) });
    return stored;
  }

  /** The last state of the object, with the revision of its end; undefined where there is none. */
  delete(table: string, key: string): Json | undefined {
    const found = this.#table(table);
    const previous = found.objects.get(key);
    if (!previous) return undefined;
    found.objects.delete(key);
    found.sorted = undefined;
    const object = this.#next(previous);
    this.#tell(found, { revision: this.#revision, type: "DELETED", object, previous });
    return object;
  }

  /** The changes after a revision; undefined where some of them are forgotten. */
  since(table: string, revision: number): readonly Change[] | undefined {
    const found = this.#table(table);
    if (revision < found.forgotten) return undefined;
    const first = found.history.findIndex((change) => change.revision > revision);
    return first < 0 ? [] : found.history.slice(first);
  }

  /** Calls for each change from now on, inside the write; returns the way to stop. */
  listen(table: string, listener: Listener, wanted?: Wanted): () => void {
    const { audiences } = this.#table(table);
    const key = wanted?.key ?? "";
    const { listeners } = audiences.get(key) ?? { listeners: new Set() };
    audiences.set(key, { wanted, listeners: listeners.add(listener) });
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && audiences.get(key)?.listeners === listeners) audiences.delete(key);
    };
  }

  /** Forgets history: of one table or, as a restart does, of all. */
  compact(table?: string): void {
    for (const [name, found] of this.#tables) {
      if (table !== undefined && name !== table) continue;
      found.history = [];
      found.forgotten = this.#revision;
    }
  }

  #table(name: string): Table {
    const found = this.#tables.get(name);
    if (found) return found;
    const made: Table = { objects: new Map(), sorted: [], history: [], forgotten: 0, audiences: new Map() };
    this.#tables.set(name, made);
    return made;
  }

  #next(object: Json): Json {
    this.#revision += 1;
    return { ...object, metadata: { ...child(object, "metadata"), resourceVersion: String(this.#revision) } };
  }

  #tell(found: Table, change: Change): void {
    found.history.push(change);
    // Twice the limit before half goes, so that a write does not move the whole history.
    if (found.history.length >= 2 * this.#historyLimit) {
      const gone = found.history.splice(0, found.history.length - this.#historyLimit);
      found.forgotten = gone.at(-1)?.revision ?? found.forgotten;
    }
    const { object, previous } = change;
    for (const { wanted, listeners } of [...found.audiences.values()]) {
      const { matches } = wanted ?? {};
      if (matches && !matches(object) && !(previous && matches(previous))) continue;
      for (const listener of [...listeners]) listener(change);
    }
  }
}

function nameOf(object: Json): { readonly namespace: string | undefined; readonly name: string } {
  const metadata = child(object, "metadata");
  return { namespace: text(metadata, "namespace"), name: text(metadata, "name") ?? "" };
}

/** `namespace/name`, or `/name` for cluster-scoped objects. */
export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

export function versionOf(object: Json): string {
  return text(child(object, "metadata"), "resourceVersion") ?? "";
}
