/** A pod as the runtime names it; `uid` is known only where the runtime passes K8S_POD_UID. */
export type Pod = { readonly namespace: string; readonly name: string; readonly uid?: string };

/** Who holds an address: one interface of one sandbox of a pod. */
export type Owner = { readonly pod: Pod; readonly ifname: string; readonly sandbox: string };

/**
 * Whether two records mean the same pod. The same name with another uid is another pod (a StatefulSet's next
 * one, say); a record without uid, as Go whereabouts writes it, is compared by name alone.
 */
export function samePod(a: Pod, b: Pod): boolean {
  if (a.namespace !== b.namespace || a.name !== b.name) return false;
  return a.uid === undefined || b.uid === undefined || a.uid === b.uid;
}

/** `namespace/name`, the podref of whereabouts; empty for what no pod holds. */
export function podRef(pod: Pod): string {
  if (pod.name === "") return "";
  return `${pod.namespace}/${pod.name}`;
}
