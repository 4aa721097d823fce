import { formatIssue } from "../config/index.ts";
import type { KubeObject } from "../kube/api.ts";
import type { Condition } from "../kube/objects.ts";
import type { Problem } from "./plan.ts";
import type { RenderIssue } from "./report.ts";
import type { Triggers } from "./trigger.ts";

/** The conditions of the Network object that are Berth's; all others are left alone. */
export const NETWORKS_READY = "BerthNetworksReady";
export const WORKLOADS_READY = "BerthWorkloadsReady";

export type Verdict = Pick<Condition, "type" | "status"> & {
  readonly reason: string;
  readonly message: string;
};

/** So many lines are shown; the rest is counted. */
const MOST_LINES = 20;
const LONGEST_LINE = 400;

/** Whether every entry is an attachment, and else which is not and why. */
export function networksReady(
  issues: readonly RenderIssue[],
  problems: readonly Problem[],
  count: number,
): Verdict {
  const errors = issues.filter(({ severity }) => severity === "error");
  const lines = [...errors, ...problems].map(formatLine);
  if (lines.length === 0) {
    const message = count === 1 ? "1 attachment is in place" : `${count} attachments are in place`;
    return { type: NETWORKS_READY, status: "True", reason: "AsWanted", message };
  }
  const reason = problems[0]?.reason ?? "EntryBroken";
  return { type: NETWORKS_READY, status: "False", reason, message: listed(lines) };
}

/** Whether the workloads that the networks need are up. */
export function workloadsReady(
  triggers: Triggers,
  workloads: readonly KubeObject[],
  problems: readonly Problem[],
): Verdict {
  const type = WORKLOADS_READY;
  if (problems.length > 0) {
    const reason = problems[0]?.reason ?? "Failed";
    return { type, status: "False", reason, message: listed(problems.map(formatLine)) };
  }
  if (!triggers.dhcp && !triggers.whereabouts) {
    const message = "no network needs the DHCP daemon, the reconciler or the controller";
    return { type, status: "True", reason: "NothingNeeded", message };
  }
  const states = workloads.filter(({ kind }) => kind !== "PodDisruptionBudget").map(progressOf);
  const message = states.map(({ text }) => text).join(", ");
  const isUp = states.length > 0 && states.every(({ isUp }) => isUp);
  return { type, status: isUp ? "True" : "False", reason: isUp ? "Running" : "Starting", message };
}

function progressOf({ kind, metadata, ...rest }: KubeObject): { isUp: boolean; text: string } {
  const { spec, status } = Object(rest);
  const wanted: number = (kind === "DaemonSet" ? status?.desiredNumberScheduled : spec?.replicas) ?? 0;
  const ready: number = (kind === "DaemonSet" ? status?.numberAvailable : status?.availableReplicas) ?? 0;
  // Of two replicas one works and one waits.
  const isUp = status !== undefined && (kind === "DaemonSet" ? ready >= wanted : ready >= 1);
  return { isUp, text: `${metadata.name} ${ready} of ${wanted}` };
}

function formatLine(what: {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}): string {
  const line = formatIssue({ severity: "error", code: "", value: undefined, ...what }).replace(
    /\s*\n\s*/g,
    " ",
  );
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line;
}

function listed(lines: readonly string[]): string {
  const more = lines.length - MOST_LINES;
  return [...lines.slice(0, MOST_LINES), ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}

/**
 * The list of conditions with ours in it, or undefined if nothing changes. The time of a transition is that of a change of
 * `status`, as the API conventions want it.
 */
export function withVerdicts(
  before: readonly Condition[],
  verdicts: readonly Verdict[],
  now: string,
): readonly Condition[] | undefined {
  let isChanged = false;
  const conditions = [...before];
  for (const verdict of verdicts) {
    const at = conditions.findIndex(({ type }) => type === verdict.type);
    const found = conditions[at];
    const isSame = found?.status === verdict.status;
    if (isSame && found.reason === verdict.reason && found.message === verdict.message) continue;
    isChanged = true;
    const lastTransitionTime = (isSame && found.lastTransitionTime) || now;
    const condition = { ...found, ...verdict, lastTransitionTime };
    if (at < 0) conditions.push(condition);
    else conditions[at] = condition;
  }
  return isChanged ? conditions : undefined;
}
