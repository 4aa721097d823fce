import { controller } from "../../src/operator/workload/controller.ts";
import { dhcpDaemon } from "../../src/operator/workload/dhcp-daemon.ts";
import { reconciler } from "../../src/operator/workload/reconciler.ts";
import { admissionPolicies } from "./admission.ts";
import { agent } from "./agent.ts";
import { type Part, workloadSettings } from "./context.ts";
import { operator } from "./operator.ts";
import { networkPolicy, nodeRestriction } from "./policies.ts";
import {
  agentAccount,
  openshift,
  operatorAccount,
  peopleRoles,
  uiAccount,
  webhookAccount,
  workloadAccounts,
} from "./rbac.ts";
import { ui } from "./ui.ts";
import { webhook } from "./webhook.ts";

/** All that an installation consists of, in the order in which it is applied. */
export const PARTS: readonly Part[] = [
  { file: "workload-accounts", manifests: workloadAccounts },
  { file: "people", manifests: peopleRoles },
  { file: "openshift", when: "openshift", manifests: openshift },
  { file: "network-policy", when: "networkPolicy", manifests: networkPolicy },
  { file: "admission-policies", when: "admissionPolicies", manifests: admissionPolicies },
  { file: "node-restriction", when: "nodeRestriction", manifests: nodeRestriction },
  { file: "agent", when: "agent", manifests: (context) => [...agentAccount(context), ...agent(context)] },
  {
    file: "operator",
    when: "operator",
    manifests: (context) => [...operatorAccount(context), ...operator(context)],
  },
  {
    file: "webhook",
    when: "webhook",
    manifests: (context) => [...webhookAccount(context), ...webhook(context)],
  },
  { file: "ui", when: "ui", manifests: (context) => [...uiAccount(context), ...ui(context)] },
  { file: "reconciler", when: "reconciler", manifests: (context) => [reconciler(workloadSettings(context))] },
  { file: "controller", when: "controller", manifests: (context) => controller(workloadSettings(context)) },
  {
    file: "dhcp-daemon",
    when: "dhcpDaemon",
    manifests: (context) => [dhcpDaemon(workloadSettings(context))],
  },
];
