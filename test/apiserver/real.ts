import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Authority, type KeyPair, signingKey } from "./certificates.ts";
import { fetchTransport } from "./wire.ts";

/** A kube-apiserver with its etcd, as processes of this test. */
export type RealServer = {
  readonly url: string;
  readonly ca: string;
  readonly admin: KeyPair;
  readonly authority: Authority;
  stop(): Promise<void>;
};

/** The folder with `etcd` and `kube-apiserver`, by the convention of the ecosystem's envtest; undefined where unset. */
export function realAssets(): string | undefined {
  const folder = process.env.KUBEBUILDER_ASSETS ?? "";
  if (folder === "") return undefined;
  for (const binary of ["etcd", "kube-apiserver"]) {
    if (!existsSync(join(folder, binary))) throw new Error(`KUBEBUILDER_ASSETS=${folder} holds no ${binary}`);
  }
  return folder;
}

const PATIENCE = 120_000;

/** Starts both; `folder` takes certificates, data and logs, and is the caller's to remove after `stop`. */
export async function startReal(assets: string, folder: string): Promise<RealServer> {
  const authority = new Authority(folder);
  const server = authority.forServer();
  const admin = authority.forUser("kubernetes-admin", ["system:masters"]);
  const signing = signingKey(folder);
  const [etcdPort, peerPort, port] = await freePorts();
  const etcd = start(join(assets, "etcd"), folder, [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
  ]);
  const apiserver = start(join(assets, "kube-apiserver"), folder, [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${join(folder, "apiserver")}`,
    `--tls-cert-file=${server.certificate}`,
    `--tls-private-key-file=${server.key}`,
    `--client-ca-file=${authority.certificate}`,
    `--service-account-key-file=${signing.publicKey}`,
    `--service-account-signing-key-file=${signing.privateKey}`,
    `--service-account-issuer=https://127.0.0.1:${port}/`,
    "--service-cluster-ip-range=10.0.0.0/24",
    "--authorization-mode=RBAC",
    "--disable-admission-plugins=ServiceAccount",
    "--allow-privileged=true",
  ]);
  const stop = async () => {
    await end(apiserver);
    await end(etcd);
  };
  const url = `https://127.0.0.1:${port}`;
  const trouble = await untilReady(url, authority.certificate, admin, [etcd, apiserver]);
  if (trouble === undefined) return { url, ca: authority.certificate, admin, authority, stop };
  await stop();
  throw new Error(`${trouble}\n${[etcd, apiserver].map(({ log }) => tail(log)).join("\n")}`);
}

type Running = { readonly process: ChildProcess; readonly log: string };

function start(binary: string, folder: string, args: readonly string[]): Running {
  const log = join(folder, `${binary.split("/").at(-1)}.log`);
  mkdirSync(join(folder, "etcd"), { recursive: true, mode: 0o700 });
  const output = openSync(log, "a");
  return { process: spawn(binary, [...args], { cwd: folder, stdio: ["ignore", output, output] }), log };
}

/** SIGTERM, and SIGKILL where that does not help within 10 s. */
async function end({ process: child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await promise;
  clearTimeout(killer);
}

/** Asks /readyz until it says 200; the reason where a process ended or the patience did. */
async function untilReady(
  url: string,
  ca: string,
  admin: KeyPair,
  processes: readonly Running[],
): Promise<string | undefined> {
  const transport = fetchTransport(url, { ca, certificate: admin.certificate, key: admin.key });
  const deadline = Date.now() + PATIENCE;
  let last = "";
  while (Date.now() < deadline) {
    for (const { process: child, log } of processes) {
      if (child.exitCode !== null) return `${log}: the process ended with exit code ${child.exitCode}`;
    }
    const answer = await transport.request({ method: "GET", path: "/readyz", headers: {} }, 2000);
    if (answer.ok && answer.value.status === 200) {
      transport.close();
      return undefined;
    }
    last = answer.ok ? answer.value.body : answer.error.message;
    await Bun.sleep(100);
  }
  transport.close();
  return `${url}/readyz is not 200 after ${PATIENCE / 1000} s: ${last}`;
}

function tail(log: string): string {
  return readFileSync(log, "utf8").split("\n").slice(-20).join("\n");
}

/** Three ports that were free a moment ago, all held at once so that they differ. */
async function freePorts(): Promise<readonly [number, number, number]> {
  const holders = await Promise.all([hold(), hold(), hold()]);
  const ports = holders.map(({ port }) => port);
  await Promise.all(holders.map(({ release }) => release()));
  return [ports[0] ?? 0, ports[1] ?? 0, ports[2] ?? 0];
}

async function hold(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  const release = () => new Promise<void>((done) => server.close(() => done()));
  return { port: typeof address === "object" && address ? address.port : 0, release };
}
