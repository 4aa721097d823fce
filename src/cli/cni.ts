import { parseArgs } from "node:util";
import { CniCode, cniError, renderError } from "../cni/error.ts";
import { MAX_CONFIG_BYTES } from "../cni/request.ts";
import { invoke, PLUGINS, refusePlugin } from "../ipam/invoke.ts";
import { logOf, Machine, netnsId, PATIENCE } from "../ipam/machine.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";

/** `berth cni --plugin NAME`: answers one call of the CNI protocol from environment and standard input. */
export async function runCni(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { plugin: { type: "string" } } });
  const plugin = PLUGINS.find((known) => known === values.plugin);
  if (plugin === undefined) {
    const { stderr, exit } = refusePlugin(values.plugin);
    process.stderr.write(stderr);
    return exit;
  }
  const command = process.env.CNI_COMMAND ?? "";
  let stdin = "";
  try {
    if (command !== "" && command !== "VERSION") stdin = await readStdin();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stdout.write(renderError(cniError(CniCode.io, `standard input cannot be read: ${why}`)));
    return 1;
  }
  let opened: Store | undefined; // a call names one store
  const host = new Machine(
    logOf(stdin, (line) => process.stderr.write(line)),
    (choice) => {
      const store = openStore(choice, PATIENCE);
      if (store.ok) opened = store.value;
      return store;
    },
  );
  try {
    const callerNetns = netnsId("/proc/self/ns/net");
    const reply = await invoke({ plugin, env: process.env, stdin, callerNetns }, host);
    process.stderr.write(reply.stderr);
    process.stdout.write(reply.stdout);
    return reply.exit;
  } finally {
    opened?.close();
  }
}

/** All of standard input, but no more than is needed to see that it is too much. */
async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // A stream and not readSync: that fails with EAGAIN on a non-blocking pipe of a slow runtime.
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_CONFIG_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
