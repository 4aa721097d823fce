import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, type Pair } from "../../test/certificates.ts";
import { type Clock, systemClock } from "../clock.ts";
import { ok } from "../result.ts";
import type { KubeClient } from "./api.ts";
import { connect } from "./connect.ts";
import { fixedEndpoint, type Tls } from "./endpoint.ts";
import { loadKubeconfig } from "./kubeconfig.ts";
import { IP_POOLS } from "./objects.ts";

let folder: string;
let ca: Authority;
let stranger: Authority;
let serverPair: Pair;
let clientPair: Pair;
let good: Tls;
const ends: (() => void)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-tls-"));
  ca = new Authority(folder, "ca");
  stranger = new Authority(folder, "stranger");
  serverPair = ca.issue("server", "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc");
  clientPair = ca.issue("client", "extendedKeyUsage=clientAuth");
  good = { ca: ca.cert, ...clientPair };
});

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

afterAll(() => rmSync(folder, { recursive: true }));

const POOL = { apiVersion: "v1", kind: "IPPool", metadata: { name: "p" } };
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{"metadata":{"a":"b"}}`;
const name = { name: "p", namespace: "kube-system" };

/** An HTTPS server that wants a client certificate. */
function serve(
  answer: (request: Request) => Response | Promise<Response> = () => Response.json(POOL),
): string {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { ...serverPair, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
    fetch: answer,
  });
  ends.push(() => void server.stop(true));
  return `https://127.0.0.1:${server.port}`;
}

/** A server that does with a connection what it is told. */
async function raw(onData: (socket: Socket, text: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (data) => onData(socket, data.toString()));
    socket.on("error", () => socket.destroy());
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

function client(server: string, tls: Tls = {}): KubeClient {
  const made = connect({ source: fixedEndpoint({ server, tls }), namespace: "kube-system" }, systemClock);
  ends.push(() => made.close());
  return made;
}

describe("TLS", () => {
  test("with the right authority and a client certificate", async () => {
    expect(await client(serve(), good).get(IP_POOLS, name)).toMatchObject({ ok: true });
  });

  test("the name to expect can be given", async () => {
    const server = serve().replace("127.0.0.1", "localhost");
    const wrong = await client(server, good).get(IP_POOLS, name, { timeout: 2_000 });
    expect(wrong).toMatchObject({ ok: false, error: { code: "tls", maybeDone: false } });
    const right = client(server, { ...good, serverName: "kubernetes.default.svc" });
    expect(await right.get(IP_POOLS, name)).toMatchObject({ ok: true });
  });

  test("a server of another authority is refused at once, not tried again", async () => {
    const started = performance.now();
    const answer = await client(serve(), { ...good, ca: stranger.cert }).create(IP_POOLS, pool());
    expect(answer).toMatchObject({ ok: false, error: { code: "tls", retry: "permanent", maybeDone: false } });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(answer.ok || answer.error.hint).toContain("certificate-authority");
  });

  test("insecure trusts any server", async () => {
    const insecure = { ...clientPair, insecure: true };
    expect(await client(serve(), insecure).get(IP_POOLS, name)).toMatchObject({ ok: true });
  });

  test("without a client certificate nothing is answered", async () => {
    const answer = await client(serve(), { ca: ca.cert }).get(IP_POOLS, name, { timeout: 500 });
    expect(answer.ok).toBeFalse();
    expect(answer.ok || ["tls", "unreachable"].includes(answer.error.code)).toBeTrue();
  });
});

function pool() {
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: name,
    spec: { range: "10.0.0.0/24", allocations: {} },
  };
}

describe("wires that fail", () => {
  test("nobody listens: the write was surely not carried out", async () => {
    const server = serve();
    for (const end of ends.splice(0)) end();
    const answer = await client(server, good).create(IP_POOLS, pool(), { timeout: 1_500 });
    expect(answer).toMatchObject({ ok: false, error: { code: "unreachable", maybeDone: false } });
  });

  test("a server that hangs: the time-out holds, and a write may have been carried out", async () => {
    const server = await raw(() => undefined);
    const write = await client(server).create(IP_POOLS, pool(), { timeout: 200 });
    expect(write).toMatchObject({
      ok: false,
      error: { code: "timeout", retry: "transient", maybeDone: true },
    });
    expect(write.ok || write.error.message).toContain("200 ms");
  });

  test("a connection that died without a word costs a read half its time only", async () => {
    let count = 0;
    const server = await raw((socket) => {
      if (++count > 1) socket.write(ANSWER);
    });
    expect(await client(server).get(IP_POOLS, name, { timeout: 2_000 })).toMatchObject({ ok: true });
  });

  test("an answer that breaks off is no answer: a write is not repeated", async () => {
    let posts = 0;
    const server = await raw((socket, text) => {
      if (text.startsWith("POST")) posts++;
      socket.end("HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{");
    });
    const answer = await client(server).create(IP_POOLS, pool(), { timeout: 1_000 });
    expect(answer).toMatchObject({ ok: false, error: { code: "unreachable", maybeDone: true } });
    expect(posts).toBe(1);
  });

  test("a kept connection that the server has dropped meanwhile does not repeat a write", async () => {
    let posts = 0;
    const server = await raw((socket, text) => {
      if (!text.startsWith("POST")) socket.write(ANSWER);
      else if (++posts) socket.destroy();
    });
    const kept = client(server);
    expect(await kept.get(IP_POOLS, name)).toMatchObject({ ok: true });
    expect(await kept.create(IP_POOLS, pool())).toMatchObject({ ok: false, error: { maybeDone: true } });
    expect(posts).toBe(1);
  });

  test("a watch that breaks in the middle of an event ends with an error, and the event is not told", async () => {
    const server = await raw((socket) => {
      const event = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n';
      const body = `${event}{"type":"ADD`;
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${body.length.toString(16)}\r\n${body}\r\n`, () => socket.destroy());
    });
    const told: string[] = [];
    const { signal } = new AbortController();
    const ended = await client(server).watch(IP_POOLS, { signal }, ({ type }) => told.push(type));
    expect(ended.ok).toBeFalse();
    expect(told.length).toBeLessThanOrEqual(1);
  });

  test("a watch ends when its caller aborts", async () => {
    const opened = Promise.withResolvers<void>();
    const server = await raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", () => opened.resolve());
    });
    const stop = new AbortController();
    const watching = client(server).watch(IP_POOLS, { signal: stop.signal }, () => undefined);
    await opened.promise;
    stop.abort();
    expect((await watching).ok).toBeFalse();
  });

  test("a page of a proxy is no object", async () => {
    const answer = await client(
      serve(() => new Response("<html>")),
      good,
    ).get(IP_POOLS, name);
    expect(answer).toMatchObject({ ok: false, error: { code: "server_error", retry: "permanent" } });
  });
});

test("an expired token is read anew after a 401: whereabouts' installer writes the kubeconfig again", async () => {
  const accepted = "new";
  const server = serve(({ headers }) =>
    headers.get("authorization") === `Bearer ${accepted}`
      ? Response.json(POOL)
      : Response.json(
          { kind: "Status", code: 401, reason: "Unauthorized", message: "Unauthorized" },
          { status: 401 },
        ),
  );
  const path = join(folder, "whereabouts.kubeconfig");
  const write = (token: string) => {
    writeFileSync(`${path}.new`, kubeconfig(server, token), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  write("old");
  let elapsed = 0;
  const clock: Clock = { ...systemClock, elapsed: () => elapsed };
  const connection = loadKubeconfig(path, { clock });
  if (!connection.ok) throw new Error(connection.error.message);
  const kube = connect(connection.value, clock);
  ends.push(() => kube.close());
  elapsed += 5_000;
  const refused = await kube.get(IP_POOLS, name);
  expect(refused).toMatchObject({
    ok: false,
    error: { code: "unauthorized", retry: "permanent", status: 401 },
  });
  write("new");
  elapsed += 5_000;
  expect(await kube.get(IP_POOLS, name)).toMatchObject(ok({ kind: "IPPool" }));
});

/** As the installer of whereabouts writes it, with a client certificate besides. */
function kubeconfig(server: string, token: string): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return `# Kubeconfig file for Multus CNI plugin.
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(ca.cert)}
users:
- name: whereabouts
  user:
    client-certificate-data: ${base64(clientPair.cert)}
    client-key-data: ${base64(clientPair.key)}
    token: "${token}"
contexts:
- name: whereabouts-context
  context:
    cluster: local
    user: whereabouts
    namespace: kube-system
current-context: whereabouts-context
`;
}
