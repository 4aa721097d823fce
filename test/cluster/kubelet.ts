import { join } from "node:path";
import { Lab } from "../../demo/lab.ts";
import type { KubeClient, KubeObject } from "../../src/kube/api.ts";
import { NODES, PODS } from "../../src/kube/objects.ts";
import type { Transport } from "../../src/kube/transport.ts";
import { TestAgent } from "../agent/agent.ts";
import { send } from "../apiserver/start.ts";
import { type Answer, addressesOf, call, MAIN_PLUGINS } from "../system/plugin.ts";

const NAMESPACE = "default";
export const BRIDGE = "br0";

/** A node of the cluster: its object, its agent, its namespaces; and what kubelet, Multus and runtime do on it. */
export class Kubelet {
  readonly name: string;
  readonly agent: TestAgent;
  readonly lab = new Lab();
  readonly #admin: KubeClient;
  readonly #transport: Transport;

  constructor(admin: KubeClient, transport: Transport, name: string) {
    this.#transport = transport;
    this.#admin = admin;
    this.name = name;
    this.agent = new TestAgent(name);
  }

  /** The node joins: its bridge is cabled to that of another, its agent answers, its object is Ready. */
  async join(other?: Kubelet): Promise<this> {
    this.lab.addBridge(BRIDGE, other?.lab);
    await this.agent.start();
    await must(this.#admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: this.name } }));
    const patch = { status: { conditions: [{ type: "Ready", status: "True" }] } };
    const how = { type: "merge", patch } as const;
    await must(this.#admin.patch(NODES, { name: this.name }, how, { subresource: "status" }));
    return this;
  }

  /** The node is lost with all that runs on it. */
  async leave(): Promise<void> {
    await this.agent.signal("SIGKILL");
    await must(this.#admin.delete(NODES, { name: this.name }));
  }

  /** Makes a pod and attaches it; its addresses, as the interface carries them. */
  async run(pod: string, netconf: string): Promise<string[]> {
    const annotations = { "k8s.v1.cni.cncf.io/networks": "storage" };
    const made = await must(
      this.#admin.create<KubeObject>(PODS, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: pod, namespace: NAMESPACE, annotations },
        // The shape of Berth's own Pod is what it reads of one; the API asks for containers.
        ...{ spec: { nodeName: this.name, containers: [{ name: "c", image: "i" }] } },
      }),
    );
    const answer = await this.#cni("ADD", pod, netconf, made.metadata.uid);
    if (answer.exit !== 0) throw new Error(`ADD ${pod}: ${answer.stdout}${answer.stderr}`);
    const given = addressesOf(answer.stdout);
    const carried = this.lab.addressesOf(pod, "net1");
    for (const address of given)
      if (!carried.includes(address)) throw new Error(`${pod} has ${carried}, not ${address}`);
    return given;
  }

  /** An orderly end: the runtime detaches, then the pod goes. */
  async end(pod: string, netconf: string): Promise<void> {
    const answer = await this.#cni("DEL", pod, netconf);
    if (answer.exit !== 0) throw new Error(`DEL ${pod}: ${answer.stdout}${answer.stderr}`);
    await this.forget(pod);
  }

  /** The pod is gone from the API, and nobody has detached it. */
  async forget(pod: string): Promise<void> {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod}?gracePeriodSeconds=0`;
    const { status, body } = await send(this.#transport, "DELETE", path);
    if (status !== 200) throw new Error(`DELETE ${path}: ${status} ${body}`);
  }

  async dispose(): Promise<void> {
    await this.agent.dispose();
    this.lab.dispose();
  }

  #cni(verb: string, pod: string, netconf: string, uid?: string): Promise<Answer> {
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${NAMESPACE};K8S_POD_NAME=${pod}`;
    return call({
      verb,
      pod,
      config: netconf,
      command: ["ip", "netns", "exec", this.lab.node, join(MAIN_PLUGINS, "bridge")],
      netns: this.lab.pod(pod).path,
      env: { ...this.agent.env, CNI_ARGS: uid === undefined ? args : `${args};K8S_POD_UID=${uid}` },
    });
  }
}

/** The value of an answer; throws what the server refused. */
export async function must<T, E extends { message: string }>(
  answer: Promise<{ ok: true; value: T } | { ok: false; error: E }>,
): Promise<T> {
  const result = await answer;
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
