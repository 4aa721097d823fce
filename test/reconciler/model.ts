import type { IPPool } from "../../src/kube/objects.ts";
import { IP_POOLS } from "../../src/kube/objects.ts";
import { entriesOf, looseReservations, shared } from "../store/ledger.ts";
import { GRACE, type Trial } from "./trial.ts";

/** What happens to the cluster, drawn by chance. */
export type Step = { readonly what: (typeof STEPS)[number]; readonly pod: number; readonly node: number };

export const STEPS = [
  "create",
  "create",
  "create",
  "add again",
  "end by the book",
  "crash before DEL",
  "force delete",
  "complete",
  "node down",
  "node up",
  "late DEL",
  "wait a second",
  "wait for half the grace time",
  "wait for two grace times",
  "faults",
  "no faults",
] as const;

const PODS = 6;
const NODES = ["node-a", "node-b"];
/** A kubelet that works needs no longer to end a pod that the API knows no more. */
const KILLED_WITHIN = 5_000;

type Life = {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly sandbox: string;
  address: string;
  /** Whether its containers may run; `dying`: until that time, if its node works. */
  state: "runs" | "dying" | "over";
  until: number;
};

/** Plays users, kubelets and node failures on a trial, and knows who lives. */
export class Model {
  readonly #trial: Trial;
  readonly #lives: Life[] = [];
  /** Pods that the API knows, by name. */
  readonly #listed = new Map<string, Life>();
  readonly #down = new Set<string>();
  #sandboxes = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  async prepare(): Promise<void> {
    for (const node of NODES.slice(1)) await this.#trial.node(node);
  }

  async do(step: Step): Promise<void> {
    const name = `p${step.pod % PODS}`;
    const node = NODES[step.node % NODES.length] ?? "";
    const listed = this.#listed.get(name);
    switch (step.what) {
      case "create":
        if (!listed && !this.#down.has(node)) await this.#create(name, node);
        break;
      case "add again":
        if (listed?.state === "runs" && !this.#down.has(listed.node)) await this.#add(listed);
        break;
      case "end by the book":
        if (listed && !this.#down.has(listed.node)) {
          await this.#trial.terminate(name);
          await this.#trial.del(listed.sandbox);
          this.#over(listed);
          await this.#forget(listed);
        }
        break;
      case "crash before DEL":
        if (listed && !this.#down.has(listed.node)) {
          this.#over(listed);
          await this.#forget(listed);
        }
        break;
      case "force delete":
        if (listed) {
          if (listed.state === "runs") listed.state = "dying";
          listed.until = this.#trial.clock.elapsed() + KILLED_WITHIN;
          await this.#forget(listed);
        }
        break;
      case "complete":
        if (listed?.state === "runs" && !this.#down.has(listed.node)) {
          this.#over(listed);
          await this.#trial.status(name, { phase: step.node % 2 === 0 ? "Succeeded" : "Failed" });
        }
        break;
      case "node down":
        this.#down.add(node);
        await this.#trial.nodeReady(node, "Unknown");
        break;
      case "node up":
        if (!this.#down.delete(node)) break;
        for (const life of this.#lives) {
          if (life.node === node && life.state === "dying")
            life.until = this.#trial.clock.elapsed() + KILLED_WITHIN;
        }
        await this.#trial.nodeReady(node, "True");
        break;
      case "late DEL":
        for (const life of this.#lives.filter((one) => one.name === name && one.state === "over"))
          await this.#trial.del(life.sandbox);
        break;
      case "wait a second":
        await this.#trial.clock.advance(1_000);
        break;
      case "wait for half the grace time":
        await this.#trial.clock.advance(GRACE / 2);
        break;
      case "wait for two grace times":
        await this.#trial.clock.advance(2 * GRACE);
        break;
      case "faults":
        this.#faults();
        break;
      case "no faults":
        this.#trial.double.faults.clear();
    }
    this.#age();
  }

  /** Nobody who may still run has lost an address, and no address has two owners. */
  problems(): string[] {
    const { double } = this.#trial;
    const held = new Set(entriesOf(double).map((entry) => entry.split(" ")[0]));
    const owners = this.#owners();
    const lost = this.#lives
      .filter(({ state, address }) => state !== "over" && address !== "")
      .filter(({ uid, address }) => !held.has(address) || owners.get(address) !== uid)
      .map(({ name, uid, address }) => `${name} (${uid}) has lost ${address} to ${owners.get(address)}`);
    return [...lost, ...shared(double).map((address) => `${address} has two owners`)];
  }

  /** All is quiet: nothing is left of the dead, and everything of the living. */
  async settle(): Promise<string[]> {
    this.#trial.double.faults.clear();
    for (const [index] of NODES.entries()) await this.do({ what: "node up", pod: 0, node: index });
    await this.#trial.clock.advance(15 * 60_000);
    this.#age();
    const alive = this.#lives.filter(({ state, address }) => state !== "over" && address !== "");
    const addresses = new Set(alive.map(({ address }) => address));
    const leaked = entriesOf(this.#trial.double).filter((entry) => !addresses.has(entry.split(" ")[0] ?? ""));
    return [
      ...this.problems(),
      ...leaked.map((entry) => `leaked: ${entry}`),
      ...looseReservations(this.#trial.double),
    ];
  }

  async #create(name: string, node: string): Promise<void> {
    const uid = await this.#trial.pod(name, { node });
    // The kubelet starts a pod of a name only after it has ended the former one of this node.
    for (const former of this.#lives) if (former.name === name && former.node === node) this.#over(former);
    const sandbox = `sandbox-${this.#sandboxes++}`;
    const life: Life = { name, uid, node, sandbox, address: "", state: "runs", until: 0 };
    this.#lives.push(life);
    this.#listed.set(name, life);
    await this.#add(life);
  }

  async #add(life: Life): Promise<void> {
    const { name, uid, sandbox, node } = life;
    const address = await this.#trial.add(name, { uid, sandbox, node, range: "10.0.0.0/24" });
    if (!/^10\./.test(address)) throw new Error(`ADD of ${name}: ${address}`);
    life.address = address;
  }

  /** The API forgets the pod. */
  async #forget(life: Life): Promise<void> {
    this.#listed.delete(life.name);
    await this.#trial.remove(life.name);
  }

  #over(life: Life): void {
    life.state = "over";
  }

  #age(): void {
    for (const life of this.#lives) {
      const isKilled = life.state === "dying" && !this.#down.has(life.node);
      if (isKilled && this.#trial.clock.elapsed() >= life.until) this.#over(life);
    }
  }

  #faults(): void {
    const { faults } = this.#trial.double;
    const client = "reconciler";
    const internal = { code: 500, reason: "InternalError", message: "etcdserver: leader changed" };
    const verb = ["get", "patch", "delete", "create", "list"] as const;
    faults.plant({ client, verb, chance: 0.2 }, { do: "answer", failure: internal });
    faults.plant({ client, verb, chance: 0.1 }, { do: "drop_after" });
    faults.plant({ client, verb, chance: 0.05 }, { do: "hang" });
    faults.plant({ client, chance: 0.3 }, { do: "delay", ms: 3_000 });
    this.#trial.double.gateway.breakWatches();
  }

  #owners(): Map<string, string> {
    const owners = new Map<string, string>();
    for (const { spec } of this.#trial.double.objects(IP_POOLS) as unknown as IPPool[]) {
      for (const [offset, { uid = "" }] of Object.entries(spec.allocations))
        owners.set(`10.0.0.${offset}`, uid);
    }
    return owners;
  }
}
