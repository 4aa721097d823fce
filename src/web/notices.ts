import type { Event } from "../kube/objects.ts";
import type { Notice } from "./api.ts";

/** What a person can do about an Event of Berth, by its reason; those that are not here say it themselves. */
const HINTS: { readonly [reason: string]: string } = {
  AddressAllocationFailed:
    "berth explain of the pod says what it asked for and why it got nothing; the agent tries again with each start",
  AddressPoolFull: "enlarge the range, exclude less, or release what is stranded",
  AddressPoolOver90Percent: "enlarge the range or exclude less before it is full",
  AddressPoolOver80Percent: "plan for a larger range",
  IPAddressConflict: "restart one of the two pods: it gets another address",
};

/** How many are shown; the newest. */
const MOST = 20;

/** An Event of a part of Berth, as the page shows it; undefined: of somebody else. */
export function noticeOf(event: Event): Notice | undefined {
  const { involvedObject, reason, message, count = 1, lastTimestamp, firstTimestamp, metadata } = event;
  const component = event.source?.component ?? event.reportingComponent ?? "";
  if (!component.startsWith("berth")) return undefined;
  const { kind, namespace, name } = involvedObject;
  return {
    time: lastTimestamp ?? firstTimestamp ?? metadata.creationTimestamp ?? "",
    about: `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`,
    reason,
    message,
    count,
    hint: HINTS[reason] ?? "",
  };
}

/** The newest first. */
export function newest(notices: readonly Notice[]): readonly Notice[] {
  return notices.toSorted((a, b) => b.time.localeCompare(a.time)).slice(0, MOST);
}
