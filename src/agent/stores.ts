import { statSync } from "node:fs";
import type { Clock } from "../clock.ts";
import type { StoreChoice } from "../config/index.ts";
import { err, ok, type Result } from "../result.ts";
import type { PoolUsage, SliceFigures, Store, StoreError } from "../store/store.ts";
import { Batching, type Caller } from "./batching.ts";

/** More databases than this on one node is nobody's intention; the one that was idle for longest is closed. */
const MAX_STORES = 32;
/** Milliseconds for looking at what is known: who asks how the node is must hear it while the API server is away. */
const SOON = 1_000;

type Entry = {
  readonly choice: StoreChoice;
  readonly batching: Batching;
  open: { store: Store; identity: string | undefined } | undefined;
  lastUse: number;
};

export type StoresOptions = {
  readonly clock: Clock;
  /** Opens a store to stay open. It must not wait: that would hold up every other call. Batching waits outside. */
  readonly open: (choice: StoreChoice) => Result<Store, StoreError>;
  /** Told the number of changes in each commit. */
  readonly committed: (changes: number) => void;
};

/** What an open store says of itself. */
export type OpenStore = {
  readonly store: string;
  readonly pools: Result<readonly PoolUsage[], StoreError>;
  /** What an administrator should look at. */
  readonly notes: readonly string[];
};

/** The stores that the agent keeps open, one for each that a configuration names. */
export class Stores {
  readonly #entries = new Map<string, Entry>();
  readonly #options: StoresOptions;

  constructor(options: StoresOptions) {
    this.#options = options;
  }

  /** The store for one call. It is opened when the call first needs it; calls that arrive together share commits. */
  get(choice: StoreChoice, caller: Caller): Result<Store, StoreError> {
    const key = JSON.stringify(choice);
    const entry = this.#entries.get(key) ?? this.#add(key, choice);
    entry.lastUse = this.#options.clock.now();
    const opened = this.#open(entry);
    if (opened.ok) return ok(entry.batching.for(caller, opened.value));
    // Locked by another process for a moment: batching opens it again until the caller's time is over.
    const { code, store: name } = opened.error;
    return code === "store_busy" ? ok(entry.batching.for(caller, { name })) : opened;
  }

  /** How full the pools of the open stores are, store by store. */
  async pools(): Promise<OpenStore[]> {
    const open = [...this.#entries.values()].flatMap(({ open }) => (open ? [open.store] : []));
    return Promise.all(
      open.map(async (store) => {
        const pools = await store.pools(SOON);
        return { store: store.name, pools, notes: store.notes?.() ?? [] };
      }),
    );
  }

  /** What this node has of slices, store by store. */
  slices(): { readonly store: string; readonly figures: SliceFigures }[] {
    return [...this.#entries.values()].flatMap(({ open }) => {
      const figures = open?.store.sliceFigures?.();
      return open && figures ? [{ store: open.store.name, figures }] : [];
    });
  }

  /** Opens a store before anybody needs it. */
  warm(choice: StoreChoice): Result<void, StoreError> {
    const key = JSON.stringify(choice);
    const opened = this.#open(this.#entries.get(key) ?? this.#add(key, choice));
    return opened.ok ? ok(undefined) : opened;
  }

  /** Brings to its place what stores have promised; what cannot be stays in their journals. */
  async flush(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ open }) => open?.store.flush?.()));
  }

  /** Closes all; those that are needed again are opened anew, with today's files behind their names. */
  close(): void {
    for (const entry of this.#entries.values()) closeIn(entry);
  }

  #add(key: string, choice: StoreChoice): Entry {
    if (this.#entries.size >= MAX_STORES) this.#evict();
    const { clock, committed } = this.#options;
    const batching = new Batching({ open: () => this.#open(entry), clock, committed });
    const entry: Entry = { choice, batching, open: undefined, lastUse: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #open(entry: Entry): Result<Store, StoreError> {
    const before = identityOf(entry.choice);
    // A file that was moved away or restored from a backup: what is written to the old one counts for nobody.
    if (entry.open && entry.open.identity !== before) closeIn(entry);
    if (entry.open) return ok(entry.open.store);
    const opened = this.#options.open(entry.choice);
    if (!opened.ok) return opened;
    const identity = identityOf(entry.choice);
    if (before !== undefined && identity !== before) {
      opened.value.close();
      return err({ ...REPLACED, store: opened.value.name });
    }
    entry.open = { store: opened.value, identity };
    return ok(opened.value);
  }

  #evict(): void {
    const idle = [...this.#entries].filter(([, { batching }]) => batching.idle);
    const [oldest] = idle.sort(([, a], [, b]) => a.lastUse - b.lastUse);
    if (oldest === undefined) return;
    closeIn(oldest[1]);
    this.#entries.delete(oldest[0]);
  }
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
