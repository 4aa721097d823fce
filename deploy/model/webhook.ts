import { disruptionBudget } from "../../src/operator/workload/controller.ts";
import {
  apart,
  componentLabels,
  container,
  type Manifest,
  PAGES,
  POD_IP,
  podBasics,
  SERVE_PAGES,
  UNPRIVILEGED,
} from "../../src/operator/workload/pod.ts";
import { type Context, workloadSettings } from "./context.ts";

const NAME = "berth-webhook";
const PORT = 9443;
/** Of the ValidatingWebhookConfiguration; the role names it. */
export const CONFIGURATION = "berth";

/**
 * Two copies of the webhook, and what makes the API server ask them. Neither a certificate nor a secret is installed: each copy
 * makes its own and adds it to `caBundle`.
 */
export function webhook(context: Context): readonly Manifest[] {
  const { namespace, values } = context;
  const settings = workloadSettings(context);
  const labels = componentLabels("webhook");
  const selector = { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": "webhook" };
  const command = [
    "webhook",
    "--listen",
    `[$(POD_IP)]:${PORT}`,
    "--service",
    `${NAME}.${namespace}`,
    "--configuration",
    CONFIGURATION,
    ...SERVE_PAGES,
  ];
  const page = (path: string) => ({ httpGet: { scheme: "HTTPS", port: "webhook", path } });
  const deployment: Manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME, namespace, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          ...podBasics(settings, NAME),
          priorityClassName: "system-cluster-critical",
          affinity: apart(selector),
          containers: [
            {
              ...container(settings, "webhook", command),
              ports: [{ name: "webhook", containerPort: PORT }, ...PAGES.ports],
              readinessProbe: { ...page("/readyz"), periodSeconds: 5 },
              livenessProbe: {
                ...page("/healthz"),
                initialDelaySeconds: 10,
                periodSeconds: 20,
                failureThreshold: 5,
              },
              env: [POD_IP],
              resources: values.webhook.resources,
              securityContext: UNPRIVILEGED,
            },
          ],
        },
      },
    },
  };
  const service: Manifest = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: NAME, namespace, labels },
    spec: { selector, ports: [{ name: "webhook", port: 443, targetPort: "webhook" }] },
  };
  return [
    deployment,
    disruptionBudget(namespace, NAME, selector, labels),
    service,
    configuration(context, labels),
  ];
}

/** Deletes are not asked about; neither are attachments without IPAM, nor those whose label says so. */
function configuration({ namespace, values }: Context, labels: object): Manifest {
  const rule = (group: string, version: string, resource: string) => ({
    apiGroups: [group],
    apiVersions: [version],
    operations: ["CREATE", "UPDATE"],
    resources: [resource],
  });
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: CONFIGURATION, labels: { ...labels } },
    webhooks: [
      {
        name: "networks.berth.dev",
        clientConfig: { service: { name: NAME, namespace, path: "/validate", port: 443 } },
        rules: [
          rule("k8s.cni.cncf.io", "v1", "network-attachment-definitions"),
          rule("operator.openshift.io", "v1", "networks"),
        ],
        objectSelector: {
          matchExpressions: [{ key: "berth.dev/admission", operator: "NotIn", values: ["off"] }],
        },
        matchConditions: [
          {
            name: "has-ipam",
            expression:
              "object.kind != 'NetworkAttachmentDefinition' || (has(object.spec) && has(object.spec.config) && object.spec.config.contains('ipam'))",
          },
          { name: "not-leaving", expression: "!has(object.metadata.deletionTimestamp)" },
        ],
        failurePolicy: values.webhook.failurePolicy,
        timeoutSeconds: 3,
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  };
}
