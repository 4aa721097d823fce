import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import { expiryOf } from "./endpoint.ts";
import { execSource } from "./exec.ts";
import { findCluster } from "./find-cluster.ts";
import { inCluster } from "./in-cluster.ts";
import { loadKubeconfig } from "./kubeconfig.ts";

let folder: string;
let elapsed: number;
let now: number;
const clock: Clock = { ...systemClock, elapsed: () => elapsed, now: () => now };
const PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
const DATA = Buffer.from(PEM).toString("base64");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-kubeconfig-"));
  elapsed = 0;
  now = Date.UTC(2026, 0, 1);
});

afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function config({
  cluster = {},
  user = {},
  context = {},
}: {
  cluster?: object;
  user?: object;
  context?: object;
}) {
  return {
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", ...context } }],
    "current-context": "x",
  };
}

const written = (parts: Parameters<typeof config>[0]) => file("config", JSON.stringify(config(parts)));

/** The endpoint as of now, or the error. */
async function endpointOf(path: string | string[], context?: string) {
  const loaded = loadKubeconfig(path, { clock, exec: execSource, ...(context !== undefined && { context }) });
  if (!loaded.ok) return loaded.error;
  const endpoint = await loaded.value.source.endpoint();
  return endpoint.ok ? endpoint.value : endpoint.error;
}

describe("what works", () => {
  test("YAML with data inside and files beside it", async () => {
    file("ca.pem", PEM);
    file("t", " abc\n");
    const yaml = `
current-context: x
clusters: [{name: c, cluster: {server: "https://[fd00::1]:6443/", certificate-authority: ca.pem}}]
users:
- name: u
  user: {client-certificate-data: ${DATA}, client-key-data: ${DATA}, tokenFile: t}
contexts: [{name: x, context: {cluster: c, user: u, namespace: berth}}]
`;
    const loaded = loadKubeconfig(file("k", yaml), { clock });
    expect(loaded).toMatchObject({ ok: true, value: { namespace: "berth", context: "x" } });
    expect(await endpointOf(join(folder, "k"))).toEqual({
      server: "https://[fd00::1]:6443",
      tls: { ca: PEM, cert: PEM, key: PEM },
      token: "abc",
    });
  });

  test("without a namespace it is kube-system", () => {
    expect(loadKubeconfig(written({}), { clock })).toMatchObject({
      ok: true,
      value: { namespace: "kube-system" },
    });
  });

  test("another context than the current one", async () => {
    const both = { ...config({}), "current-context": "gone" };
    expect(await endpointOf(file("k", JSON.stringify(both)), "x")).toMatchObject({
      server: "https://10.0.0.1:6443",
    });
  });

  test("several files: the first that names something wins, a missing one is passed over", async () => {
    const one = file("one", JSON.stringify({ ...config({ user: { token: "a" } }), clusters: [] }));
    const two = file("two", JSON.stringify(config({ user: { token: "b" } })));
    expect(await endpointOf([join(folder, "none"), one, two])).toMatchObject({ token: "a" });
  });

  test("http on loopback, insecure, tls-server-name", async () => {
    const cluster = {
      server: "http://127.0.0.1:8001",
      "insecure-skip-tls-verify": true,
      "tls-server-name": "k",
    };
    expect(await endpointOf(written({ cluster }))).toMatchObject({
      tls: { insecure: true, serverName: "k" },
    });
  });
});

describe("what is refused, with its place and a hint", () => {
  test.each([
    [{ cluster: { server: "10.0.0.1" } }, "kubeconfig_invalid", "clusters[0].cluster.server"],
    [{ cluster: { server: "http://10.0.0.1" } }, "kubeconfig_invalid", "clusters[0].cluster.server"],
    [{ cluster: { "proxy-url": "http://p" } }, "kubeconfig_unsupported", "clusters[0].cluster.proxy-url"],
    [
      { cluster: { "certificate-authority": "no" } },
      "kubeconfig_missing",
      "clusters[0].cluster.certificate-authority",
    ],
    [
      { cluster: { "certificate-authority-data": "eA==" } },
      "kubeconfig_invalid",
      "certificate-authority-data",
    ],
    [
      { cluster: { "certificate-authority-data": DATA, "insecure-skip-tls-verify": true } },
      "kubeconfig_invalid",
      "insecure",
    ],
    [{ user: { username: "a", password: "b" } }, "kubeconfig_unsupported", "users[0].user.username"],
    [{ user: { "auth-provider": { name: "gcp" } } }, "kubeconfig_unsupported", "auth-provider"],
    [{ user: { "client-certificate-data": DATA } }, "kubeconfig_invalid", "users[0].user.client-key"],
    [{ user: { token: 7 } }, "kubeconfig_invalid", "users[0].user.token"],
    [{ user: { token: "a b" } }, "kubeconfig_invalid", "users[0].user.token"],
    [{ context: { user: "nobody" } }, "kubeconfig_invalid", "config"],
    [{ context: { cluster: "nowhere" } }, "kubeconfig_invalid", "config"],
    [
      { user: { exec: { apiVersion: "x/v1alpha1", command: "c" } } },
      "kubeconfig_invalid",
      "users[0].user.exec.apiVersion",
    ],
  ])("%j is %s", async (parts, code, place) => {
    const error = await endpointOf(written(parts));
    expect(error).toMatchObject({ code });
    expect("path" in error && error.path).toContain(place);
    expect("hint" in error && error.hint.length).toBeGreaterThan(5);
  });

  test.each([
    ["clusters: [", "kubeconfig_invalid"],
    ["", "kubeconfig_invalid"],
    ["clusters: 7\n", "kubeconfig_invalid"],
    ["clusters: [{cluster: {}}]\n", "kubeconfig_invalid"],
  ])("the text %j", async (text, code) => {
    expect(await endpointOf(file("k", text))).toMatchObject({ code });
  });

  test("a file that is not there, and a folder", async () => {
    expect(await endpointOf(join(folder, "none"))).toMatchObject({ code: "kubeconfig_missing" });
    expect(await endpointOf(folder)).toMatchObject({ code: "kubeconfig_unreadable" });
  });

  test("a command, where none may be run", () => {
    const path = written({ user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "c" } } });
    expect(loadKubeconfig(path, { clock })).toMatchObject({
      ok: false,
      error: { code: "kubeconfig_unsupported" },
    });
  });
});

describe("tokens", () => {
  const jwt = (exp: number) => `h.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.s`;

  test("of a file are read again after a minute, and before they expire", async () => {
    file("t", "one");
    const loaded = loadKubeconfig(written({ user: { tokenFile: "t" } }), { clock });
    if (!loaded.ok) throw new Error(loaded.error.message);
    const { source } = loaded.value;
    const token = async () => {
      const endpoint = await source.endpoint();
      return endpoint.ok ? endpoint.value.token : endpoint.error.message;
    };
    file("t", jwt(now / 1000 + 3600));
    elapsed = 59_000;
    expect(await token()).toBe("one");
    elapsed = 61_000;
    expect(await token()).toStartWith("h.");
    now += 3_580_000;
    elapsed += 2_000;
    file("t", "three");
    expect(await token()).toBe("three");
    rmSync(join(folder, "t"));
    elapsed += 120_000;
    expect(await token()).toBe("three");
    elapsed += 2_000;
    expect(source.refused()).toBeTrue();
    expect(await token()).toContain("does not exist");
    expect(source.refused()).toBeFalse();
  });

  test("that are no JSON web tokens have no known end", () => {
    expect(expiryOf("abc")).toBeUndefined();
    expect(expiryOf("a.b.c")).toBeUndefined();
    expect(expiryOf(jwt(5))).toBe(5_000);
  });
});

describe("a command", () => {
  const exec = (command: string, more: object = {}) =>
    written({ user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command, ...more } } });

  function script(body: string): string {
    const path = file("give", `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o700);
    return "./give";
  }

  test("gives a token; its arguments and environment are taken as they are", async () => {
    const print = `printf '{"kind":"ExecCredential","status":{"token":"%s-%s"}}' "$1" "$X"`;
    const path = exec(script(print), { args: ["a;b"], env: [{ name: "X", value: "$HOME" }] });
    expect(await endpointOf(path)).toMatchObject({ token: "a;b-$HOME" });
  });

  test("is run once until what it gave expires", async () => {
    const print = `echo x >> count; echo '{"kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2026-01-01T01:00:00Z"}}'`;
    const loaded = loadKubeconfig(exec(script(print)), { clock, exec: execSource });
    if (!loaded.ok) throw new Error(loaded.error.message);
    const count = async () => (await Bun.file(join(folder, "count")).text()).length / 2;
    await Promise.all([loaded.value.source.endpoint(), loaded.value.source.endpoint()]);
    expect(await count()).toBe(1);
    now += 3_590_000;
    await loaded.value.source.endpoint();
    expect(await count()).toBe(2);
  });

  test.each([
    ["exit 3", "code 3"],
    ["echo no", "no ExecCredential"],
    [`echo '{"kind":"ExecCredential","status":{}}'`, "neither a token nor a certificate"],
  ])("that does %j is an error of the credentials", async (body, text) => {
    const error = await endpointOf(exec(script(body)));
    expect(error).toMatchObject({ code: "credentials", sent: false });
    expect("message" in error && error.message).toContain(text);
  });

  test("that does not exist", async () => {
    expect(await endpointOf(exec("/nowhere/give"))).toMatchObject({ code: "credentials" });
  });
});

describe("inside a pod", () => {
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };

  test("address, token, CA and namespace are found", async () => {
    file("token", "abc\n");
    file("ca.crt", PEM);
    file("namespace", "berth-system");
    const found = inCluster(env, clock, folder);
    if (!found.ok) throw new Error(found.error.message);
    expect(found.value.namespace).toBe("berth-system");
    expect(await found.value.source.endpoint()).toEqual({
      ok: true,
      value: { server: "https://[fd00::1]:443", tls: { ca: PEM }, token: "abc" },
    });
  });

  test("what is missing is named", () => {
    expect(inCluster({}, clock, folder)).toMatchObject({ ok: false, error: { code: "not_in_cluster" } });
    expect(inCluster(env, clock, folder)).toMatchObject({ ok: false, error: { code: "kubeconfig_missing" } });
  });
});

test("people's kubeconfig: named, $KUBECONFIG, ~/.kube/config", () => {
  const named = written({ context: { namespace: "named" } });
  mkdirSync(join(folder, ".kube"));
  const home = file(".kube/config", JSON.stringify(config({ context: { namespace: "home" } })));
  const listed = file("listed", JSON.stringify(config({ context: { namespace: "listed" } })));
  const namespace = (path: string | undefined, env: object) => {
    const found = findCluster(path, { ...env }, { clock });
    return found.ok ? found.value.namespace : found.error.path;
  };
  expect(namespace(named, { KUBECONFIG: listed, HOME: folder })).toBe("named");
  expect(namespace(undefined, { KUBECONFIG: `/none:${listed}`, HOME: folder })).toBe("listed");
  expect(namespace(undefined, { HOME: folder })).toBe("home");
  rmSync(home);
  expect(namespace("", { HOME: folder })).toBe(home);
});
