import type { Lease } from "../../dhcp/lease.ts";
import type { Result } from "../../result.ts";
import type { HolderContext } from "./context.ts";
import { type LeaseRecord, recordFromJson, recordToJson } from "./record.ts";

/**
 * What is known of one lease, in memory and in the journal. While nothing happens to the lease it is kept as text, a fraction of
 * the memory. What changes it resolves when that is on the disk; in memory it is true at once.
 */
export class LeaseEntry {
  readonly #context: HolderContext;
  #record: LeaseRecord | string;

  constructor(record: LeaseRecord, context: HolderContext) {
    this.#record = record;
    this.#context = context;
  }

  get record(): LeaseRecord {
    if (typeof this.#record !== "string") return this.#record;
    const read = recordFromJson(this.#record, 0);
    if (!read.ok) throw new Error(`a lease at rest cannot be read: ${read.error}`);
    return read.value;
  }

  get isAtRest(): boolean {
    return typeof this.#record === "string";
  }

  rest(): void {
    if (typeof this.#record !== "string") this.#record = recordToJson(this.#record, 0);
  }

  /** Ends the rest. */
  wake(): LeaseRecord {
    const { record } = this;
    this.#record = record;
    return record;
  }

  /** A server is to be asked for this. `via` is the MAC address that the last message came from, in hex. */
  intend(intent: Lease, via: string | undefined): Promise<Result<void, string>> {
    return this.#save({ ...this.record, ...(via !== undefined && { via }), intent });
  }

  /** This is given now. `trouble` says why the interface does not have it. */
  keep(lease: Lease, via: string | undefined, trouble?: string): Promise<Result<void, string>> {
    const { trouble: _, intent: __, ...rest } = this.record;
    return this.#save({ ...rest, ...(via !== undefined && { via }), lease, ...(trouble && { trouble }) });
  }

  /** Nothing is given any more; `trouble` says why. */
  lose(trouble: string): Promise<Result<void, string>> {
    const { lease: _, ...rest } = this.record;
    return this.#save({ ...rest, trouble });
  }

  /** Takes it from the journal. */
  remove(): Promise<Result<void, string>> {
    return this.#context.book.remove(this.record);
  }

  async #save(record: LeaseRecord): Promise<Result<void, string>> {
    this.#record = record;
    const { book, log } = this.#context;
    const saved = await book.save(record);
    if (!saved.ok) log("error", "the journal of leases cannot be written", { why: saved.error });
    return saved;
  }
}
