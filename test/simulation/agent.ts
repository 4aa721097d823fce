import { Calls } from "../../src/agent/calls.ts";
import { Failures } from "../../src/agent/failures.ts";
import { Journal, type JournalStorage } from "../../src/agent/journal.ts";
import { AgentMetrics } from "../../src/agent/observe.ts";
import { Replay } from "../../src/agent/replay.ts";
import { Stores } from "../../src/agent/stores.ts";
import type { CallFrame } from "../../src/cni/wire.ts";
import type { Host } from "../../src/ipam/host.ts";
import { invoke, type Reply } from "../../src/ipam/invoke.ts";
import { PATIENCE_ALONE } from "../../src/ipam/machine.ts";
import { Client } from "../../src/kube/client.ts";
import type { Transport } from "../../src/kube/transport.ts";
import type { Log } from "../../src/log.ts";
import { ok } from "../../src/result.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import type { SliceJournals } from "../../src/store/kubernetes/slices/journal.ts";
import { SlicedStore } from "../../src/store/kubernetes/slices/sliced-store.ts";
import type { Store } from "../../src/store/store.ts";
import { NAMESPACE } from "../store/cluster.ts";
import type { Process } from "./process.ts";

/** What a process of Berth is given of its machine. Defects of a test come in here and nowhere else. */
export type Surroundings = {
  readonly node: string;
  readonly process: Process;
  readonly wire: Transport;
  readonly storage: JournalStorage;
  readonly slices: SliceJournals;
  /** Milliseconds that a change of a slice may wait before the agent writes it to the API server. */
  readonly writeDelay: number;
  readonly log: Log;
  /** Stands between plugin and store. */
  readonly store?: (store: Store, call: CallFrame) => Store;
};

const MAX_CALLS = 512;

/** The agent of a node: its real parts, without sockets. */
export class SimulatedAgent {
  readonly journal: Journal;
  readonly #calls: Calls;
  readonly #replay: Replay;

  constructor(here: Surroundings) {
    const { process, storage, log, node } = here;
    const { clock } = process;
    this.journal = new Journal(storage);
    const metrics = new AgentMetrics(clock.now());
    const stores = new Stores({
      clock,
      open: () => {
        const store = openStore(here, true, 10_000, here.writeDelay);
        store.resume();
        return ok(store);
      },
      committed: (changes) => metrics.committed(changes),
    });
    this.#calls = new Calls({
      clock,
      host: (own, store, call) =>
        hostOf(here, node, own, (choice) => {
          const opened = store(choice);
          return opened.ok && here.store ? ok(here.store(opened.value, call)) : opened;
        }),
      stores,
      journal: this.journal,
      metrics,
      failures: new Failures(),
      maxCalls: () => MAX_CALLS,
      logOf: () => log,
      owed: () => this.#replay.schedule(),
    });
    this.#replay = new Replay({ calls: this.#calls, journal: this.journal, metrics, clock, log });
    // As an agent in a pod does: what the process before it left in slices is written without a call.
    stores.warm({ kind: "kubernetes", kubeconfig: "" });
    this.#replay.schedule();
  }

  answer(call: CallFrame, gone: () => boolean): Promise<Reply> {
    return this.#calls.answer(call, { pid: 0, gone });
  }
}

/** `berth cni`: what the shim runs where no agent answers. */
export async function oneShot(here: Surroundings, call: CallFrame): Promise<Reply> {
  const { storage, node, log } = here;
  if (call.env.CNI_COMMAND === "ADD") {
    const journal = new Journal(storage);
    for (const { id } of journal.of(call)) journal.remove(id);
  }
  let opened: Store | undefined;
  const host = hostOf(here, node, log, () => {
    opened = openStore(here, false, PATIENCE_ALONE, 0);
    return ok(here.store ? here.store(opened, call) : opened);
  });
  const reply = await invoke({ plugin: "whereabouts", env: call.env, stdin: call.stdin }, host);
  await opened?.flush?.();
  opened?.close();
  return reply;
}

function openStore(here: Surroundings, staying: boolean, patience: number, writeDelay: number): SlicedStore {
  const { process, wire, log, slices, node } = here;
  const { clock } = process;
  const client = new Client(process.wire(wire), clock, { namespace: NAMESPACE });
  const store = new KubernetesStore(client, { clock, log, patience, staying, node });
  return new SlicedStore(
    store,
    { clock, log, patience },
    { journals: slices, writeDelay, sandboxes: () => [] },
  );
}

function hostOf({ process }: Surroundings, node: string, log: Log, store: Host["store"]): Host {
  return {
    store,
    log,
    readFile: () => undefined,
    netnsId: () => undefined,
    node: () => node,
    now: process.clock.now,
    inCluster: true,
  };
}
