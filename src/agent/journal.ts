import type { CallFrame } from "../cni/wire.ts";

/** A call that was answered with success before its work was done; the journal owes it. */
export type Pending = {
  readonly id: number;
  readonly call: CallFrame;
  /** Milliseconds since 1970. */
  readonly accepted: number;
  readonly attempts: number;
  readonly due: number;
  readonly error: string;
};

/**
 * Where the entries are. A write has reached the disk when its method returns; a method that could not do its work
 * throws. Other processes may use the same place.
 */
export interface JournalStorage {
  /** Adds an entry and takes those of the given ids away, both or nothing. */
  insert(entry: Omit<Pending, "id">, instead: readonly number[]): void;
  remove(id: number): void;
  /** Counts an attempt that failed. */
  postpone(id: number, due: number, error: string): void;
  has(id: number): boolean;
  /** What is owed for an attachment, oldest first. */
  of(sandbox: string, ifname: string): readonly Pending[];
  /** What is due by `now`, or only after `latest`; most overdue first. */
  due(now: number, latest: number, limit: number): readonly Pending[];
  /** The oldest entries. */
  first(limit: number): readonly Pending[];
  count(): number;
  /** When the next entry is due; undefined if nothing is owed. */
  nextDue(): number | undefined;
  close(): void;
}

/** A node that owes more than this has another problem, and a runtime that gets an error asks again by itself. */
const MAX_PENDING = 20_000;

/**
 * What the node still owes to stores that were away. Methods throw what the storage throws: a caller that cannot
 * record must not answer success.
 */
export class Journal {
  readonly #storage: JournalStorage;
  /** No fewer than there are: nearly always nothing is owed, and then no ADD needs to look. */
  #most: number;

  constructor(storage: JournalStorage) {
    this.#storage = storage;
    this.#most = storage.count();
  }

  /** Takes over the work of the call; a repetition takes the place of what is owed for the same attachment. */
  add(call: CallFrame, error: string, now: number): void {
    if (this.depth() >= MAX_PENDING) throw new Error(`the journal holds ${MAX_PENDING} calls`);
    const same = this.of(call).filter(
      (owed) => owed.call.plugin === call.plugin && owed.call.stdin === call.stdin,
    );
    const entry = { call, accepted: now, attempts: 0, due: now, error };
    this.#most++;
    this.#storage.insert(
      entry,
      same.map(({ id }) => id),
    );
  }

  /** What is owed for the attachment: an ADD for it must not be undone by a DEL from before. */
  of({ env }: Pick<CallFrame, "env">): readonly Pending[] {
    if (this.#most === 0) return [];
    return this.#storage.of(env.CNI_CONTAINERID ?? "", env.CNI_IFNAME ?? "");
  }

  /**
   * What is due now, most overdue first. An entry that would be due only after `latest` was written before somebody set
   * the clock back, and is due as well.
   */
  due(now: number, limit: number, latest = Number.MAX_SAFE_INTEGER): readonly Pending[] {
    return this.#storage.due(now, latest, limit);
  }

  /** The oldest entries. */
  first(limit: number): readonly Pending[] {
    return this.#storage.first(limit);
  }

  has(id: number): boolean {
    return this.#storage.has(id);
  }

  remove(id: number): void {
    this.#storage.remove(id);
  }

  /** Counts an attempt that failed; `due` is when the next one is, in milliseconds since 1970. */
  postpone(id: number, due: number, error: string): void {
    this.#storage.postpone(id, due, error);
  }

  depth(): number {
    this.#most = this.#storage.count();
    return this.#most;
  }

  /** When the next entry is due; undefined if nothing is owed. */
  nextDue(): number | undefined {
    return this.#storage.nextDue();
  }

  close(): void {
    this.#storage.close();
  }
}
