import type { EventRecorder } from "../kube/events.ts";
import type { ObjectReference } from "../kube/objects.ts";
import type { Log } from "../log.ts";
import { type CaseRecord, caseRecord, WHY } from "./describe.ts";
import type { Pass } from "./pass.ts";
import type { Case, Remark } from "./survey.ts";

/** Says what a pass has done: one log line a decision, and Events where people look for them. */
export class Teller {
  readonly #log: Log;
  readonly #events: EventRecorder;
  /** Remarks are told when they are new. */
  #told = new Set<string>();

  constructor(log: Log, events: EventRecorder) {
    this.#log = log;
    this.#events = events;
  }

  /** `isRun`: a run that is told even if it found nothing. */
  tell(pass: Pass, isRun: boolean, ms: number): void {
    const freed: CaseRecord[] = [];
    for (const { one, mended } of pass.results) {
      const record = caseRecord(one, mended.kind);
      this.#line(record, mended.kind === "failed" ? mended.error.message : undefined);
      if (record.action === "free" && mended.kind === "done") freed.push(record);
    }
    this.#remarks(pass.survey.remarks);
    this.#eventsOf(pass.results.map(({ one, mended }) => ({ one, record: caseRecord(one, mended.kind) })));
    const { allocations, live } = pass.survey;
    const fields = {
      allocations,
      live,
      freed: freed.length,
      waiting: pass.survey.cases.length,
      ms: Math.round(ms),
    };
    if (freed.length > 0) {
      const list = freed.map(({ address }) => address).join(" ");
      this.#log("verbose", `successfully cleanup IPs: [${list}]`, fields);
    } else if (isRun) this.#log("debug", "no IP addresses to cleanup", fields);
    const failed = pass.error?.message ?? firstFailure(pass);
    if (failed !== undefined) this.#log("error", `reconciler failure: ${failed}`, fields);
    else if (isRun) this.#log("verbose", "reconciler success", fields);
  }

  #line(
    { action, address, pod, interface: ifname, node, object, why, outcome }: CaseRecord,
    error?: string,
  ): void {
    const fields = { action, address, pod, interface: ifname, node, object, why, outcome, error };
    const subject = address === "" ? `reservation ${object}` : `${address} of ${object}`;
    const text = `${subject} (pod ${pod}): ${WHY[why]}`;
    if (outcome === "failed") this.#log("error", `${text}; it could not be mended: ${error}`, fields);
    else if (outcome === "changed")
      this.#log("debug", `${text}; it has changed since and is left alone`, fields);
    else this.#log("verbose", text, fields);
  }

  #remarks(remarks: readonly Remark[]): void {
    const known = this.#told;
    this.#told = new Set(remarks.map(({ code, subject, message }) => `${code} ${subject} ${message}`));
    for (const remark of remarks) {
      const { code, subject, message } = remark;
      if (known.has(`${code} ${subject} ${message}`)) continue;
      this.#log("error", message, { code, subject });
      if (code !== "address_twice") continue;
      for (const podref of remark.podrefs) {
        const about = podReference(podref);
        if (about) this.#events.record(about, { type: "Warning", reason: "IPAddressConflict", message });
      }
    }
  }

  /** One Event a pod and outcome, with all its addresses: the recorder makes several of a kind one. */
  #eventsOf(results: readonly { readonly one: Case; readonly record: CaseRecord }[]): void {
    const pods = new Map<
      string,
      { about: ObjectReference; outcome: string; addresses: string[]; networks: string[] }
    >();
    for (const { one, record } of results) {
      if (one.kind !== "stranded" || record.outcome === "changed") continue;
      const { uid, network } = one.held.entry.allocation;
      const about = podReference(record.pod, uid);
      if (!about) continue;
      const key = `${record.pod} ${uid} ${record.outcome}`;
      const story = pods.get(key) ?? { about, outcome: record.outcome, addresses: [], networks: [] };
      story.addresses.push(record.address);
      story.networks.push(network ?? record.object);
      pods.set(key, story);
    }
    for (const { about, outcome, addresses, networks } of pods.values()) {
      const isDone = outcome === "done";
      const type = isDone ? "Normal" : "Warning";
      const reason = isDone ? "IPAddressGarbageCollected" : "IPAddressGarbageCollectionFailed";
      const message = isDone
        ? `successful cleanup of IP address [${addresses.join(" ")}] from network ${[...new Set(networks)].join(", ")}`
        : `failed to garbage collect addresses for pod ${about.namespace}/${about.name}`;
      this.#events.record(about, { type, reason, message });
    }
  }
}

function firstFailure({ results }: Pass): string | undefined {
  for (const { mended } of results) if (mended.kind === "failed") return mended.error.message;
  return undefined;
}

function podReference(podref: string, uid?: string): ObjectReference | undefined {
  const [namespace = "", name = "", more] = podref.split("/");
  if (namespace === "" || name === "" || more !== undefined) return undefined;
  return { apiVersion: "v1", kind: "Pod", namespace, name, ...(uid !== undefined && { uid }) };
}
