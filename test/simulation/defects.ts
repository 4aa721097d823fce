import type { JournalStorage } from "../../src/agent/journal.ts";
import type { CallFrame } from "../../src/cni/wire.ts";
import { formatCidr, parseCidr } from "../../src/ip/cidr.ts";
import type { ApiRequest, ApiResponse, Transport, TransportError } from "../../src/kube/transport.ts";
import { ok, type Result } from "../../src/result.ts";
import type { SliceJournals } from "../../src/store/kubernetes/slices/journal.ts";
import type { Store } from "../../src/store/store.ts";
import type { Defect } from "./defect.ts";

type Answer = Promise<Result<ApiResponse, TransportError>>;
type Send = (request: ApiRequest) => Answer;

/** A wire on which requests become others, or get other answers. */
function rewired(change: (request: ApiRequest, send: Send) => Answer): (wire: Transport) => Transport {
  return (wire) => ({
    server: wire.server,
    request: (request, timeout, signal) => change(request, (sent) => wire.request(sent, timeout, signal)),
    stream: (request, onLine, signal) => wire.stream(request, onLine, signal),
    close: () => wire.close(),
  });
}

type Op = { op: string; path: string; value?: unknown };

function opsOf({ method, path, body = "[]" }: ApiRequest): Op[] | undefined {
  return method === "PATCH" && path.includes("/ippools/") ? JSON.parse(body) : undefined;
}

function isReservation({ path }: ApiRequest): boolean {
  return path.includes("/overlappingrangeipreservations");
}

/** Pool patches do not test whether their offsets are free or still theirs. */
const noTest = rewired((request, send) => {
  const ops = opsOf(request);
  if (!ops) return send(request);
  const kept = ops.filter(({ op, path }) => op !== "test" || !path.startsWith("/spec/allocations/"));
  return send({ ...request, body: JSON.stringify(kept) });
});

/** The pool is written while the reservation still waits: its creation is answered at once and sent a second later. */
const reservationLast: Defect["wire"] = (wire, { clock }) =>
  rewired((request, send) => {
    if (request.method !== "POST" || !isReservation(request)) return send(request);
    clock.after(1_000, () => void send(request));
    const object = JSON.parse(request.body ?? "{}");
    object.metadata.resourceVersion = "1";
    return Promise.resolve(ok({ status: 201, headers: {}, body: JSON.stringify(object) }));
  })(wire);

/** A patch of a pool is answered with what it would make of the pool, half a second before the server sees it. */
const early: Defect["wire"] = (wire, { clock }) =>
  rewired(async (request, send) => {
    const ops = opsOf(request);
    const before = ops && (await read(request.path, send));
    if (!ops || before === undefined) return send(request);
    clock.after(500, () => void send(request));
    return ok({ status: 200, headers: {}, body: patched(before, ops) });
  })(wire);

/** The pool as it would be after the patch, whatever its tests say. */
function patched(pool: string, ops: readonly Op[]): string {
  const object: { spec: { allocations: Record<string, unknown> } } = JSON.parse(pool);
  for (const { op, path, value } of ops) {
    const offset = path.split("/")[3];
    if (op === "test" || offset === undefined) continue;
    if (op === "remove") delete object.spec.allocations[offset];
    else object.spec.allocations[offset] = value;
  }
  return JSON.stringify(object);
}

async function read(path: string, send: Send): Promise<string | undefined> {
  const headers = { accept: "application/json" };
  const answer = await send({ method: "GET", path, headers });
  return answer.ok && answer.value.status === 200 ? answer.value.body : undefined;
}

/** A write whose answer was lost counts as done, and nobody looks. */
const lostIsDone: NonNullable<Defect["wire"]> = (wire) => {
  return {
    server: wire.server,
    stream: (request, onLine, signal) => wire.stream(request, onLine, signal),
    close: () => wire.close(),
    request: async (request, timeout, signal) => {
      const ops = opsOf(request);
      const before = ops && (await read(request.path, (sent) => wire.request(sent, timeout)));
      const answer = await wire.request(request, timeout, signal);
      if (answer.ok || !answer.error.sent || before === undefined || !ops) return answer;
      return ok({ status: 200, headers: {}, body: patched(before, ops) });
    },
  };
};

/** Nothing is ever written down, and it is said to be. */
function forgetful(storage: JournalStorage): JournalStorage {
  return new Proxy(storage, {
    get: (target, key) => {
      if (key === "insert") return () => undefined;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** DEL frees only what lies in the ranges of the configuration that it comes with. */
function byConfig(store: Store, call: CallFrame): Store {
  const { ipam }: { ipam: { ipRanges?: { range: string }[] } } = JSON.parse(call.stdin);
  const ranges = (ipam.ipRanges ?? []).map(({ range }) => {
    const [first = "", last = ""] = range.split("-");
    const cidr = parseCidr(last === "" ? first : `${first}/${last.split("/")[1]}`, "sloppy");
    return cidr.ok ? formatCidr(cidr.value) : "";
  });
  return wrapped(store, async (changes, patience) => {
    const [change] = changes;
    if (change?.kind !== "release") return store.commit(changes, patience);
    const held = await store.claims({ attachment: change });
    if (!held.ok) return held;
    const isElsewhere = held.value.some(({ pool }) => !ranges.includes(formatCidr(pool.range)));
    return isElsewhere ? ok([{ kind: "released", claims: [] }]) : store.commit(changes, patience);
  });
}

/** DEL frees what the pod has at the interface, whatever sandbox asks. */
function byPod(store: Store, call: CallFrame): Store {
  const name = /K8S_POD_NAME=([^;]*)/.exec(call.env.CNI_ARGS ?? "")?.[1] ?? "";
  return wrapped(store, async (changes, patience) => {
    const [change] = changes;
    if (change?.kind !== "release") return store.commit(changes, patience);
    const held = await store.claims({ pod: { namespace: "default", name } });
    if (!held.ok) return held;
    const sandbox = held.value.find(({ owner }) => owner.ifname === change.ifname)?.owner.sandbox;
    return store.commit([{ ...change, sandbox: sandbox ?? change.sandbox }], patience);
  });
}

/** ADD is content with the first of its addresses. */
function halfDone(store: Store): Store {
  return wrapped(store, (changes, patience) =>
    store.commit(
      changes.map((change) =>
        change.kind === "acquire" ? { ...change, wants: change.wants.slice(0, 1) } : change,
      ),
      patience,
    ),
  );
}

/** A reservation is deleted by its name alone, in whatever version it is by then. */
const unconditional = rewired((request, send) => {
  if (request.method !== "DELETE" || !isReservation(request)) return send(request);
  const { preconditions: _, ...options } = JSON.parse(request.body ?? "{}");
  return send({ ...request, body: JSON.stringify(options) });
});

/** What a node gives in its slices is not written down. */
function unwritten(journals: SliceJournals): SliceJournals {
  return {
    exists: (store) => journals.exists(store),
    open: (store) => {
      const journal = journals.open(store);
      return {
        rows: () => journal.rows(),
        grants: () => journal.grants(),
        write: () => undefined,
        keepGrants: (grants) => journal.keepGrants(grants),
        close: () => journal.close(),
      };
    },
  };
}

function wrapped(store: Store, commit: Store["commit"]): Store {
  return {
    name: store.name,
    commit,
    preview: (request) => store.preview(request),
    claims: (filter) => store.claims(filter),
    pools: () => store.pools(),
    close: () => store.close(),
  };
}

/** Mistakes that the simulation has to find, each within so many steps of scenarios from seed 1 on. */
export const DEFECTS: readonly { readonly name: string; readonly within: number; readonly defect: Defect }[] =
  [
    { name: "a patch without its test of the offset", within: 100_000, defect: { wire: noTest } },
    { name: "the reservation after the pool", within: 100_000, defect: { wire: reservationLast } },
    { name: "the result before the acknowledgement", within: 100_000, defect: { wire: early } },
    { name: "DEL by configuration instead of owner", within: 300_000, defect: { store: byConfig } },
    { name: "DEL by pod instead of sandbox", within: 100_000, defect: { store: byPod } },
    { name: "half of a dual-stack ADD", within: 100_000, defect: { store: halfDone } },
    { name: "no journal", within: 100_000, defect: { storage: forgetful } },
    { name: "no second try after a lost answer", within: 100_000, defect: { wire: lostIsDone } },
    { name: "a reservation deleted by name alone", within: 100_000, defect: { wire: unconditional } },
    { name: "slices without a journal", within: 100_000, defect: { slices: unwritten } },
    { name: "grace time zero", within: 300_000, defect: { grace: 0 } },
  ];
