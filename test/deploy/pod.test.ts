import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTree } from "../../tools/image/tree.ts";
import { serviceAccount } from "../apiserver/identity.ts";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { until } from "../operator/lab.ts";
import { binding } from "../web/people.ts";
import { withRoles } from "./roles.ts";

/**
 * The agent as its pod runs it: in the file system of the image, with the files that kubelet gives to a pod and the rights of its
 * role alone. A plugin asks it with a netconf that names no store.
 */
const NAMESPACE = "kube-system";
const isRoot = process.getuid?.() === 0;
const root = mkdtempSync(join(tmpdir(), "berth-pod-"));
let server: RunningApiServer;
let agent: ReturnType<typeof Bun.spawn> | undefined;
let log = "";

beforeAll(async () => {
  if (!isRoot) return;
  const tokens = {
    secret: serviceAccount(NAMESPACE, "berth-agent"),
    "secret-ui": serviceAccount(NAMESPACE, "berth-ui"),
    "secret-viewer": { name: "viewer" },
  };
  server = await startApiServer({ kind: "double", tls: true, crds: "berth", rbac: true, tokens });
  if (server.double) withRoles(server.double, NAMESPACE).seed(binding("viewer", "berth-viewer"));
  buildTree(join(import.meta.dirname, "../../dist"), root);
  const account = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  for (const folder of [account, join(root, "proc"), join(root, "run/berth"), join(root, "var/lib/berth")]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(account, "token"), "secret");
  writeFileSync(join(account, "namespace"), NAMESPACE);
  writeFileSync(join(account, "ca.crt"), readFileSync(join(server.folder, "ca.crt")));
  const child = inPod(["/berth", "agent", "--in-cluster", "--metrics-address", "off"], {
    NODENAME: "node-a",
  });
  agent = child;
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) log += decoder.decode(chunk, { stream: true });
  })();
  await until("the agent listens", () => existsSync(join(root, "run/berth/agent.sock")), 30_000);
}, 60_000);

afterAll(async () => {
  agent?.kill("SIGKILL");
  await agent?.exited;
  if (isRoot) await server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** A process in the image, with what kubelet tells every pod. */
function inPod(command: readonly string[], env: { [name: string]: string }) {
  const { port } = new URL(server.url);
  const own = { PATH: process.env.PATH, KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port };
  return Bun.spawn(
    ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", SCRIPT, root, root, ...command],
    { env: { ...own, ...env }, stdout: "pipe", stderr: "pipe" },
  );
}

const SCRIPT = 'mount -t proc proc "$0/proc" && exec chroot "$@"';

async function call(verb: string, netconf: object): Promise<{ stdout: string; exit: number }> {
  const child = Bun.spawn([join(root, "cni/whereabouts")], {
    env: {
      BERTH_SOCKET: join(root, "run/berth/agent.sock"),
      CNI_COMMAND: verb,
      CNI_CONTAINERID: "sandbox-1",
      CNI_NETNS: "/var/run/netns/none",
      CNI_IFNAME: "net1",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-1;K8S_POD_UID=u1",
    },
    stdin: Buffer.from(JSON.stringify(netconf)),
    stdout: "pipe",
  });
  return { stdout: await new Response(child.stdout).text(), exit: await child.exited };
}

const NETCONF = {
  cniVersion: "1.0.0",
  name: "storage",
  type: "bridge",
  ipam: { type: "whereabouts", range: "10.56.0.0/24" },
};

function allocations(): { [offset: string]: { podref?: string; uid?: string; node?: string } } {
  const [pool] = server.double?.objects({ group: "whereabouts.cni.cncf.io", plural: "ippools" }) ?? [];
  return Object(pool).spec?.allocations ?? {};
}

test.skipIf(!isRoot)(
  "gives and takes addresses of the cluster, with no kubeconfig anywhere",
  async () => {
    const added = await call("ADD", NETCONF);
    expect(JSON.parse(added.stdout).ips).toEqual([{ address: "10.56.0.1/24" }]);
    expect(allocations()).toMatchObject({ 1: { podref: "default/pod-1", uid: "u1", node: "node-a" } });
    // A kubeconfig that a netconf names is left alone: there is none on the node.
    const kubernetes = { kubeconfig: "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig" };
    const removed = await call("DEL", { ...NETCONF, ipam: { ...NETCONF.ipam, kubernetes } });
    expect(removed).toEqual({ stdout: "", exit: 0 });
    expect(allocations()).toEqual({});
    expect(log).not.toContain("forbidden");
  },
  30_000,
);

test.skipIf(!isRoot)(
  "the page is served with the rights of its role, which are to look, to who signs in",
  async () => {
    const token = join(root, "var/run/secrets/kubernetes.io/serviceaccount/token");
    writeFileSync(token, "secret-ui");
    const child = inPod(["/berth", "ui", "--sign-in", "--listen", "127.0.0.1:0"], { HOME: "/" });
    try {
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      const url = new TextDecoder().decode(value).trim();
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      const ask = (path: string, headers = {}) => fetch(new URL(path, url), { headers });
      const mine = { authorization: "Bearer secret-viewer" };
      const answers = [await ask("/"), await ask("/api/overview"), await ask("/api/overview", mine)];
      expect(answers.map(({ status }) => status)).toEqual([200, 401, 200]);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
      writeFileSync(token, "secret");
    }
    expect(await new Response(child.stderr).text()).not.toContain("forbidden");
  },
  30_000,
);
