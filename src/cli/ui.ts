import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { historyPath, readHistory } from "../agent/history.ts";
import { readListen } from "../agent/listen.ts";
import { DEFAULT_STATE_DIR } from "../agent/paths.ts";
import { systemClock } from "../clock.ts";
import type { Address } from "../ip/address.ts";
import { connect } from "../kube/connect.ts";
import { onBehalfOf } from "../kube/on-behalf.ts";
import { jsonLog } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { connectionOf, openCluster } from "../store/kubernetes/cluster.ts";
import { KubernetesStore } from "../store/kubernetes/kubernetes.ts";
import { ClusterFacts } from "../web/cluster.ts";
import type { Door } from "../web/door.ts";
import { KeyDoor } from "../web/key-door.ts";
import type { Facts } from "../web/live.ts";
import { Ui } from "../web/server.ts";
import { SignInDoor } from "../web/sign-in.ts";
import { untilTold, writeLog } from "./daemon.ts";
import { NETWORK_HELP, NETWORK_OPTIONS, readNetworks } from "./networks.ts";
import {
  chosenSource,
  openSource,
  SOURCE_HELP,
  SOURCE_OPTIONS,
  type SourceOptions,
  storeFailed,
} from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";
import { tlsFor } from "./ui-tls.ts";

const HELP = `usage: berth ui [OPTIONS]

Shows networks, pools and addresses in a browser, live. It prints the address to open; the key in it is for this run.

  --listen HOST:PORT   where to serve                      127.0.0.1, any free port
  --host NAME:PORT     another name it is reached by, behind a proxy; may be repeated
  --sign-in            no key: each reader signs in with a token of the cluster, and may what the token may
  --tls-cert FILE, --tls-key FILE   PEM; with --sign-in beyond loopback TLS is always on, if need be with a
                       certificate that signs itself
  --allow-writes       the page may reserve and release addresses; without it it only looks
  --state-dir DIR      where the agent of this host keeps its history   ${DEFAULT_STATE_DIR}
${NETWORK_HELP}${SOURCE_HELP}
Ctrl-C ends it. Exit codes: 0 stopped; 1 cannot serve, with the reason; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...NETWORK_OPTIONS,
  listen: { type: "string", default: "127.0.0.1:0" },
  host: { type: "string", multiple: true },
  "state-dir": { type: "string", default: DEFAULT_STATE_DIR },
  "sign-in": { type: "boolean", default: false },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "allow-writes": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** How long a person waits for a write, in milliseconds. */
const WRITE_PATIENCE = 10_000;

/** `berth ui`: serves the page until it is told to stop. */
export async function runUi(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS, allowNegative: true });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const listen = readListen(values.listen);
  if (!listen) {
    toStderr(`berth ui: --listen is HOST:PORT, not ${JSON.stringify(values.listen)}\n`);
    return 2;
  }
  const { hostname, port } = listen;
  const writable = values["allow-writes"];
  const door = values["sign-in"] ? signInDoor(values, writable) : ok(keyDoor(writable));
  if (!door.ok) return complain(door.error);
  const tls = tlsFor(values, { hostname, takesTokens: values["sign-in"], now: systemClock.now() });
  if (!tls.ok) return complain(tls.error);
  // Who signs in writes with their own rights, through a store of their own.
  const store = openSource(values, writable && !values["sign-in"] ? "steer" : "look", true);
  if (!store.ok) return storeFailed(store.error);
  const facts = await factsFor(values, values.networks, values["state-dir"]);
  if (!facts.ok) return complain(facts.error);
  try {
    const ui = await Ui.start({
      store: store.value,
      facts: facts.value.facts,
      clock: systemClock,
      hostname,
      port,
      door: door.value,
      ...(tls.value && { tls: tls.value }),
      hosts: values.host ?? [],
    });
    toStdout(`${ui.url}\n`);
    await untilTold();
    await ui.stop();
    return 0;
  } catch (error) {
    return complain(`${values.listen}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await facts.value.stop();
    store.value.close();
  }
}

function keyDoor(writable: boolean): Door {
  return new KeyDoor(randomBytes(24).toString("base64url"), writable);
}

function signInDoor(options: SourceOptions, writable: boolean): Result<Door, string> {
  const choice = chosenSource(options);
  if (choice.kind !== "kubernetes")
    return err("--sign-in is for the claims of a cluster: name a --kubeconfig");
  const found = connectionOf(choice, systemClock);
  if (!found.ok) return err(`${found.error.store}: ${found.error.message} (${found.error.hint})`);
  const { source, namespace } = found.value;
  const log = jsonLog(writeLog, "verbose", systemClock.now);
  const store = { clock: systemClock, log, staying: false, patience: WRITE_PATIENCE };
  return ok(
    new SignInDoor({
      connect: (token) => connect({ source: onBehalfOf(source, token), namespace }, systemClock),
      openStore: (client) => new KubernetesStore(client, store),
      clock: systemClock,
      log,
      writable,
      newSession: () => randomBytes(32).toString("base64url"),
    }),
  );
}

type Source = { readonly facts: Facts; readonly stop: () => Promise<void> };

/** What is known besides the claims: on a host the files of its networks, in a cluster its attachments and pods. */
async function factsFor(
  options: SourceOptions,
  paths: readonly string[] | undefined,
  stateDir: string,
): Promise<Result<Source, string>> {
  const choice = chosenSource(options);
  if (choice.kind === "kubernetes") {
    const client = openCluster(choice, systemClock);
    if (!client.ok) return err(`${client.error.store}: ${client.error.message} (${client.error.hint})`);
    const log = jsonLog((line) => toStderr(line), "error", systemClock.now);
    const cluster = new ClusterFacts(client.value, systemClock, log);
    await cluster.start();
    return ok({ facts: cluster, stop: () => cluster.stop() });
  }
  const networks = readNetworks(paths);
  if (!networks.ok) return networks;
  // Read anew with every change of the store: a file that has become unreadable leaves what was known.
  let known = networks.value;
  const read = async () => {
    const now = readNetworks(paths);
    if (now.ok) known = now.value;
    return known;
  };
  const path = historyPath(stateDir);
  const history = async (address: Address) => readHistory(path, { address });
  const facts = { networks: read, ...(existsSync(path) && { history }) };
  return ok({ facts, stop: async () => undefined });
}

function complain(why: string): number {
  toStderr(`berth ui: ${why}\n`);
  return 1;
}
