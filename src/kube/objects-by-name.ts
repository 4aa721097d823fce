import type { KubeObject, ObjectName } from "./api.ts";

/** What happened to one object; `before` is what was known of it. */
export type Change<V> =
  | { readonly type: "added"; readonly name: ObjectName; readonly value: V }
  | { readonly type: "changed"; readonly name: ObjectName; readonly value: V; readonly before: V }
  | { readonly type: "deleted"; readonly name: ObjectName; readonly before: V };

type Entry<V> = {
  readonly name: ObjectName;
  readonly uid: string;
  readonly version: string;
  readonly value: V;
};

/** More deletes of ours than these are not under way at once; the watch forgets them in the order in which they came. */
const MAX_DELETED = 10_000;

/**
 * Objects by namespace and name, each in the newest version seen. News come from a watch, from lists and from our own
 * writes, in any order: what is older than what is known changes nothing.
 */
export class ObjectsByName<T extends KubeObject, V> {
  readonly #project: (object: T) => V | undefined;
  readonly #namespaces = new Map<string, Map<string, Entry<V>>>();
  /** uids that we deleted ourselves, until the watch has said so too. */
  readonly #deleted = new Set<string>();
  #size = 0;
  #horizon = "";

  constructor(project: (object: T) => V | undefined) {
    this.#project = project;
  }

  get size(): number {
    return this.#size;
  }

  get({ namespace = "", name }: ObjectName): V | undefined {
    return this.#namespaces.get(namespace)?.get(name)?.value;
  }

  /** The version up to which the server has told everything. */
  get horizon(): string {
    return this.#horizon;
  }

  /** Of one namespace, or all. */
  *values(namespace?: string): Generator<V> {
    const maps =
      namespace === undefined ? this.#namespaces.values() : [this.#namespaces.get(namespace) ?? []];
    for (const map of maps) for (const [, { value }] of map) yield value;
  }

  /** The watch says that the object exists in this version. */
  put(object: T): Change<V>[] {
    this.confirm(object.metadata.resourceVersion ?? "");
    return this.#put(object);
  }

  /** The watch says that the object, in its last version, is gone. */
  deleted(object: T): Change<V>[] {
    const { namespace = "", name, uid = "", resourceVersion: version = "" } = object.metadata;
    this.confirm(version);
    this.#deleted.delete(uid);
    const known = this.#namespaces.get(namespace)?.get(name);
    // A delete carries a version of its own, so one that is older was of a predecessor.
    return known && !isNewer(known.version, version) ? this.#drop(known) : [];
  }

  /** The server has told everything up to this version. */
  confirm(version: string): void {
    if (isNewer(version, this.#horizon)) this.#horizon = version;
  }

  /** An answer to a request of ours says that the object exists in this version. */
  learn(object: T): Change<V>[] {
    const { namespace = "", name, resourceVersion: version = "" } = object.metadata;
    const isKnown = this.#namespaces.get(namespace)?.has(name) === true;
    // The watch is past it already and has nothing of that name: it was deleted while the answer was on its way.
    return isKnown || isNewer(version, this.#horizon) ? this.#put(object) : [];
  }

  /** We deleted it ourselves: what the watch still says of that uid from before is no news. Without a uid, whatever has the name. */
  forget({ namespace = "", name }: ObjectName, uid?: string): Change<V>[] {
    const known = this.#namespaces.get(namespace)?.get(name);
    const target = uid ?? known?.uid ?? "";
    if (target !== "") this.#deleted.add(target);
    const [oldest = ""] = this.#deleted.size > MAX_DELETED ? this.#deleted : [];
    this.#deleted.delete(oldest);
    return known && known.uid === target ? this.#drop(known) : [];
  }

  /** What `startList` gives says which deletes of ours a list that starts now has seen. */
  startList(): ReadonlySet<string> {
    return new Set(this.#deleted);
  }

  /**
   * All that exists as of `version`; what we know in a newer version stays. A version before the horizon means that the server's
   * history was rewound (etcd restored from a backup): then the list alone counts.
   */
  replace(objects: readonly T[], version: string, seenDeletes: ReadonlySet<string>): Change<V>[] {
    const changes: Change<V>[] = [];
    const isRewound = this.#horizon !== "" && isNewer(this.#horizon, version);
    const listed = new Set(objects.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`));
    for (const map of [...this.#namespaces.values()]) {
      for (const entry of [...map.values()]) {
        const isListed = listed.has(`${entry.name.namespace ?? ""}/${entry.name.name}`);
        const isOurs = isNewer(entry.version, version);
        if (isRewound && isOurs) changes.push(...this.#drop(entry));
        else if (!isListed && !isOurs) changes.push(...this.#drop(entry));
      }
    }
    for (const object of objects) changes.push(...this.#put(object));
    for (const uid of seenDeletes) this.#deleted.delete(uid);
    this.#horizon = version;
    return changes;
  }

  #put(object: T): Change<V>[] {
    const { namespace = "", name, uid = "", resourceVersion: version = "" } = object.metadata;
    if (uid !== "" && this.#deleted.has(uid)) return [];
    const known = this.#namespaces.get(namespace)?.get(name);
    if (known && !isNewer(version, known.version)) return [];
    const value = this.#project(object);
    if (value === undefined) return known ? this.#drop(known) : [];
    const entry = { name: nameOf(object), uid, version, value };
    // The same name with another uid is another object: its predecessor was deleted unseen.
    const gone = known && known.uid !== uid ? this.#drop(known) : [];
    const before = gone.length === 0 ? known : undefined;
    const map = this.#namespaces.get(namespace) ?? new Map<string, Entry<V>>();
    this.#namespaces.set(namespace, map.set(name, entry));
    if (before) return [{ type: "changed", name: entry.name, value, before: before.value }];
    this.#size++;
    return [...gone, { type: "added", name: entry.name, value }];
  }

  #drop({ name, value }: Entry<V>): Change<V>[] {
    const { namespace = "" } = name;
    const map = this.#namespaces.get(namespace);
    map?.delete(name.name);
    if (map?.size === 0) this.#namespaces.delete(namespace);
    this.#size--;
    return [{ type: "deleted", name, before: value }];
  }
}

/**
 * Whether version `a` came after `b`. Kubernetes calls versions opaque, but those of its etcd are revisions, which grow; of
 * a server with other ones what arrives later counts as newer.
 */
export function isNewer(a: string, b: string): boolean {
  if (DECIMAL.test(a) && DECIMAL.test(b)) return BigInt(a) > BigInt(b);
  return a !== b;
}

const DECIMAL = /^[0-9]+$/;

function nameOf({ metadata: { name, namespace } }: KubeObject): ObjectName {
  return namespace === undefined ? { name } : { name, namespace };
}
