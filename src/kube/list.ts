import { ok } from "../result.ts";
import type { Answer, KubeClient, KubeObject, ListOptions, Page, Resource } from "./api.ts";

const PAGE = 500;

/**
 * All objects of a kind, in pages, as of one version (that of the first page). If the server has forgotten that version half-way,
 * all are asked for at once. `timeout` is for each page. `slim` cuts down each object as its page
 * arrives.
 */
export async function listAll<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { slim, ...options }: Omit<ListOptions, "continue"> & { readonly slim?: (object: T) => T } = {},
): Answer<Page<T>> {
  const limit = options.limit ?? PAGE;
  const items: T[] = [];
  let page = await client.list(resource, { ...options, limit });
  while (page.ok) {
    for (const item of page.value.items) items.push(slim ? slim(item) : item);
    const { continue: more, resourceVersion } = page.value;
    if (more === undefined) return ok({ items, resourceVersion });
    page = await client.list(resource, { ...options, limit, continue: more });
  }
  if (page.error.code !== "expired" || items.length === 0) return page;
  const { limit: _, ...whole } = options;
  return client.list(resource, whole);
}
