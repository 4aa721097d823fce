import type { JournalStorage, Pending } from "../../src/agent/journal.ts";
import type {
  Grant,
  SliceJournal,
  SliceJournals,
  SliceRow,
} from "../../src/store/kubernetes/slices/journal.ts";
import type { Disk, Files } from "./disk.ts";
import type { Process } from "./process.ts";

type Write = (change: (files: Files) => void) => void;

/** The journal of calls that are owed, as one process has it open. */
export function openJournal(disk: Disk, process: Process, onPowerFailure: () => void): JournalStorage {
  return new DiskJournal(disk, (change) => disk.write(process, onPowerFailure, change));
}

/** The journal of the node's slices: one process at a time has it. `changed` is told what has reached the disk. */
export function openSliceJournals(
  disk: Disk,
  process: Process,
  onPowerFailure: () => void,
  changed: (row: Pick<SliceRow, "pool" | "offset" | "held">) => void,
): SliceJournals {
  return {
    exists: () => disk.files.rows !== undefined,
    open: () => {
      if (!disk.lock(process)) throw new Error("database is locked");
      const write: Write = (change) => disk.write(process, onPowerFailure, change);
      if (disk.files.rows === undefined)
        write((files) => {
          files.rows = new Map();
        });
      return new DiskSlices(disk, process, write, changed);
    },
  };
}

class DiskJournal implements JournalStorage {
  readonly #disk: Disk;
  readonly #write: Write;

  constructor(disk: Disk, write: Write) {
    this.#disk = disk;
    this.#write = write;
  }

  insert(entry: Omit<Pending, "id">, instead: readonly number[]): void {
    const id = Math.max(0, ...this.#entries().keys()) + 1;
    this.#write(({ pending }) => {
      for (const old of instead) pending.delete(old);
      pending.set(id, { ...entry, id });
    });
  }

  remove(id: number): void {
    this.#write(({ pending }) => pending.delete(id));
  }

  postpone(id: number, due: number, error: string): void {
    this.#write(({ pending }) => {
      const entry = pending.get(id);
      if (entry) pending.set(id, { ...entry, due, error, attempts: entry.attempts + 1 });
    });
  }

  has(id: number): boolean {
    return this.#entries().has(id);
  }

  of(sandbox: string, ifname: string): readonly Pending[] {
    return [...this.#entries().values()].filter(
      ({ call: { env } }) => env.CNI_CONTAINERID === sandbox && env.CNI_IFNAME === ifname,
    );
  }

  due(now: number, latest: number, limit: number): readonly Pending[] {
    const due = [...this.#entries().values()].filter(({ due }) => due <= now || due > latest);
    return due.sort((a, b) => a.due - b.due || a.id - b.id).slice(0, limit);
  }

  first(limit: number): readonly Pending[] {
    return [...this.#entries().values()].slice(0, limit);
  }

  count(): number {
    return this.#entries().size;
  }

  nextDue(): number | undefined {
    const dues = [...this.#entries().values()].map(({ due }) => due);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  close(): void {
    // Every write is complete by itself.
  }

  #entries(): ReadonlyMap<number, Pending> {
    return this.#disk.files.pending;
  }
}

class DiskSlices implements SliceJournal {
  readonly #disk: Disk;
  readonly #process: Process;
  readonly #write: Write;
  readonly #changed: (row: Pick<SliceRow, "pool" | "offset" | "held">) => void;

  constructor(
    disk: Disk,
    process: Process,
    write: Write,
    changed: (row: Pick<SliceRow, "pool" | "offset" | "held">) => void,
  ) {
    this.#disk = disk;
    this.#process = process;
    this.#write = write;
    this.#changed = changed;
  }

  rows(): readonly SliceRow[] {
    return [...(this.#disk.files.rows?.values() ?? [])];
  }

  grants(): readonly Grant[] {
    return this.#disk.files.grants;
  }

  write(puts: readonly SliceRow[], removes: readonly Pick<SliceRow, "pool" | "offset">[]): void {
    if (puts.length === 0 && removes.length === 0) return;
    this.#write((files) => {
      files.rows ??= new Map();
      for (const row of removes) files.rows.delete(keyOf(row));
      for (const row of puts) files.rows.set(keyOf(row), row);
      for (const { pool, offset } of removes) this.#changed({ pool, offset });
      for (const row of puts) this.#changed(row);
    });
  }

  keepGrants(grants: readonly Grant[]): void {
    this.#write((files) => {
      files.grants = grants;
    });
  }

  close(): void {
    this.#disk.unlock(this.#process);
  }
}

function keyOf({ pool, offset }: Pick<SliceRow, "pool" | "offset">): string {
  return `${pool}/${offset}`;
}
