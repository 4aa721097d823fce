import { ask } from "../src/agent/ask.ts";
import { BERTH, TestAgent } from "../test/agent/agent.ts";
import { startApiServer } from "../test/apiserver/start.ts";
import { CustomObjects } from "../test/slices/objects.ts";
import { median } from "./measure.ts";

/** Fast IPAM: crowds over all nodes, and one node without its API server. Times in milliseconds. */
export type SliceFigures = {
  readonly kind: "double" | "real";
  readonly adds: number;
  readonly nodes: number;
  /** All ADDs of the first pods, which have to ask for slices. */
  readonly cold: number;
  readonly warm: number;
  /** ADDs while the API server was stopped; only the double can be stopped. */
  readonly alone?: { readonly adds: number; readonly median: number; readonly worst: number };
};

const NODES = 10;
const PODS = 20;
const OUTAGE = 30_000;
const IPAM = { type: "whereabouts", range: "10.6.0.0/16", node_slice_size: "/24" };

/** Real agents and a real controller, one process each; the calls come without a shim. Nothing is left behind. */
export async function measureSlices(): Promise<SliceFigures> {
  const server = await startApiServer();
  const objects = new CustomObjects(server);
  const agents = Array.from({ length: NODES }, (_, index) => new TestAgent(`node-${index}`));
  for (const { node } of agents) await objects.node(node);
  await objects.attachment("net", IPAM);
  const flags = ["--kubeconfig", server.kubeconfigPath];
  const controller = Bun.spawn([BERTH, "controller", ...flags], { stderr: "ignore" });
  const add = (agent: TestAgent, pod: string) => addOn(agent, pod, server.kubeconfigPath);
  const crowd = async (name: string) => {
    const started = performance.now();
    const pods = Array.from({ length: PODS }, (_, at) => `${name}-${at}`);
    await Promise.all(agents.flatMap((agent) => pods.map((pod) => add(agent, `${agent.node}-${pod}`))));
    return performance.now() - started;
  };
  try {
    await Promise.all(agents.map((agent) => agent.start()));
    const figures = { kind: server.kind, adds: NODES * PODS, nodes: NODES };
    const crowds = { cold: await crowd("cold"), warm: await crowd("warm") };
    const [agent] = agents;
    if (!server.double || !agent) return { ...figures, ...crowds };
    server.double.gateway.stop();
    const times: number[] = [];
    for (const end = performance.now() + OUTAGE; performance.now() < end; await Bun.sleep(250)) {
      times.push(await add(agent, `away-${times.length}`));
    }
    server.double.gateway.start();
    const alone = { adds: times.length, median: median(times), worst: Math.max(...times) };
    return { ...figures, ...crowds, alone };
  } finally {
    controller.kill();
    await Promise.all(agents.map((agent) => agent.dispose()));
    await server.stop();
  }
}

async function addOn(agent: TestAgent, pod: string, kubeconfig: string): Promise<number> {
  const env = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: pod,
    CNI_NETNS: "/nonexistent/netns",
    CNI_IFNAME: "net1",
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
  };
  const ipam = { ...IPAM, kubernetes: { kubeconfig } };
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "macvlan", ipam });
  const started = performance.now();
  const reply = await ask(agent.socket, { plugin: "whereabouts", timeout: 12_000, env, stdin });
  if (!reply.ok || reply.value.exit !== 0) throw new Error(reply.ok ? reply.value.stdout : reply.error);
  return performance.now() - started;
}
