import { parseArgs } from "node:util";
import { throughDaemon } from "../agent/dhcp/access.ts";
import { DEFAULT_STATE_DIR, journalPath } from "../agent/paths.ts";
import { systemClock } from "../clock.ts";
import { CniCode, cniError, renderError } from "../cni/error.ts";
import { MAX_CONFIG_BYTES } from "../cni/request.ts";
import { CNI_VARIABLES } from "../cni/wire.ts";
import { invoke, PLUGINS, refusePlugin } from "../ipam/invoke.ts";
import { logOf, Machine, netnsId, PATIENCE, PATIENCE_ALONE, thisNode } from "../ipam/machine.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth cni --plugin static|dhcp|whereabouts

Answers one call of a container runtime, as the plugin of that name would: reads CNI_COMMAND and the other variables of the CNI protocol and
the netconf on standard input, writes the result or the error as JSON to standard output. The installed plugins call it where no agent answers.

  --plugin NAME        whose call it is

Exit codes: 0 done; 1 an error of the CNI protocol, which is on standard output; 2 wrong usage.
`;

/** `berth cni --plugin NAME`: answers one call of the CNI protocol from environment and standard input. */
export async function runCni(args: string[]): Promise<number> {
  const options = { plugin: { type: "string" }, help: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const plugin = PLUGINS.find((known) => known === values.plugin);
  if (plugin === undefined) {
    const { stderr, exit } = refusePlugin(values.plugin);
    toStderr(stderr);
    return exit;
  }
  const command = process.env.CNI_COMMAND ?? "";
  let stdin = "";
  try {
    if (command !== "" && command !== "VERSION") stdin = await readStdin();
    if (command === "ADD") await strikeOwed();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const details = "the runtime sends the netconf there";
    toStdout(renderError(cniError(CniCode.io, why, details)));
    return 1;
  }
  let opened: Store | undefined; // a call names one store
  const host = new Machine(
    logOf(stdin, (line) => toStderr(line), systemClock.now),
    (choice) => {
      const store = openStore(choice, {
        patience: choice.kind === "sqlite" ? PATIENCE_ALONE : PATIENCE,
        slices: { stateDir: stateDir(), writeDelay: 0 },
        node: thisNode(),
      });
      if (store.ok) opened = store.value;
      return store;
    },
    systemClock,
    { dhcp: throughDaemon({ plugin, timeout: timeoutOf(command), env: variables(), stdin }, stateDir()) },
  );
  try {
    const callerNetns = () => netnsId("/proc/self/ns/net");
    const reply = await invoke({ plugin, env: process.env, stdin, callerNetns }, host);
    toStderr(reply.stderr);
    toStdout(reply.stdout);
    return reply.exit;
  } finally {
    await opened?.flush?.();
    opened?.close();
  }
}

function stateDir(): string {
  return process.env.BERTH_STATE_DIR || DEFAULT_STATE_DIR;
}

/** Milliseconds that the DHCP daemon has for an answer; a server may need several seconds for an ADD. */
function timeoutOf(command: string): number {
  return command === "ADD" ? 60_000 : 12_000;
}

function variables(): Record<string, string> {
  return Object.fromEntries(
    CNI_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A DEL that an agent still owes for this attachment must not undo what is added now without the agent. */
async function strikeOwed(): Promise<void> {
  const path = journalPath(stateDir());
  if (!(await Bun.file(path).exists())) return;
  const env = {
    CNI_CONTAINERID: process.env.CNI_CONTAINERID ?? "",
    CNI_IFNAME: process.env.CNI_IFNAME ?? "",
  };
  const { strikeOut } = await import("../agent/journal-file.ts");
  try {
    strikeOut(path, { env });
  } catch (error) {
    throw new Error(`the journal ${path} cannot be used: ${String(error)}`);
  }
}

/** All of standard input, but no more than is needed to see that it is too much. */
async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // A stream and not readSync: that fails with EAGAIN on a non-blocking pipe of a slow runtime.
    for await (const chunk of Bun.stdin.stream()) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_CONFIG_BYTES) break;
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`standard input cannot be read: ${why.split(":")[0]}`);
  }
  return Buffer.concat(chunks).toString("utf8");
}
