import type { Cluster } from "./cluster.ts";
import { child, having, isJson, type Json, list, text } from "./json.ts";
import { apiVersion, type Kind, table } from "./kinds.ts";
import { type Change, keyOf } from "./store.ts";
import { remove, replace } from "./write.ts";

/** Milliseconds between a cause and what the controllers do about it. */
const REACTION = 20;

/**
 * What kube-controller-manager does that Berth counts on: dependents whose owners are all gone are deleted (an owner in
 * another namespace counts as gone), and a deleted namespace is emptied and then removed.
 */
export class Controllers {
  readonly #cluster: Cluster;
  /** Keys of dependents by the uid of their owner. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #watched = new Set<string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (const kind of cluster.registry.all()) this.watch(kind);
  }

  /** Looks after the objects of a kind from now on. */
  watch(kind: Kind): void {
    const name = table(kind);
    if (this.#watched.has(name)) return;
    this.#watched.add(name);
    this.#cluster.store.listen(name, (change) => this.#see(kind, change));
  }

  #see(kind: Kind, { type, object }: Change): void {
    const { clock } = this.#cluster;
    const metadata = child(object, "metadata");
    const id = `${table(kind)} ${keyOf(text(metadata, "namespace"), text(metadata, "name") ?? "")}`;
    if (type === "DELETED") {
      const orphans = this.#dependents.get(text(metadata, "uid") ?? "");
      this.#dependents.delete(text(metadata, "uid") ?? "");
      for (const dependent of orphans ?? []) clock.after(REACTION, () => this.#collect(dependent));
      if (kind.plural === "customresourcedefinitions") this.#dropObjects(object);
      return;
    }
    for (const reference of list(metadata, "ownerReferences")) {
      const uid = text(reference, "uid") ?? "";
      const known = this.#dependents.get(uid) ?? new Set();
      this.#dependents.set(uid, known);
      if (known.has(id)) continue;
      known.add(id);
      if (isJson(reference) && !this.#cluster.ownerExists(reference, text(metadata, "namespace"))) {
        clock.after(REACTION, () => this.#collect(id));
      }
    }
    if (kind.plural === "namespaces" && metadata.deletionTimestamp !== undefined) {
      clock.after(REACTION, () => this.#empty(text(metadata, "name") ?? ""));
    }
  }

  #collect(id: string): void {
    const [name = "", key = ""] = id.split(" ");
    const object = this.#cluster.store.get(name, key);
    const kind = this.#kindOfTable(name);
    if (!object || !kind) return;
    const metadata = child(object, "metadata");
    const owners = list(metadata, "ownerReferences").filter(isJson);
    const alive = owners.some((owner) => this.#cluster.ownerExists(owner, text(metadata, "namespace")));
    if (owners.length > 0 && !alive) this.#delete(kind, object);
  }

  #empty(namespace: string): void {
    const { store, clock } = this.#cluster;
    let left = 0;
    for (const kind of this.#cluster.registry.all()) {
      if (!kind.namespaced) continue;
      for (const { object } of store.list(table(kind), `${namespace}/`)) {
        this.#delete(kind, object);
      }
      left += store.list(table(kind), `${namespace}/`).length;
    }
    if (left === 0) store.delete("/namespaces", `/${namespace}`);
    else clock.after(1000, () => this.#empty(namespace));
  }

  /** With a CustomResourceDefinition go its objects. */
  #dropObjects(definition: Json): void {
    const spec = child(definition, "spec");
    const name = `${text(spec, "group") ?? ""}/${text(child(spec, "names"), "plural") ?? ""}`;
    for (const { key } of this.#cluster.store.list(name)) this.#cluster.store.delete(name, key);
  }

  #delete(kind: Kind, object: Json): void {
    const metadata = child(object, "metadata");
    const namespace = text(metadata, "namespace");
    const target = {
      kind,
      name: text(metadata, "name") ?? "",
      ...(namespace === undefined ? {} : { namespace }),
    };
    remove(this.#cluster, target, {}, false);
  }

  #kindOfTable(name: string): Kind | undefined {
    for (const kind of this.#cluster.registry.all()) if (table(kind) === name) return kind;
    return undefined;
  }
}

/** Takes the owner out of its dependents, which then stay (propagationPolicy Orphan). */
export function orphan(cluster: Cluster, owner: Json): void {
  const { uid } = child(owner, "metadata");
  for (const kind of cluster.registry.all()) {
    for (const { object } of cluster.store.list(table(kind))) {
      const metadata = child(object, "metadata");
      const owners = list(metadata, "ownerReferences");
      const others = owners.filter((reference) => text(reference, "uid") !== uid);
      if (others.length === owners.length) continue;
      const namespace = text(metadata, "namespace");
      const target = {
        kind,
        name: text(metadata, "name") ?? "",
        ...(namespace === undefined ? {} : { namespace }),
      };
      const wanted = having(object, {
        apiVersion: apiVersion(kind),
        metadata: having(metadata, { ownerReferences: others.length === 0 ? undefined : others }),
      });
      replace(cluster, target, object, wanted, false);
    }
  }
}
