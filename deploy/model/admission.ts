import { componentLabels, type Manifest } from "../../src/operator/workload/pod.ts";
import type { Context } from "./context.ts";

const GROUP = "admissionregistration.k8s.io";

/** Leading zeros pass, as whereabouts takes them; so do `FIRST-LAST/PREFIX` and host bits. */
const IPV4 = "^\\\\s*([0-9.]+\\\\s*-\\\\s*)?[0-9]+([.][0-9]+){3}/0*([12]?[0-9]|3[0-2])\\\\s*$";
const IPV6 =
  "^\\\\s*([0-9a-fA-F:.]+\\\\s*-\\\\s*)?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/0*([0-9]{1,2}|1[01][0-9]|12[0-8])\\\\s*$";

/**
 * What the API server checks by itself, with no process of Berth (ValidatingAdmissionPolicy, Kubernetes 1.30). Only what is surely
 * wrong is refused, only when it is new, and what Go whereabouts writes passes. Entries of pools are not looked at: they are
 * written for every pod, and the cost would grow with the pool.
 */
export function admissionPolicies(_context: Context): readonly Manifest[] {
  const config = "object.spec.config";
  return [
    ...policy("berth-attachments", {
      resources: ["k8s.cni.cncf.io", "v1", "network-attachment-definitions"],
      matchConditions: [
        { name: "not-leaving", expression: "!has(object.metadata.deletionTimestamp)" },
        {
          name: "whereabouts",
          expression: `has(object.spec) && has(${config}) && ${config}.contains('"whereabouts"')`,
        },
        {
          name: "new",
          expression: `oldObject == null || !has(oldObject.spec) || !has(oldObject.spec.config) || oldObject.spec.config != ${config}`,
        },
      ],
      variables: [
        {
          name: "ranges",
          expression: `${config}.findAll('"range"\\\\s*:\\\\s*"[^"]*"').map(found, found.split('"')[3])`,
        },
        {
          name: "wrong",
          expression: `variables.ranges.filter(range, range != '' && !range.matches('${IPV4}') && !range.matches('${IPV6}'))`,
        },
      ],
      validations: [
        {
          expression: "size(variables.wrong) == 0",
          message: "a range of whereabouts is no network in CIDR notation",
          messageExpression:
            "'the range ' + variables.wrong[0] + ' is no network in CIDR notation, such as 10.0.0.0/24, nor FIRST-LAST/PREFIX'",
        },
      ],
    }),
    ...policy("berth-pools", {
      resources: ["whereabouts.cni.cncf.io", "v1alpha1", "ippools"],
      validations: [
        {
          expression: `${unchanged("spec.range")} || isCIDR(object.spec.range)`,
          message: "spec.range is no network in CIDR notation",
        },
        {
          expression: `oldObject == null || ${unchanged("spec.range")} || size(oldObject.spec.allocations) == 0`,
          message: "the range of a pool that has allocations cannot change: their offsets count from it",
        },
      ],
    }),
    ...policy("berth-node-slices", {
      resources: ["whereabouts.cni.cncf.io", "v1alpha1", "nodeslicepools"],
      matchConditions: [
        { name: "not-leaving", expression: "!has(object.metadata.deletionTimestamp)" },
        {
          name: "new",
          expression: `!(${unchanged("spec.range")} && ${unchanged("spec.sliceSize")})`,
        },
      ],
      validations: [
        { expression: "isCIDR(object.spec.range)", message: "spec.range is no network in CIDR notation" },
        {
          expression:
            "object.spec.sliceSize.matches('^/?[0-9]{1,3}$') && (!isCIDR(object.spec.range) || int(object.spec.sliceSize.replace('/', '')) >= cidr(object.spec.range).prefixLength())",
          message: "spec.sliceSize is no prefix length, such as /28, at least as long as that of spec.range",
        },
      ],
    }),
  ];
}

/** A field that is as it was before. */
function unchanged(path: string): string {
  return `(oldObject != null && oldObject.${path} == object.${path})`;
}

type Policy = {
  readonly resources: readonly [group: string, version: string, plural: string];
  readonly matchConditions?: readonly object[];
  readonly variables?: readonly object[];
  readonly validations: readonly object[];
};

/** A policy and its binding. An expression that fails to be evaluated refuses nothing. */
function policy(name: string, { resources: [group, version, plural], ...rest }: Policy): readonly Manifest[] {
  const metadata = { name, labels: componentLabels("admission") };
  const operations = ["CREATE", "UPDATE"];
  const rule = { apiGroups: [group], apiVersions: [version], operations, resources: [plural] };
  return [
    {
      apiVersion: `${GROUP}/v1`,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: { failurePolicy: "Ignore", matchConstraints: { resourceRules: [rule] }, ...rest },
    },
    {
      apiVersion: `${GROUP}/v1`,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name, labels: componentLabels("admission") },
      spec: { policyName: name, validationActions: ["Deny", "Audit"] },
    },
  ];
}
