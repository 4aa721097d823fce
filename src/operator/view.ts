import type { Clock } from "../clock.ts";
import { isObject } from "../cni/json.ts";
import type { ApiError, KubeClient, KubeObject, Resource } from "../kube/api.ts";
import { ATTACHMENTS, apiVersionOf, NAMESPACES, NETWORKS, type Network } from "../kube/objects.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import type { Log } from "../log.ts";
import { resourceOf, WORKLOAD_NAMES, WORKLOAD_RESOURCES } from "./resources.ts";

export type ViewOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the workloads. */
  readonly namespace: string;
};

type Cache = WatchCache<KubeObject, KubeObject>;

/** What cannot be read, and why. */
export type Blindness = { readonly plural: string; readonly error: ApiError };

/** The one Network object that counts. */
const CLUSTER = "cluster";

/** What the operator watches: the Network object, all attachments, namespaces, and its own workloads. */
export class View {
  readonly #network: WatchCache<Network, Network>;
  readonly #attachments: Cache;
  readonly #namespaces: Cache;
  readonly #workloads: readonly { readonly resource: Resource<KubeObject>; readonly cache: Cache }[];

  constructor(options: ViewOptions) {
    const { namespace, ...rest } = options;
    this.#network = new WatchCache<Network, Network>({
      ...rest,
      resource: NETWORKS,
      fieldSelector: `metadata.name=${CLUSTER}`,
      project: (network) => (network.metadata.name === CLUSTER ? typed(network, NETWORKS) : undefined),
    });
    this.#attachments = new WatchCache<KubeObject, KubeObject>({
      ...rest,
      resource: ATTACHMENTS,
      project: (object) => essence(object),
    });
    this.#namespaces = new WatchCache<KubeObject, KubeObject>({
      ...rest,
      resource: NAMESPACES,
      metadataOnly: true,
      // One that is on its way out takes nothing any more.
      project: ({ apiVersion, kind, metadata: { name, deletionTimestamp } }) =>
        deletionTimestamp === undefined ? { apiVersion, kind, metadata: { name } } : undefined,
    });
    this.#workloads = WORKLOAD_RESOURCES.map((resource) => ({
      resource,
      cache: new WatchCache<KubeObject, KubeObject>({
        ...rest,
        resource,
        namespace,
        project: (object) => (WORKLOAD_NAMES.has(object.metadata.name) ? typed(object, resource) : undefined),
      }),
    }));
  }

  start(): void {
    for (const cache of this.#caches()) cache.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#caches().map((cache) => cache.stop()));
  }

  onChange(listener: () => void): void {
    for (const cache of this.#caches()) cache.onChange(listener);
  }

  /** Waits for what can be read; a cluster without the Network kind has no Network object, which is fine. */
  async whenReady(timeout: number, signal: AbortSignal): Promise<readonly Blindness[]> {
    const blind: Blindness[] = [];
    await Promise.all(
      this.#needed().map(async ({ plural, cache }) => {
        const synced = await cache.whenSynced(timeout, signal);
        if (synced.ok) return;
        if (plural === NETWORKS.plural && synced.error.code === "kind_missing") return;
        blind.push({ plural, error: cache.lastError ?? synced.error });
      }),
    );
    return blind;
  }

  get network(): Network | undefined {
    return this.#network.get({ name: CLUSTER });
  }

  /** Whether it is known that there is a Network object, or that there is none. */
  get knowsNetwork(): boolean {
    return this.#network.isSynced;
  }

  get attachments(): readonly KubeObject[] {
    return [...this.#attachments.values()];
  }

  get workloads(): readonly KubeObject[] {
    return this.#workloads.flatMap(({ cache }) => [...cache.values()]);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.get({ name }) !== undefined;
  }

  /** What the server answered to a write of ours. */
  put(object: KubeObject): void {
    this.#cacheOf(object)?.put(object);
  }

  remove(object: KubeObject): void {
    this.#cacheOf(object)?.remove(object.metadata, object.metadata.uid);
  }

  putNetwork(network: Network): void {
    this.#network.put(network);
  }

  #cacheOf(object: KubeObject): Cache | undefined {
    const resource = resourceOf(object);
    if (resource?.plural === ATTACHMENTS.plural) return this.#attachments;
    return this.#workloads.find((other) => other.resource === resource)?.cache;
  }

  #needed(): { plural: string; cache: WatchCache<never, unknown> | Cache }[] {
    return [
      { plural: NETWORKS.plural, cache: this.#network },
      { plural: ATTACHMENTS.plural, cache: this.#attachments },
      { plural: NAMESPACES.plural, cache: this.#namespaces },
      ...this.#workloads.map(({ resource, cache }) => ({ plural: resource.plural, cache })),
    ];
  }

  #caches() {
    return [this.#network, this.#attachments, this.#namespaces, ...this.#workloads.map(({ cache }) => cache)];
  }
}

/** Items of a list come without apiVersion and kind. */
function typed<T extends KubeObject>(object: T, resource: Resource<T>): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

/** Of an attachment: its marks and its netconf. There may be thousands. */
function essence({ metadata, ...rest }: KubeObject): KubeObject {
  const { name, namespace, uid, labels, ownerReferences, deletionTimestamp } = metadata;
  const spec: unknown = Object(rest).spec;
  const object = {
    apiVersion: apiVersionOf(ATTACHMENTS),
    kind: ATTACHMENTS.kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(labels && { labels }),
      ...(ownerReferences && { ownerReferences }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: isObject(spec) ? { config: spec.config } : {},
  };
  return object;
}
