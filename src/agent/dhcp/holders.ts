import type { Attachment } from "../../cni/attachments.ts";
import { CniCode, type CniError, cniError } from "../../cni/error.ts";
import { err, ok, type Result } from "../../result.ts";
import type { HolderContext } from "./context.ts";
import { Holder, type HolderState } from "./holder.ts";
import { attachmentOf, isCutOff, type LeaseRecord } from "./record.ts";

/** The leases of a node by their attachment. */
export class Holders {
  readonly #context: HolderContext;
  readonly #holders = new Map<string, readonly Holder[]>();
  /** Releases under way: an ADD of the same attachment waits for its end. */
  readonly #ending = new Map<string, Promise<Result<void, CniError>>>();

  constructor(context: HolderContext) {
    this.#context = context;
  }

  /** Goes on with what the journal says. An ADD that was cut off got no answer: what it may have leased goes back. */
  takeUp(records: readonly LeaseRecord[]): void {
    for (const [key, together] of Map.groupBy(records, (record) => keyOf(attachmentOf(record)))) {
      this.#put(key, together);
    }
    let cutOff = 0;
    for (const holders of this.#holders.values()) {
      const record = holders.map((holder) => holder.record).find(isCutOff);
      if (record === undefined) {
        for (const holder of holders) holder.adopt();
        continue;
      }
      cutOff++;
      void this.release(attachmentOf(record));
    }
    const { log } = this.#context;
    if (records.length > 0) log("verbose", "leases taken up again", { leases: records.length, cutOff });
  }

  all(): readonly Holder[] {
    return [...this.#holders.values()].flat();
  }

  /** None for an attachment that is not known. */
  get(attachment: Attachment): readonly Holder[] {
    return this.#holders.get(keyOf(attachment)) ?? [];
  }

  /** Leases that are still to be had, all of one interface. */
  add(attachment: Attachment, records: readonly LeaseRecord[]): readonly Holder[] {
    return this.#put(keyOf(attachment), records);
  }

  /** Resolves when no release of the attachment is under way. */
  async settled(attachment: Attachment): Promise<void> {
    await this.#ending.get(keyOf(attachment));
  }

  /** Gives back and forgets; a release that is under way serves all who ask for it. */
  release(attachment: Attachment): Promise<Result<void, CniError>> {
    const key = keyOf(attachment);
    const under = this.#ending.get(key) ?? this.#releaseNow(key).finally(() => this.#ending.delete(key));
    this.#ending.set(key, under);
    return under;
  }

  /** Gives back all leases of a network but those of the attachments to keep. */
  async collect(network: string, keep: readonly Attachment[]): Promise<Result<void, CniError>> {
    const kept = new Set(keep.map(keyOf));
    const attachments = [...this.#holders].flatMap(([key, [first]]) => {
      const record = first?.record;
      return record?.network === network && !kept.has(key) ? [attachmentOf(record)] : [];
    });
    for (const attachment of attachments) {
      const released = await this.release(attachment);
      if (!released.ok) return released;
    }
    return ok(undefined);
  }

  /** How many leases are in each state. */
  states(): ReadonlyMap<HolderState, number> {
    const counts = new Map<HolderState, number>();
    for (const { state } of this.all()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  /** Stops without giving anything back. */
  stop(): void {
    for (const holder of this.all()) holder.stop();
  }

  #put(key: string, records: readonly LeaseRecord[]): readonly Holder[] {
    const holders = records.map((record) => new Holder(record, this.#context));
    for (const holder of holders) holder.together = holders;
    this.#holders.set(key, holders);
    return holders;
  }

  async #releaseNow(key: string): Promise<Result<void, CniError>> {
    const holders = this.#holders.get(key) ?? [];
    const results = await Promise.all(holders.map((holder) => holder.release()));
    const failed = results.find((result) => !result.ok);
    if (failed && !failed.ok) {
      return err(cniError(CniCode.tryAgainLater, `the journal of leases cannot be written: ${failed.error}`));
    }
    if (this.#holders.get(key) === holders) this.#holders.delete(key);
    return ok(undefined);
  }
}

function keyOf({ containerId, ifname }: Attachment): string {
  return `${containerId}/${ifname}`;
}
