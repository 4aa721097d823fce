import type { KubeObject } from "../kube/api.ts";

/**
 * Whether an object of the server says all that a manifest says. What the manifest leaves open may be anything: defaults,
 * status, fields of others.
 */
export function covers(live: KubeObject, wanted: KubeObject): boolean {
  const { metadata, ...rest } = wanted;
  const { ownerReferences = [], ...meta } = metadata;
  const owners = live.metadata.ownerReferences ?? [];
  return (
    includes(live, rest) &&
    includes(live.metadata, meta) &&
    ownerReferences.every((owner) => owners.some((other) => includes(other, owner)))
  );
}

function includes(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    // The server does not keep empty lists.
    const list: readonly unknown[] = Array.isArray(live) ? live : [];
    return list.length === wanted.length && wanted.every((item, index) => includes(list[index], item));
  }
  if (typeof wanted !== "object" || wanted === null) return live === wanted;
  const object = Object(live);
  return Object.entries(wanted).every(([key, value]) => {
    // Nor empty texts and false.
    return includes(object[key], value) || (object[key] === undefined && (value === "" || value === false));
  });
}
