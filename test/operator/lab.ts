import { systemClock } from "../../src/clock.ts";
import type { KubeClient } from "../../src/kube/api.ts";
import { Client } from "../../src/kube/client.ts";
import type { LogFields } from "../../src/log.ts";
import { Operator } from "../../src/operator/operator.ts";
import { DEFAULT_WORKLOAD_SETTINGS } from "../../src/operator/workload/settings.ts";
import { Double, type DoubleOptions } from "../apiserver/double.ts";
import { ADMIN } from "../apiserver/identity.ts";
import type { Json } from "../apiserver/json.ts";

export const SETTINGS = { ...DEFAULT_WORKLOAD_SETTINGS, namespace: "openshift-multus" };

export const NETWORK_KIND = { group: "operator.openshift.io", plural: "networks" };
const ATTACHMENT_KIND = { group: "k8s.cni.cncf.io", plural: "network-attachment-definitions" };
const EVENT_KIND = { group: "", plural: "events" };

type Condition = { type: string; status: string; reason: string; message: string };

/** A cluster with an operator in it; the test is the administrator. */
export class Lab {
  readonly double: Double;
  readonly admin: KubeClient;
  readonly log: { msg: string; fields: LogFields }[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: DoubleOptions = {}) {
    this.double = new Double({ crds: "berth", namespaces: [SETTINGS.namespace, "app"], ...options });
    this.admin = this.client("admin");
  }

  client(name: string): KubeClient {
    return new Client(this.double.connect({ client: name }), systemClock, { namespace: "default" });
  }

  /** An operator's work until the signal aborts. */
  lead(client: KubeClient, signal: AbortSignal, adopts = false): Promise<void> {
    const log = (_level: string, msg: string, fields: LogFields = {}) => this.log.push({ msg, fields });
    return new Operator({ client, clock: systemClock, log, settings: SETTINGS, adopts }).run(signal);
  }

  /** Call the result to stop this one alone. */
  start(adopts = false): () => Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const running = this.lead(this.client("operator"), signal, adopts);
    this.#running = Promise.all([this.#running, running]).then(() => undefined);
    return () => {
      stop.abort();
      return running;
    };
  }

  async dispose(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  network(spec: object): void {
    this.double.seed({
      apiVersion: "operator.openshift.io/v1",
      kind: "Network",
      metadata: { name: "cluster" },
      spec: spec as Json,
    });
  }

  /** As `kubectl edit` does: the specification is replaced whole. */
  async edit(spec: object): Promise<void> {
    const patch = [{ op: "replace", path: "/spec", value: spec }] as const;
    const resource = { ...NETWORK_KIND, version: "v1", kind: "Network", namespaced: false };
    const edited = await this.admin.patch(resource, { name: "cluster" }, { type: "json", patch });
    if (!edited.ok) throw new Error(edited.error.message);
  }

  /** The same where the API server asks who is there. */
  setSpec(spec: object): void {
    this.#patch("/apis/operator.openshift.io/v1/networks/cluster", { spec });
  }

  attachment(namespace: string, name: string, config: string, more: Json = {}): void {
    this.double.seed({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { namespace, name, ...more },
      spec: { config },
    });
  }

  /** As another operator does it: at once, and without asking what was there. */
  setConditions(conditions: readonly object[]): void {
    this.#patch("/apis/operator.openshift.io/v1/networks/cluster/status", { status: { conditions } });
  }

  #patch(path: string, body: object): void {
    const headers = { "content-type": "application/merge-patch+json" };
    const request = { method: "PATCH", path, headers, body: JSON.stringify(body) } as const;
    const reply = this.double.gateway.server.handle(request, ADMIN);
    if (reply.status !== 200) throw new Error(reply.body);
  }

  /** `namespace/name` of all attachments, sorted. */
  attachments(): string[] {
    return this.#objects(ATTACHMENT_KIND)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .toSorted();
  }

  attachmentConfig(id: string): string | undefined {
    const found = this.#objects(ATTACHMENT_KIND).find(
      ({ metadata }) => `${metadata.namespace}/${metadata.name}` === id,
    );
    return found?.spec?.config;
  }

  /** `Kind name` of the workloads, sorted. */
  workloads(): string[] {
    return ["daemonsets", "deployments", "poddisruptionbudgets"]
      .flatMap((plural) => this.#objects({ group: plural.startsWith("pod") ? "policy" : "apps", plural }))
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .toSorted();
  }

  workload(plural: "daemonsets" | "deployments", name: string) {
    return this.#objects({ group: "apps", plural }).find(({ metadata }) => metadata.name === name);
  }

  condition(type: string): Condition | undefined {
    const [network] = this.#objects(NETWORK_KIND);
    const conditions: Condition[] = network?.status?.conditions ?? [];
    return conditions.find((condition) => condition.type === type);
  }

  events(): string[] {
    return this.#objects(EVENT_KIND).map(({ type, reason }) => `${type} ${reason}`);
  }

  // The shapes of the objects are the test's business.
  #objects(kind: { group: string; plural: string }) {
    return this.double.objects(kind).map((object) => Object(object));
  }
}

/** Waits until it holds; what it said last is in the error. */
export async function until(what: string, holds: () => boolean, within = 10_000): Promise<void> {
  const end = performance.now() + within;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await Bun.sleep(10);
  }
}
