import type { Claim } from "../allocation/claim.ts";
import { podRef } from "../allocation/owner.ts";
import type { Clock, Timer } from "../clock.ts";
import { type Holding, mergeHoldings } from "../inspect/holding.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import type { KubeClient } from "../kube/api.ts";
import { ATTACHMENTS, EVENTS, PODS } from "../kube/objects.ts";
import { WatchCache } from "../kube/watch-cache.ts";
import { networksOf } from "../lint/index.ts";
import type { Log } from "../log.ts";
import { readShards } from "../reconciler/history/shards.ts";
import type { Facts } from "./live.ts";
import { newest, noticeOf } from "./notices.ts";

/** How long the first reading may take, in milliseconds; what is not there by then comes with a later change. */
const PATIENCE = 5_000;
/** The addresses of a pod that has just ended are on their way back; milliseconds. */
const GRACE = 300_000;

/** What a cluster knows besides the claims: the networks of its attachments, which pods there are, and what Berth warned of. */
export class ClusterFacts implements Facts {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  /** Pods that have ended within the grace time, and when, by `namespace/name`, oldest first. */
  readonly #ended = new Map<string, number>();
  #after: Timer | undefined;
  readonly #attachments;
  readonly #pods;
  readonly #events;

  constructor(client: KubeClient, clock: Clock, log: Log) {
    this.#client = client;
    this.#clock = clock;
    this.#attachments = new WatchCache({ client, clock, log, resource: ATTACHMENTS, project: networksOf });
    const project = ({ metadata }: { metadata: { uid?: string } }) => metadata.uid ?? "";
    this.#pods = new WatchCache({ client, clock, log, resource: PODS, metadataOnly: true, project });
    const fieldSelector = "type=Warning";
    // Not everybody may see Events of all namespaces, and the page is whole without them.
    const quiet = () => undefined;
    this.#events = new WatchCache({
      client,
      clock,
      log: quiet,
      resource: EVENTS,
      fieldSelector,
      project: noticeOf,
    });
  }

  /** Begins to watch, and waits a while for the first lists. */
  async start(): Promise<void> {
    this.#attachments.start();
    this.#pods.start();
    this.#events.start();
    await Promise.all([this.#attachments.whenSynced(PATIENCE), this.#pods.whenSynced(PATIENCE)]);
  }

  async networks() {
    return [...this.#attachments.values()].flat();
  }

  /** What the reconciler has taken down of an address, newest first. */
  async history(address: Address): Promise<readonly Holding[]> {
    const shards = await readShards(this.#client);
    if (!shards.ok) throw new Error(shards.error.message);
    const text = formatAddress(address);
    const all = shards.value.flatMap(({ holdings }) => holdings.filter((one) => one.address === text));
    return mergeHoldings(all);
  }

  notices() {
    return newest([...this.#events.values()]);
  }

  onChange(told: (what: "everything" | "notices") => void): void {
    this.#attachments.onChange(() => told("everything"));
    this.#events.onChange(() => told("notices"));
    this.#pods.onChange(({ type, name }) => {
      if (type === "deleted") this.#noteEnd(`${name.namespace}/${name.name}`, told);
    });
  }

  /** Once the grace time is over its addresses are looked at again. */
  #noteEnd(pod: string, told: (what: "everything") => void): void {
    const now = this.#clock.elapsed();
    this.#ended.delete(pod);
    this.#ended.set(pod, now);
    for (const [earlier, at] of this.#ended) {
      if (now - at < GRACE) break;
      this.#ended.delete(earlier);
    }
    this.#after ??= this.#clock.after(GRACE, () => {
      this.#after = undefined;
      told("everything");
    });
  }

  /** Only a full list of pods proves that one is gone; a pod of the same name with another uid is another pod. */
  isGone = ({ owner: { pod } }: Claim): boolean => {
    if (!this.#pods.isSynced || this.#pods.lastError !== undefined) return false;
    const uid = this.#pods.get({ namespace: pod.namespace, name: pod.name });
    return uid === undefined || (pod.uid !== undefined && uid !== "" && uid !== pod.uid);
  };

  /** Gone, and for so long that its addresses should be back. */
  isStranded = (claim: Claim): boolean => {
    const ended = this.#ended.get(podRef(claim.owner.pod));
    return this.isGone(claim) && (ended === undefined || this.#clock.elapsed() - ended >= GRACE);
  };

  async stop(): Promise<void> {
    this.#after?.cancel();
    await Promise.all([this.#attachments.stop(), this.#pods.stop(), this.#events.stop()]);
    this.#client.close();
  }
}
