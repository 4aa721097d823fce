import { join } from "node:path";
import { send, startApiServer } from "../test/apiserver/start.ts";

const DIST = join(import.meta.dir, "../dist");
const NAMES = ["api-0", "api-1", "api-2", "api-3"];
const PODS = "/api/v1/namespaces/default/pods";
/** Seconds until an address must be back. */
const PATIENCE = 20;

/**
 * Addresses that nobody gives back come back: pods get theirs from a cluster, three of them go without DEL, and the reconciler
 * finds them. The cluster is the small API server of the tests; plugin and reconciler are the real executables.
 */
export async function showStranded(say: (text: string) => void): Promise<void> {
  const server = await startApiServer({ kind: "double", crds: "berth" });
  const { kubeconfigPath, transport } = server;
  const berth = async (...args: string[]) => {
    const child = Bun.spawn([join(DIST, "berth"), ...args, "--kubeconfig", kubeconfigPath], {
      stdout: "pipe",
    });
    return new Response(child.stdout).text();
  };
  let reconciler: Bun.Subprocess<"ignore", "ignore", "pipe"> | undefined;
  try {
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "demo" } };
    const ask = async (...request: [method: "POST" | "PUT" | "DELETE", path: string, body?: object]) => {
      const { status, json, body } = await send(transport, ...request);
      if (status >= 300) throw new Error(`${request[0]} ${request[1]}: ${body}`);
      return json;
    };
    await ask("POST", "/api/v1/nodes", node);
    const conditions = [{ type: "Ready", status: "True" }];
    await ask("PUT", "/api/v1/nodes/demo/status", { ...node, status: { conditions } });
    for (const name of NAMES) {
      const spec = { nodeName: "demo", containers: [{ name: "api", image: "api" }] };
      const json = await ask("POST", PODS, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
      await add(kubeconfigPath, name, String((json as { metadata?: { uid?: string } }).metadata?.uid));
    }
    for (const name of NAMES.slice(1)) await ask("DELETE", `${PODS}/${name}?gracePeriodSeconds=0`);
    say("Four pods were added; three of them are gone, and nobody has called DEL:");
    say(await berth("reconcile", "--dry-run"));
    say("berth reconciler --grace 1s --log-format whereabouts (60 s unless told otherwise):");
    const flags = ["--kubeconfig", kubeconfigPath, "--grace", "1s", "--log-format", "whereabouts"];
    reconciler = Bun.spawn([join(DIST, "berth"), "reconciler", ...flags], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    await echoUntil(reconciler.stderr, "successfully cleanup IPs", say);
    const left = await berth("show");
    say(left);
    const held = NAMES.filter((name) => left.includes(name));
    if (held.join() !== NAMES[0])
      throw new Error(`${NAMES[0]} alone should hold an address, not ${held.join(", ")}`);
  } finally {
    reconciler?.kill("SIGTERM");
    await reconciler?.exited;
    await server.stop();
  }
}

/** Not spawnSync: the API server lives in this process. */
async function add(kubeconfig: string, name: string, uid: string): Promise<void> {
  const ipam = { type: "whereabouts", range: "10.57.0.0/24", kubernetes: { kubeconfig } };
  const pod = `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=${uid}`;
  const child = Bun.spawn([join(DIST, "cni/whereabouts")], {
    env: {
      PATH: process.env.PATH ?? "",
      NODENAME: "demo",
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: `${name}-sandbox`,
      CNI_NETNS: `/nonexistent/${name}`,
      CNI_IFNAME: "net1",
      CNI_PATH: join(DIST, "cni"),
      CNI_ARGS: `IgnoreUnknown=1;${pod}`,
    },
    stdin: Buffer.from(JSON.stringify({ cniVersion: "1.0.0", name: "api", type: "macvlan", ipam })),
    stdout: "pipe",
    stderr: "ignore",
  });
  const stdout = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`ADD ${name}: ${stdout}`);
}

async function echoUntil(
  stream: ReadableStream<Uint8Array>,
  text: string,
  say: (text: string) => void,
): Promise<void> {
  const late = setTimeout(() => void stream.cancel(), PATIENCE * 1000);
  let all = "";
  for await (const chunk of stream) {
    all += new TextDecoder().decode(chunk);
    if (!all.includes(text)) continue;
    clearTimeout(late);
    const lines = all.trim().split("\n");
    say(lines.map((line) => `  ${line}`).join("\n"));
    return;
  }
  throw new Error(`the addresses did not come back within ${PATIENCE} s:\n${all}`);
}
