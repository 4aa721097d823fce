import type { Clock } from "../../src/clock.ts";
import { child, type Json, list, text } from "./json.ts";
import { type Kind, table } from "./kinds.ts";
import { Registry } from "./registry.ts";
import { ObjectStore } from "./store.ts";

export type ClusterOptions = {
  readonly clock: Clock;
  /** Changes of each resource that a watch can start behind; 1000 where left out. */
  readonly history?: number;
  /**
   * Whether the controllers that a cluster always has run too: garbage collection by owner references and the emptying
   * of deleted namespaces. A bare kube-apiserver has none. True where left out.
   */
  readonly controllers?: boolean;
};

/** The objects, the kinds, the time: what every verb works on. */
export class Cluster {
  readonly clock: Clock;
  readonly store: ObjectStore;
  readonly registry: Registry;
  /** So many changes is a list behind that takes what the server has at hand (resourceVersion=0): its cache follows etcd. */
  behind = 0;

  constructor(options: ClusterOptions) {
    this.clock = options.clock;
    this.store = new ObjectStore(options.history ?? 1000);
    this.registry = new Registry(this.store);
  }

  /** RFC 3339 in whole seconds, as the API has its times. */
  timestamp(): string {
    return `${new Date(this.clock.now()).toISOString().slice(0, 19)}Z`;
  }

  /** A version 4 UUID. */
  uid(): string {
    const digit = (count: number) => Math.floor(this.clock.random() * count);
    return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (at) =>
      (at === "x" ? digit(16) : 8 + digit(4)).toString(16),
    );
  }

  /** Five characters for metadata.generateName. */
  suffix(): string {
    const letters = "bcdfghjklmnpqrstvwxz2456789";
    return Array.from({ length: 5 }, () => letters[Math.floor(this.clock.random() * letters.length)]).join(
      "",
    );
  }

  namespace(name: string): Json | undefined {
    return this.store.get("/namespaces", `/${name}`);
  }

  /** Whether an object with this uid exists among those of the reference's kind. */
  ownerExists(reference: Json, namespace: string | undefined): boolean {
    const kind = this.kindOf(text(reference, "apiVersion") ?? "", text(reference, "kind") ?? "");
    if (!kind) return false;
    const key = `${kind.namespaced ? (namespace ?? "") : ""}/${text(reference, "name") ?? ""}`;
    const owner = this.store.get(table(kind), key);
    return owner !== undefined && child(owner, "metadata").uid === reference.uid;
  }

  kindOf(apiVersion: string, kindName: string): Kind | undefined {
    for (const kind of this.registry.all()) {
      const served = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
      if (served === apiVersion && kind.kind === kindName) return kind;
    }
    return undefined;
  }
}

export function finalizers(object: Json): readonly unknown[] {
  return list(child(object, "metadata"), "finalizers");
}
