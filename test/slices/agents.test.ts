import { afterAll, beforeAll, expect, test } from "bun:test";
import { ask } from "../../src/agent/ask.ts";
import { BERTH, TestAgent, until } from "../agent/agent.ts";
import { type RunningApiServer, send, startApiServer } from "../apiserver/start.ts";
import { CustomObjects } from "./objects.ts";

const NODES = ["node-a", "node-b", "node-c"];
const PODS = 20;

let server: RunningApiServer;
let controller: Bun.Subprocess;
const agents = NODES.map((name) => new TestAgent(name));

beforeAll(async () => {
  server = await startApiServer();
  const objects = new CustomObjects(server);
  for (const name of NODES) await objects.node(name);
  await objects.attachment("net", { type: "whereabouts", range: "10.6.0.0/20", node_slice_size: "/26" });
  controller = Bun.spawn([BERTH, "controller", "--kubeconfig", server.kubeconfigPath], {
    stdout: "ignore",
    stderr: "ignore",
  });
  await Promise.all(agents.map((agent) => agent.start()));
}, 60_000);

afterAll(async () => {
  controller.kill();
  await controller.exited;
  await Promise.all(agents.map((agent) => agent.dispose()));
  await server.stop();
});

type Answer = { readonly exit: number; readonly address: string };

async function call(agent: TestAgent, verb: string, pod: string): Promise<Answer> {
  const ipam = {
    type: "whereabouts",
    range: "10.6.0.0/20",
    node_slice_size: "/26",
    kubernetes: { kubeconfig: server.kubeconfigPath },
  };
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: `c-${pod}`,
    CNI_NETNS: "/nonexistent/netns",
    CNI_IFNAME: "net1",
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
  };
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "macvlan", ipam });
  const reply = await ask(agent.socket, { plugin: "whereabouts", timeout: 12_000, env, stdin });
  if (!reply.ok) return { exit: -1, address: reply.error };
  const { ips = [] }: { ips?: { address: string }[] } = reply.value.stdout
    ? JSON.parse(reply.value.stdout)
    : {};
  return { exit: reply.value.exit, address: ips[0]?.address ?? reply.value.stdout };
}

/** `podref address` of what the API server has. */
async function written(): Promise<string[]> {
  const path = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools";
  const list = (await send(server.transport, "GET", path)).json as {
    items: { spec: { allocations?: Record<string, { podref: string }> } }[];
  };
  return list.items
    .flatMap(({ spec }) => Object.values(spec.allocations ?? {}).map(({ podref }) => podref))
    .sort();
}

test("agents of three nodes at once, each killed on the way: every address once, and all of them written", async () => {
  const given = new Map<string, string>();
  const adds = agents.flatMap((agent) =>
    Array.from({ length: PODS }, async (_, index) => {
      const pod = `${agent.node}-${index}`;
      // What is not answered is tried again, as a runtime does it.
      for (let tries = 0; tries < 40; tries++) {
        const { exit, address } = await call(agent, "ADD", pod);
        if (exit === 0) {
          given.set(pod, address);
          return;
        }
        await Bun.sleep(100);
      }
    }),
  );
  for (const agent of agents) {
    await until("some are answered", () => [...given.keys()].some((pod) => pod.startsWith(agent.node)));
    await agent.signal("SIGKILL");
    await agent.start();
  }
  await Promise.all(adds);
  expect(given.size).toBe(NODES.length * PODS);
  const twice = [...given].filter(([pod, address]) =>
    [...given].some(([other, its]) => other !== pod && its === address),
  );
  expect(twice).toEqual([]);
  const again = await Promise.all(agents.map((agent) => call(agent, "ADD", `${agent.node}-3`)));
  expect(again.map(({ address }) => address)).toEqual(NODES.map((node) => given.get(`${node}-3`) ?? ""));
  await until("all of it is written", async () => (await written()).length === given.size, 20_000);
  expect(await written()).toEqual([...given.keys()].map((pod) => `default/${pod}`).sort());
  // Not spawnSync: the API server may be in this process.
  const table = Bun.spawn([BERTH, "pools", "--nodes", "--kubeconfig", server.kubeconfigPath], {
    stdout: "pipe",
  });
  const rows = (await new Response(table.stdout).text()).trim().split("\n").slice(1);
  expect(rows.map((row) => row.split(/ {2,}/).filter((_, at) => at !== 3))).toEqual(
    NODES.map((node) => ["net", "10.6.0.0/20", node, String(PODS), String(62 - PODS)]),
  );
  const nodes = Bun.spawn([BERTH, "nodes", "--kubeconfig", server.kubeconfigPath], { stdout: "pipe" });
  const [titles = "", ...shares] = (await new Response(nodes.stdout).text()).trim().split("\n");
  expect(titles).toContain("SLICES");
  expect(shares.map((row) => row.split(/ {2,}/).filter((_, at) => at !== 4 && at !== 5))).toEqual(
    NODES.map((node) => [node, String(PODS), String(PODS), "1", "1", "62"]),
  );
  const [agent] = agents;
  const port = 20_000 + (process.pid % 20_000);
  await agent?.signal("SIGKILL");
  await agent?.start("--metrics-address", `127.0.0.1:${port}`);
  // It opens what it has slices of without waiting for a call.
  await until("the slices are counted", async () => {
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return /^berth_slice_addresses\{.*pool="net",state="used"\} 20$/m.test(page);
  });
  await Promise.all(agents.map((agent) => call(agent, "DEL", `${agent.node}-3`)));
  await until("DELs are written", async () => (await written()).length === given.size - NODES.length, 20_000);
}, 90_000);
