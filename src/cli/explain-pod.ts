import { ask } from "../agent/ask.ts";
import type { CallFailure } from "../agent/failures.ts";
import type { Status } from "../agent/status.ts";
import { systemClock } from "../clock.ts";
import { explainNetwork, type NetworkExplanation } from "../inspect/explain.ts";
import { NETWORKS_ANNOTATION, requestedNetworks } from "../inspect/pod-networks.ts";
import { type ClaimRecord, claimRecord } from "../inspect/records.ts";
import { listAll } from "../kube/list.ts";
import { ATTACHMENTS, EVENTS, type Event, PODS, type Pod } from "../kube/objects.ts";
import { networksOf } from "../lint/index.ts";
import { openCluster } from "../store/kubernetes/cluster.ts";
import type { Store } from "../store/store.ts";
import { harmless } from "./colour.ts";
import { explanationRecord, renderExplanation } from "./explanation.ts";
import { filterOf } from "./look.ts";
import { type Output, renderData } from "./output.ts";
import { chosenSource, type SourceOptions, storeFailed } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

const ASK_TIMEOUT = 2_000;
/** Reasons of events that are about a pod's network: Berth's own, and the kubelet's for a sandbox that cannot be made. */
const ABOUT_NETWORKS = ["AddressAllocationFailed", "FailedCreatePodSandBox", "FailedKillPod"];

/** What a cluster says of a pod. */
type InCluster = {
  readonly pod: Pod | undefined;
  readonly events: readonly Event[];
  /** What it asks for: explained, or the label of one that is no attachment with whereabouts. */
  readonly asksFor: readonly (NetworkExplanation | string)[];
  /** Whatever of this could not be asked. */
  readonly failures: readonly string[];
};

const NOWHERE: InCluster = { pod: undefined, events: [], asksFor: [], failures: [] };

/** What a pod holds, what failed, and what it would get now; the exit code. */
export async function explainPod(
  subject: string,
  store: Store,
  output: Output,
  options: SourceOptions & { readonly socket: string },
): Promise<number> {
  const held = await store.claims(filterOf(subject));
  if (!held.ok) return storeFailed(held.error);
  const claims = held.value.map(claimRecord);
  const label = subject.includes("/") ? subject : `default/${subject}`;
  const failures = await failuresHere(label, options.socket);
  const cluster = await askCluster(label, store, options);
  for (const failure of cluster.failures) toStderr(`berth explain: ${failure}\n`);
  if (output === "json" || output === "yaml") {
    const asksFor = cluster.asksFor.map((one) =>
      typeof one === "string" ? { label: one, whereabouts: false } : explanationRecord(one),
    );
    const events = cluster.events.map(eventRecord);
    toStdout(await renderData({ holds: claims, failures, events, asksFor }, output));
  } else toStdout(render(subject, claims, failures, cluster));
  const isKnown = claims.length > 0 || failures.length > 0 || cluster.pod !== undefined;
  const getsNothing = cluster.asksFor.some((one) => typeof one !== "string" && one.refusal !== undefined);
  return !isKnown || (getsNothing && claims.length === 0) ? 1 : 0;
}

/** What the agent of this node answered with an error; nothing where there is none. */
async function failuresHere(label: string, socket: string): Promise<readonly CallFailure[]> {
  const reply = await ask(socket, { plugin: "status", timeout: ASK_TIMEOUT, env: {}, stdin: "" });
  if (!reply.ok) return [];
  const { failures = [] }: Partial<Status> = JSON.parse(reply.value.stdout);
  return failures.filter(({ pod }) => pod === label);
}

async function askCluster(label: string, store: Store, options: SourceOptions): Promise<InCluster> {
  const choice = chosenSource(options);
  if (choice.kind !== "kubernetes") return NOWHERE;
  const client = openCluster(choice, systemClock);
  if (!client.ok) return NOWHERE; // the store has said why
  const [namespace = "", name = ""] = label.split("/");
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${name}`;
  const [pod, events, attachments, all] = await Promise.all([
    client.value.get(PODS, { namespace, name }),
    listAll(client.value, EVENTS, { namespace, fieldSelector }),
    listAll(client.value, ATTACHMENTS),
    store.claims({}),
  ]);
  client.value.close();
  const failures: string[] = [];
  if (!pod.ok && pod.error.code !== "not_found") failures.push(`the pod: ${pod.error.message}`);
  if (!events.ok) failures.push(`its events: ${events.error.message}`);
  if (!attachments.ok && attachments.error.code !== "kind_missing")
    failures.push(`attachments: ${attachments.error.message}`);
  const networks = attachments.ok ? attachments.value.items.flatMap(networksOf) : [];
  const claims = all.ok ? all.value : [];
  const annotation = pod.ok ? (pod.value.metadata.annotations?.[NETWORKS_ANNOTATION] ?? "") : "";
  const asksFor = requestedNetworks(annotation, namespace).map((wanted) => {
    const network = networks.find((known) => known.label === wanted.label);
    return network ? explainNetwork(network, claims) : wanted.label;
  });
  const about = events.ok ? events.value.items.filter(({ reason }) => ABOUT_NETWORKS.includes(reason)) : [];
  return { pod: pod.ok ? pod.value : undefined, events: newestFirst(about), asksFor, failures };
}

function newestFirst(events: readonly Event[]): readonly Event[] {
  return events.toSorted((a, b) => (timeOf(a) > timeOf(b) ? -1 : 1));
}

function timeOf({ lastTimestamp, firstTimestamp, metadata }: Event): string {
  return lastTimestamp ?? firstTimestamp ?? metadata.creationTimestamp ?? "";
}

function eventRecord(event: Event) {
  const { reason, message, count = 1, source } = event;
  return { last: timeOf(event), count, reason, from: source?.component ?? "", message };
}

function render(
  subject: string,
  claims: readonly ClaimRecord[],
  failures: readonly CallFailure[],
  { pod, events, asksFor }: InCluster,
): string {
  const parts = claims.map(renderHeld);
  if (claims.length === 0 && pod) parts.push(`${subject} holds no address.\n`);
  for (const { last, count, verb, code, message, ...failure } of failures) {
    const what = `${verb} ${failure.interface} of ${failure.network || failure.plugin}`;
    parts.push(`${last}  ${what} failed here ${times(count)}: ${harmless(message)} (code ${code})\n`);
  }
  for (const event of events) {
    const { last, count, reason, from, message } = eventRecord(event);
    parts.push(`${last}  ${reason} ${times(count)}, says ${from || "?"}: ${harmless(message)}\n`);
  }
  for (const one of asksFor) {
    const unknown = `${one}: no attachment with whereabouts\n`;
    parts.push(
      typeof one === "string" ? unknown : `A new pod with the same networks: ${renderExplanation(one)}`,
    );
  }
  if (parts.length === 0) return noClaims(subject);
  return parts.join("");
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function noClaims(subject: string): string {
  return `${subject} is no file here and holds no address.
If its start fails, its events name the reason (kubectl describe pod), as does the log of the agent on its node;
berth explain FILE says what a new pod of a network would get, berth status what the agent of this node answered.
`;
}

function renderHeld(claim: ClaimRecord): string {
  const { address, pod, network, pool, networkName, node, since, sandbox } = claim;
  const realm = networkName === "" ? "" : ` of the network name ${networkName}`;
  return `${address}  ${pod} ${claim.interface}
  from     ${pool}${realm}, asked for by the network ${network}
  since    ${since} on node ${node}
  sandbox  ${sandbox}
  freed    by DEL of this sandbox and interface, or by the reconciler once the pod is proven gone
`;
}
