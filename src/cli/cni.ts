import { readSync } from "node:fs";
import { parseArgs } from "node:util";
import { MAX_CONFIG_BYTES } from "../cni/request.ts";
import { invoke, PLUGINS } from "../ipam/invoke.ts";
import { logOf, ProcessHost } from "./host.ts";

/** `berth cni --plugin NAME`: answers one call of the CNI protocol from environment and standard input. */
export async function runCni(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { plugin: { type: "string" } } });
  const plugin = PLUGINS.find((known) => known === values.plugin);
  if (plugin === undefined) {
    process.stderr.write(`berth cni: --plugin is one of ${PLUGINS.join(", ")}\n`);
    return 2;
  }
  const command = process.env.CNI_COMMAND ?? "";
  const stdin = command === "" || command === "VERSION" ? "" : readStdin();
  const host = new ProcessHost(logOf(stdin));
  try {
    const callerNetns = host.netnsId("/proc/self/ns/net");
    const reply = await invoke({ plugin, env: process.env, stdin, callerNetns }, host);
    process.stderr.write(reply.stderr);
    process.stdout.write(reply.stdout);
    return reply.exit;
  } finally {
    host.close();
  }
}

/** All of standard input, but no more than is needed to see that it is too much. */
function readStdin(): string {
  const buffer = Buffer.allocUnsafe(MAX_CONFIG_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(0, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return buffer.toString("utf8", 0, length);
}
