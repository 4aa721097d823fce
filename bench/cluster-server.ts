import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { formatAddress } from "../src/ip/address.ts";
import { parseCidr } from "../src/ip/cidr.ts";
import { connect } from "../src/kube/connect.ts";
import { loadKubeconfig } from "../src/kube/kubeconfig.ts";
import { poolName, reservationName } from "../src/kube/names.ts";
import { apiVersionOf, IP_POOLS, type IPAllocation, RESERVATIONS } from "../src/kube/objects.ts";
import { addressAt } from "../src/store/kubernetes/entry.ts";
import { KubernetesStore } from "../src/store/kubernetes/kubernetes.ts";

const NAMESPACE = "kube-system";

/** The API server of `apiserver.ts`, and what the benchmark does to it directly. */
export class ClusterServer {
  readonly kind: "double" | "real";
  readonly kubeconfig: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  static async start(): Promise<ClusterServer> {
    const { child, lines } = spawnServer("apiserver.ts");
    const first = await lines.next();
    if (first.done) throw new Error("the API server has not started");
    return new ClusterServer(child, lines, JSON.parse(first.value));
  }

  private constructor(
    child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    lines: AsyncIterator<string>,
    { kind, kubeconfigPath }: { kind: "double" | "real"; kubeconfigPath: string },
  ) {
    this.#child = child;
    this.#lines = lines;
    this.kind = kind;
    this.kubeconfig = kubeconfigPath;
  }

  async counts(): Promise<{ reads?: number; writes?: number }> {
    this.#child.stdin.write("counts\n");
    this.#child.stdin.flush();
    const line = await this.#lines.next();
    return line.done ? {} : JSON.parse(line.value);
  }

  /** A pool object that holds so many addresses, with their reservations. */
  async hold(range: string, count: number): Promise<void> {
    const client = this.#client();
    const made = await client.create(IP_POOLS, {
      apiVersion: apiVersionOf(IP_POOLS),
      kind: IP_POOLS.kind,
      metadata: { name: poolName(poolOf(range)), namespace: NAMESPACE },
      spec: { range, allocations: Object.fromEntries(offsets(count).map((at) => [String(at), holder(at)])) },
    });
    if (!made.ok) throw new Error(made.error.message);
    client.close();
    await this.reserve(range, count);
  }

  /** Only the reservations: another pool of the realm holds those addresses. */
  async reserve(range: string, count: number): Promise<void> {
    const client = this.#client();
    const pool = poolOf(range);
    for (let from = 1; from <= count; from += 100) {
      const answers = await Promise.all(
        offsets(Math.min(100, count - from + 1), from).map((at) => {
          const address = addressAt(pool, String(at));
          if (!address) throw new Error(`${range} has no offset ${at}`);
          const { podref, ifname = "" } = holder(at);
          return client.create(RESERVATIONS, {
            apiVersion: apiVersionOf(RESERVATIONS),
            kind: RESERVATIONS.kind,
            metadata: { name: reservationName("", address), namespace: NAMESPACE },
            spec: { podref, ifname },
          });
        }),
      );
      for (const answer of answers) if (!answer.ok) throw new Error(answer.error.message);
    }
    client.close();
  }

  /** The addresses that the pool of a range holds. */
  async held(range: string): Promise<string[]> {
    const store = new KubernetesStore(this.#client(), {
      clock: systemClock,
      log: () => undefined,
      patience: 60_000,
      staying: false,
    });
    const claims = await store.claims({});
    store.close();
    if (!claims.ok) throw new Error(claims.error.message);
    const name = poolName(poolOf(range));
    return claims.value
      .filter(({ pool }) => poolName(pool) === name)
      .map(({ address }) => formatAddress(address));
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }

  #client() {
    const connection = loadKubeconfig(this.kubeconfig, { clock: systemClock });
    if (!connection.ok) throw new Error(connection.error.message);
    return connect(connection.value, systemClock);
  }
}

function poolOf(range: string) {
  const parsed = parseCidr(range);
  if (!parsed.ok) throw new Error(parsed.error.hint);
  return { networkName: "", range: parsed.value };
}

function offsets(count: number, from = 1): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

function holder(at: number): IPAllocation {
  return { id: `held-${at}`, podref: `bench/held-${at}`, ifname: "net1" };
}

/** Starts a server of this folder in a process of its own, and reads the lines that it prints; it ends with its standard input. */
export function spawnServer(script: string, args: readonly string[] = []) {
  const child = Bun.spawn(["bun", join(import.meta.dir, script), ...args], {
    env: { ...process.env, PATH: `${join(import.meta.dir, "../node_modules/.bin")}:${process.env.PATH}` },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  return { child, lines: linesOf(child.stdout) };
}

/** The lines of a process. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}
