import type { DeleteOptions, KubeObject, ListOptions, ObjectName, Resource, WatchOptions } from "./api.ts";

type AnyResource = Resource<KubeObject>;

/** Where the API server has a kind: all of it, or what is in one namespace. */
export function collectionPath(resource: AnyResource, namespace?: string): string {
  const root =
    resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${resource.plural}`;
}

export function objectPath(
  resource: AnyResource,
  { name, namespace }: ObjectName,
  subresource?: string,
): string {
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function listPath(resource: AnyResource, options: ListOptions): string {
  const query = selectors(options);
  if (options.limit !== undefined) query.set("limit", String(options.limit));
  // A continue token carries the version; the server refuses both together.
  if (options.continue !== undefined) query.set("continue", options.continue);
  else if (options.resourceVersion !== undefined) query.set("resourceVersion", options.resourceVersion);
  return withQuery(collectionPath(resource, options.namespace), query);
}

export function watchPath(resource: AnyResource, options: WatchOptions): string {
  const query = selectors(options);
  query.set("watch", "1");
  query.set("allowWatchBookmarks", "true");
  if (options.resourceVersion !== undefined) query.set("resourceVersion", options.resourceVersion);
  if (options.timeoutSeconds !== undefined) query.set("timeoutSeconds", String(options.timeoutSeconds));
  return withQuery(collectionPath(resource, options.namespace), query);
}

/** The body of a DELETE; undefined where nothing is asked for beyond the defaults. */
export function deleteBody({ uid, resourceVersion, propagation }: DeleteOptions): object | undefined {
  if (uid === undefined && resourceVersion === undefined && propagation === undefined) return undefined;
  const preconditions = {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  return {
    apiVersion: "v1",
    kind: "DeleteOptions",
    ...(Object.keys(preconditions).length > 0 && { preconditions }),
    ...(propagation !== undefined && { propagationPolicy: propagation }),
  };
}

export function withQuery(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`;
}

function selectors(options: { readonly labelSelector?: string; readonly fieldSelector?: string }) {
  const query = new URLSearchParams();
  if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
  if (options.fieldSelector !== undefined) query.set("fieldSelector", options.fieldSelector);
  return query;
}
