import type { JournalStorage, Pending } from "../../src/agent/journal.ts";
import { Killed, type Process } from "./process.ts";

/** What goes wrong at the next write. `torn`, `whole`: the power fails in it, before or after it has reached the disk. */
export type DiskFault = "torn" | "whole" | "full";

type Write =
  | { readonly do: "insert"; readonly entry: Pending; readonly instead: readonly number[] }
  | { readonly do: "remove"; readonly id: number }
  | { readonly do: "postpone"; readonly id: number; readonly due: number; readonly error: string };

/** The disk of a node: what a sync has brought there outlives every end of a process. */
export class Disk {
  /** Writes that have reached the platter, in their order. */
  #synced: Write[] = [];
  #cached: Write[] = [];
  /** False: `sync` lies, and a power failure takes away what was written since. */
  honest = true;
  fault: DiskFault | undefined;
  /** Faults that have struck. */
  struck = 0;

  /** Opens the journal for one life of a process. */
  open(process: Process, onPowerFailure: () => void): JournalStorage {
    return new DiskJournal(this, process, onPowerFailure);
  }

  entries(): Map<number, Pending> {
    return replay([...this.#synced, ...this.#cached]);
  }

  write(write: Write): void {
    this.#cached.push(write);
    if (this.honest) this.#sync();
  }

  /** What was not synced is lost. */
  loseCache(): void {
    this.#cached = [];
  }

  /** A copy, as a snapshot of the machine has it. */
  snapshot(): readonly Pending[] {
    return [...this.entries().values()];
  }

  /** The machine comes back as it was at a snapshot. */
  restore(entries: readonly Pending[]): void {
    this.#synced = entries.map((entry) => ({ do: "insert", entry, instead: [] }));
    this.#cached = [];
  }

  #sync(): void {
    this.#synced.push(...this.#cached);
    this.#cached = [];
    if (this.#synced.length > 64)
      this.#synced = [...replay(this.#synced).values()].map((entry) => ({
        do: "insert",
        entry,
        instead: [],
      }));
  }
}

function replay(writes: readonly Write[]): Map<number, Pending> {
  const entries = new Map<number, Pending>();
  for (const write of writes) {
    if (write.do === "insert") {
      for (const id of write.instead) entries.delete(id);
      entries.set(write.entry.id, write.entry);
    } else if (write.do === "remove") entries.delete(write.id);
    else {
      const entry = entries.get(write.id);
      if (!entry) continue;
      const { due, error } = write;
      entries.set(write.id, { ...entry, due, error, attempts: entry.attempts + 1 });
    }
  }
  return entries;
}

/** The journal as one process has it open: each change is one atomic write, as a transaction of SQLite is. */
class DiskJournal implements JournalStorage {
  readonly #disk: Disk;
  readonly #process: Process;
  readonly #onPowerFailure: () => void;
  #entries: Map<number, Pending>;
  #next: number;

  constructor(disk: Disk, process: Process, onPowerFailure: () => void) {
    this.#disk = disk;
    this.#process = process;
    this.#onPowerFailure = onPowerFailure;
    this.#entries = disk.entries();
    this.#next = Math.max(0, ...this.#entries.keys()) + 1;
  }

  insert(entry: Omit<Pending, "id">, instead: readonly number[]): void {
    this.#write({ do: "insert", entry: { ...entry, id: this.#next++ }, instead });
  }

  remove(id: number): void {
    this.#write({ do: "remove", id });
  }

  postpone(id: number, due: number, error: string): void {
    this.#write({ do: "postpone", id, due, error });
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  of(sandbox: string, ifname: string): readonly Pending[] {
    return [...this.#entries.values()].filter(
      ({ call: { env } }) => env.CNI_CONTAINERID === sandbox && env.CNI_IFNAME === ifname,
    );
  }

  due(now: number, latest: number, limit: number): readonly Pending[] {
    const due = [...this.#entries.values()].filter(({ due }) => due <= now || due > latest);
    return due.sort((a, b) => a.due - b.due || a.id - b.id).slice(0, limit);
  }

  first(limit: number): readonly Pending[] {
    return [...this.#entries.values()].slice(0, limit);
  }

  count(): number {
    return this.#entries.size;
  }

  nextDue(): number | undefined {
    return this.#entries.size === 0
      ? undefined
      : Math.min(...[...this.#entries.values()].map(({ due }) => due));
  }

  close(): void {
    this.#entries = new Map();
  }

  #write(write: Write): void {
    if (!this.#process.isAlive) throw new Killed();
    const { fault } = this.#disk;
    if (fault !== undefined) {
      this.#disk.fault = undefined;
      this.#disk.struck++;
    }
    if (fault === "full") throw new Error("database or disk is full");
    if (fault !== "torn") this.#disk.write(write);
    if (fault !== undefined) {
      this.#onPowerFailure();
      throw new Killed();
    }
    this.#entries = this.#disk.entries();
  }
}
