import type { Node } from "../kube/objects.ts";
import type { NodeState } from "./judge.ts";

/** An administrator says with it that nothing runs on a node any more, whatever its kubelet says (KEP-2268). */
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

/** What a Node object says of what runs there; undefined: there is no such object. */
export function nodeStateOf(node: Node | undefined): NodeState {
  if (node === undefined) return "gone";
  if (node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE)) return "gone";
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" ? "up" : "down";
}
