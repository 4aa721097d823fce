import { statSync } from "node:fs";
import type { StoreChoice } from "../config/index.ts";
import { err, ok, type Result } from "../result.ts";
import { openStore } from "../store/open.ts";
import type { PoolUsage, Store, StoreError } from "../store/store.ts";
import { Batching, type Caller } from "./batching.ts";

/** More databases than this on one node is nobody's intention; the one that was idle for longest is closed. */
const MAX_STORES = 32;

type Entry = {
  readonly choice: StoreChoice;
  readonly batching: Batching;
  open: { store: Store; identity: string | undefined } | undefined;
  lastUse: number;
};

/** The stores that the agent keeps open, one for each that a configuration names. */
export class Stores {
  readonly #entries = new Map<string, Entry>();
  readonly #committed: (changes: number) => void;

  /** `committed` is told the number of changes in each commit. */
  constructor(committed: (changes: number) => void) {
    this.#committed = committed;
  }

  /** The store for one call. It is opened when the call first needs it; calls that arrive together share commits. */
  get(choice: StoreChoice, caller: Caller): Result<Store, StoreError> {
    const key = JSON.stringify(choice);
    const entry = this.#entries.get(key) ?? this.#add(key, choice);
    entry.lastUse = Date.now();
    const opened = openIn(entry);
    return opened.ok ? ok(entry.batching.for(caller, opened.value.name)) : opened;
  }

  /** How full the pools of the open stores are, store by store. */
  async pools(): Promise<{ store: string; pools: Result<readonly PoolUsage[], StoreError> }[]> {
    const open = [...this.#entries.values()].flatMap(({ open }) => (open ? [open.store] : []));
    return Promise.all(open.map(async (store) => ({ store: store.name, pools: await store.pools() })));
  }

  /** Closes all; those that are needed again are opened anew, with today's files behind their names. */
  close(): void {
    for (const entry of this.#entries.values()) closeIn(entry);
  }

  #add(key: string, choice: StoreChoice): Entry {
    if (this.#entries.size >= MAX_STORES) this.#evict();
    const entry: Entry = {
      choice,
      open: undefined,
      lastUse: 0,
      batching: new Batching({
        open: () => openIn(entry),
        now: Date.now,
        pause: (ms) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))),
        committed: this.#committed,
      }),
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #evict(): void {
    const idle = [...this.#entries].filter(([, { batching }]) => batching.idle);
    const [oldest] = idle.sort(([, a], [, b]) => a.lastUse - b.lastUse);
    if (oldest === undefined) return;
    closeIn(oldest[1]);
    this.#entries.delete(oldest[0]);
  }
}

function openIn(entry: Entry): Result<Store, StoreError> {
  const before = identityOf(entry.choice);
  // A file that was moved away or restored from a backup: what is written to the old one counts for nobody.
  if (entry.open && entry.open.identity !== before) closeIn(entry);
  if (entry.open) return ok(entry.open.store);
  // No patience inside: waiting there would hold up every other call. Batching waits outside.
  const opened = openStore(entry.choice, 0, true);
  if (!opened.ok) return opened;
  const identity = identityOf(entry.choice);
  if (before !== undefined && identity !== before) {
    opened.value.close();
    return err({ ...REPLACED, store: opened.value.name });
  }
  entry.open = { store: opened.value, identity };
  return ok(opened.value);
}

const REPLACED = {
  code: "store_busy",
  retry: "transient",
  message: "the database is being replaced",
  hint: "the call is tried again",
} as const;

function closeIn(entry: Entry): void {
  entry.open?.store.close();
  entry.open = undefined;
}

/** What tells one database file from its successor under the same name. */
function identityOf(choice: StoreChoice): string | undefined {
  if (choice.kind !== "sqlite") return "kubernetes";
  try {
    const { dev, ino } = statSync(choice.path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined; // opening it says why
  }
}
