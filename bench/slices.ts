/**
 * Measures Fast IPAM: 200 ADDs at once over 10 nodes, and ADDs while the API server is stopped. Needs `make build`; prints its
 * figures. Nothing is left behind.
 */
import { ask } from "../src/agent/ask.ts";
import { BERTH, TestAgent } from "../test/agent/agent.ts";
import { startApiServer } from "../test/apiserver/start.ts";
import { CustomObjects } from "../test/slices/objects.ts";
import { median } from "./measure.ts";

const NODES = 10;
const PODS = 20;
const IPAM = { type: "whereabouts", range: "10.6.0.0/16", node_slice_size: "/24" };

const server = await startApiServer();
const objects = new CustomObjects(server);
const agents = Array.from({ length: NODES }, (_, index) => new TestAgent(`node-${index}`));
for (const { node } of agents) await objects.node(node);
await objects.attachment("net", IPAM);
const controller = Bun.spawn([BERTH, "controller", "--kubeconfig", server.kubeconfigPath], {
  stderr: "ignore",
});
await Promise.all(agents.map((agent) => agent.start()));

async function add(agent: TestAgent, pod: string): Promise<number> {
  const env = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: pod,
    CNI_NETNS: "/nonexistent/netns",
    CNI_IFNAME: "net1",
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
  };
  const ipam = { ...IPAM, kubernetes: { kubeconfig: server.kubeconfigPath } };
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "macvlan", ipam });
  const started = performance.now();
  const reply = await ask(agent.socket, { plugin: "whereabouts", timeout: 12_000, env, stdin });
  if (!reply.ok || reply.value.exit !== 0) throw new Error(reply.ok ? reply.value.stdout : reply.error);
  return performance.now() - started;
}

const crowd = async (name: string) => {
  const started = performance.now();
  await Promise.all(
    agents.flatMap((agent) =>
      Array.from({ length: PODS }, (_, at) => add(agent, `${agent.node}-${name}-${at}`)),
    ),
  );
  return Math.round(performance.now() - started);
};
const cold = await crowd("cold");
const warm = await crowd("warm");
server.double?.gateway.stop();
const alone: number[] = [];
for (
  const end = performance.now() + (server.double ? 30_000 : 0);
  performance.now() < end;
  await Bun.sleep(250)
) {
  const [agent] = agents;
  if (agent) alone.push(await add(agent, `away-${alone.length}`));
}
server.double?.gateway.start();
process.stdout.write(
  `${NODES * PODS} ADDs at once over ${NODES} nodes, API server: ${server.kind}\n` +
    `  first pods, slices to be asked for: ${cold} ms\n  slices there: ${warm} ms\n` +
    `API server stopped for 30 s, ${alone.length} ADDs: median ${median(alone).toFixed(1)} ms, worst ${Math.max(...alone).toFixed(1)} ms\n`,
);
controller.kill();
await Promise.all(agents.map((agent) => agent.dispose()));
await server.stop();
