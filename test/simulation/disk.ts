import type { Pending } from "../../src/agent/journal.ts";
import type { Grant, SliceRow } from "../../src/store/kubernetes/slices/journal.ts";
import { Killed, type Process } from "./process.ts";

/** What goes wrong at the next write. `torn`, `whole`: the power fails in it, before or after it has reached the disk. */
export type DiskFault = "torn" | "whole" | "full";

/** The files of Berth on a node. */
export type Files = {
  /** The journal of calls that are owed. */
  readonly pending: Map<number, Pending>;
  /** Addresses in the node's slices, by pool and offset; undefined: that journal was never made. */
  rows: Map<string, SliceRow> | undefined;
  grants: readonly Grant[];
};

/** The disk of a node: what a sync has brought there outlives every end of a process. */
export class Disk {
  /** On the platter; the same object as what processes see as long as no sync was a lie. */
  #durable: Files = { pending: new Map(), rows: undefined, grants: [] };
  #seen: Files = this.#durable;
  /** The process that has the journal of the slices open. */
  #owner: Process | undefined;
  /** False: `sync` lies, and a power failure takes away what was written since. */
  honest = true;
  fault: DiskFault | undefined;
  /** Counts the changes, so that readers know when to look again. */
  version = 0;

  /** As processes see it; to be read only. */
  get files(): Readonly<Files> {
    return this.#seen;
  }

  /** One atomic write with its sync, as a transaction of SQLite is. Throws as the file system does. */
  write(process: Process, onPowerFailure: () => void, change: (files: Files) => void): void {
    if (!process.isAlive) throw new Killed();
    const { fault } = this;
    this.fault = undefined;
    if (fault === "full") throw new Error("database or disk is full");
    if (fault !== "torn") this.#write(change);
    if (fault === undefined) return;
    onPowerFailure();
    throw new Killed();
  }

  /** False: another process that lives has it. */
  lock(process: Process): boolean {
    if (this.#owner?.isAlive && this.#owner !== process) return false;
    this.#owner = process;
    return true;
  }

  unlock(process: Process): void {
    if (this.#owner === process) this.#owner = undefined;
  }

  /** The power fails: what was not synced is lost. */
  loseCache(): void {
    this.#seen = this.#durable;
    this.version++;
  }

  /** A copy, as a snapshot of the machine has it. */
  snapshot(): Files {
    return copyOf(this.#seen);
  }

  /** The machine comes back as it was at a snapshot. */
  restore(files: Files): void {
    this.#durable = copyOf(files);
    this.#seen = this.#durable;
    this.version++;
  }

  #write(change: (files: Files) => void): void {
    if (this.honest) this.#durable = this.#seen;
    else if (this.#seen === this.#durable) this.#seen = copyOf(this.#durable);
    change(this.#seen);
    this.version++;
  }
}

function copyOf({ pending, rows, grants }: Files): Files {
  return { pending: new Map(pending), rows: rows && new Map(rows), grants };
}
