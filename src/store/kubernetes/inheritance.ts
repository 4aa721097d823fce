import type { Acquire } from "../../allocation/claim.ts";
import type { Clock } from "../../clock.ts";
import type { KubeClient } from "../../kube/api.ts";
import { NODES, PODS } from "../../kube/objects.ts";
import type { State } from "./state.ts";
import { strangers } from "./view.ts";

/**
 * The uids of earlier pods of this name whose addresses a new pod takes over: the API knows the old one no more, nor its node.
 * On a node that is there, this one too, a pod that was deleted by force may still run. What cannot be read proves nothing.
 */
export async function inheritedUids(
  request: Acquire,
  deadline: number,
  { client, clock, state }: { readonly client: KubeClient; readonly clock: Clock; readonly state: State },
): Promise<ReadonlySet<string>> {
  const inherited = new Set<string>();
  const earlier = strangers(state, request);
  if (earlier.length === 0) return inherited;
  const timeout = () => Math.max(1, deadline - clock.elapsed());
  const { namespace, name } = request.owner.pod;
  const found = await client.get(PODS, { namespace, name }, { timeout: timeout() });
  if (!found.ok && found.error.code !== "not_found") return inherited;
  const living = found.ok ? found.value.metadata.uid : undefined;
  for (const { entry } of earlier) {
    const { uid, node } = entry.allocation;
    if (uid === undefined || uid === living || node === undefined || inherited.has(uid)) continue;
    const there = await client.get(NODES, { name: node }, { timeout: timeout() });
    if (there.ok || there.error.code !== "not_found") continue;
    inherited.add(uid);
  }
  return inherited;
}
