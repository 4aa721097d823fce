/** What a record of an address says of its owner; "" where it says nothing. */
export type RecordedOwner = {
  /** `namespace/name`; "" for a reservation that a person made. */
  readonly podref: string;
  readonly uid: string;
  readonly node: string;
};

/** A pod as the API has it now. */
export type LivePod = {
  readonly uid: string;
  /**
   * The uid that the kubelet gives a static pod, and passes as K8S_POD_UID; the mirror pod in the API has another one
   * and carries this in the annotation kubernetes.io/config.hash.
   */
  readonly configHash?: string;
  /** Phase Succeeded or Failed: its containers have ended and will not start again. */
  readonly ended: boolean;
};

/** `down`: not Ready, so that nobody knows what still runs there; `gone`: no such Node, or it is out of service. */
export type NodeState = "up" | "down" | "gone";

export type Evidence = {
  readonly record: RecordedOwner;
  /** The pod of that name; undefined if there is none. */
  readonly pod: LivePod | undefined;
  /** State of the record's node; undefined where the record names none. */
  readonly node: NodeState | undefined;
};

/** Why an address is kept although no pod that lives can be shown to have it. */
export type KeptBecause = "live" | "no_owner" | "node_down";
export type GoneBecause = "pod_gone" | "pod_replaced" | "pod_ended";

export type Verdict =
  | { readonly kind: "keep"; readonly why: KeptBecause }
  | { readonly kind: "gone"; readonly why: GoneBecause };

/**
 * Whether the owner of a record is gone. A missing annotation, address or status never counts: only a pod that the API
 * knows no more, knows under another uid, or knows to have ended (whereabouts 162, 176, 207, 550). A pod that was deleted by
 * force may still run on a node that nobody hears from; its address waits for the node.
 */
export function judge({ record, pod, node }: Evidence): Verdict {
  if (!/^[^/]+\/[^/]+$/.test(record.podref)) return { kind: "keep", why: "no_owner" };
  const why = goneBecause(record, pod);
  if (why === undefined) return { kind: "keep", why: "live" };
  // One that has ended has told so itself; the kubelet of a node that is down tells nothing.
  if (why !== "pod_ended" && node === "down") return { kind: "keep", why: "node_down" };
  return { kind: "gone", why };
}

function goneBecause({ uid }: RecordedOwner, pod: LivePod | undefined): GoneBecause | undefined {
  if (pod === undefined) return "pod_gone";
  const isSame = uid === "" || uid === pod.uid || uid === pod.configHash;
  if (!isSame) return "pod_replaced";
  return pod.ended ? "pod_ended" : undefined;
}
