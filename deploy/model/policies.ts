import { SLICE_NODE } from "../../src/kube/names.ts";
import { componentLabels, type Manifest, PART_OF } from "../../src/operator/workload/pod.ts";
import type { Context } from "./context.ts";

/** Nothing opens connections to the elected parts. Where the page listens is a choice of its own. Agent and DHCP daemon run in the host's network: policies pass them by. */
export function networkPolicy({ namespace }: Context): readonly Manifest[] {
  const components = ["operator", "reconciler", "controller"];
  return [
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "berth-no-ingress", namespace, labels: PART_OF },
      spec: {
        podSelector: {
          matchLabels: PART_OF,
          matchExpressions: [{ key: "app.kubernetes.io/component", operator: "In", values: components }],
        },
        policyTypes: ["Ingress"],
        ingress: [],
      },
    },
  ];
}

const CALLER = "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][?0].orValue('')";
const AFTER = "object.spec.allocations";
const BEFORE = "variables.before";
const LABEL = `object.metadata.?labels[?'${SLICE_NODE}'].orValue('')`;

/**
 * Kubernetes puts the node into the token of a pod's service account (1.32), so that a node that is broken into can
 * change only allocations that are its own, or that Go whereabouts wrote and that name no node.
 */
export function nodeRestriction({ namespace }: Context): readonly Manifest[] {
  const name = "berth-node-restriction";
  const metadata = { name, labels: componentLabels("agent") };
  const group = "admissionregistration.k8s.io";
  const own = (entry: string) => `${entry}.?node.orValue('') == variables.node`;
  const ownOrNobodys = (entry: string) => `${entry}.?node.orValue('') in ['', variables.node]`;
  return [
    {
      apiVersion: `${group}/v1`,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ["whereabouts.cni.cncf.io"],
              apiVersions: ["v1alpha1"],
              operations: ["CREATE", "UPDATE"],
              resources: ["ippools"],
            },
          ],
        },
        matchConditions: [
          {
            name: "agents",
            expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:berth-agent'`,
          },
        ],
        variables: [
          { name: "node", expression: CALLER },
          { name: "before", expression: "oldObject == null ? {} : oldObject.spec.allocations" },
        ],
        validations: [
          {
            expression: "variables.node != ''",
            message: "the token of the agent names no node: Kubernetes 1.32 or later is needed",
          },
          {
            expression: `${AFTER}.all(key, (key in ${BEFORE} && ${AFTER}[key] == ${BEFORE}[key]) || ${own(`${AFTER}[key]`)})`,
            message: "an agent may write only allocations of its own node",
          },
          {
            expression: `${BEFORE}.all(key, (key in ${AFTER} && ${AFTER}[key] == ${BEFORE}[key]) || ${ownOrNobodys(`${BEFORE}[key]`)})`,
            message: "an agent may change or free only allocations of its own node",
          },
          {
            // Nodes do not follow what is labelled as the slice of another. The name of a node too long for a label is a digest there.
            expression: `${LABEL} == (oldObject == null ? ${LABEL} : ${LABEL.replace("object", "oldObject")}) && (oldObject != null || size(variables.node) > 63 || ${LABEL} in ['', variables.node])`,
            message: "an agent may label only pools that it makes, as a slice of its own node",
          },
        ],
      },
    },
    {
      apiVersion: `${group}/v1`,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: { policyName: name, validationActions: ["Deny", "Audit"] },
    },
  ];
}
