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

  constructor(project: (object: T) => V | undefined) {
    this.#project = project;
  }

  get size(): number {
    return this.#size;
  }

  get({ namespace = "", name }: ObjectName): V | undefined {
    return this.#namespaces.get(namespace)?.get(name)?.value;
  }

  versionOf({ namespace = "", name }: ObjectName): string | undefined {
    return this.#namespaces.get(namespace)?.get(name)?.version;
  }

  /** Of one namespace, or all. */
  *values(namespace?: string): Generator<V> {
    const maps =
      namespace === undefined ? this.#namespaces.values() : [this.#namespaces.get(namespace) ?? []];
    for (const map of maps) for (const [, { value }] of map) yield value;
  }

  /** The object exists in this version. */
  put(object: T): Change<V>[] {
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

  /** The watch says that the object, in its last version, is gone. */
  deleted(object: T): Change<V>[] {
    const { namespace = "", name, uid = "", resourceVersion: version = "" } = object.metadata;
    this.#deleted.delete(uid);
    const known = this.#namespaces.get(namespace)?.get(name);
    // A delete carries a version of its own, so one that is older was of a predecessor.
    return known && !isNewer(known.version, version) ? this.#drop(known) : [];
  }

  /** We deleted it ourselves: what the watch still says of that uid from before is no news. Without a uid, whatever has the name. */
  forget({ namespace = "", name }: ObjectName, uid?: string): Change<V>[] {
    const known = this.#namespaces.get(namespace)?.get(name);
    const target = uid ?? known?.uid ?? "";
    if (target !== "") this.#deleted.add(target);
    return known && known.uid === target ? this.#drop(known) : [];
  }

  /** What `startList` gives says which deletes of ours a list that starts now has seen. */
  startList(): ReadonlySet<string> {
    return new Set(this.#deleted);
  }

  /** All that exists as of `version`; what we know in a newer version stays. */
  replace(objects: readonly T[], version: string, seenDeletes: ReadonlySet<string>): Change<V>[] {
    const changes: Change<V>[] = [];
    const listed = new Set(objects.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`));
    for (const map of [...this.#namespaces.values()]) {
      for (const entry of [...map.values()]) {
        const isListed = listed.has(`${entry.name.namespace ?? ""}/${entry.name.name}`);
        if (!isListed && !isNewer(entry.version, version)) changes.push(...this.#drop(entry));
      }
    }
    for (const object of objects) changes.push(...this.put(object));
    for (const uid of seenDeletes) this.#deleted.delete(uid);
    return changes;
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
