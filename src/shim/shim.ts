import { existsSync, readSync, writeSync } from "node:fs";

/**
 * The plugin that a container runtime starts: it hands the call to the node's agent and prints the answer, or has
 * `berth cni` do the work where no agent answers. This file is compiled to a native executable with native.ts and
 * runs on Bun with bun.ts, so it imports nothing of Berth and keeps to plain TypeScript. The frames are those of
 * src/cni/wire.ts; the differential test in test/agent holds the two together.
 */
export type Platform = {
  /** The path that this program was started by. */
  readonly calledAs: string;
  /** Sends the request to a unix socket; what came back before the other side closed or the time (ms) was over. */
  exchange(socket: string, request: Uint8Array, timeout: number): Promise<Uint8Array>;
  /** Runs a program on this process's output with `input`; its exit code, -1 if it cannot run or was killed. */
  run(program: string, args: string[], input: Uint8Array): Promise<number>;
};

/** One byte more than a netconf may have, so that the other side sees that it is too much. */
const MAX_INPUT = 1024 * 1024 + 1;
const CNI_VARIABLES = [
  "CNI_COMMAND",
  "CNI_CONTAINERID",
  "CNI_NETNS",
  "CNI_IFNAME",
  "CNI_ARGS",
  "CNI_PATH",
  "CNI_NETNS_OVERRIDE",
];

export async function shim(platform: Platform): Promise<number> {
  const plugin = platform.calledAs.substring(platform.calledAs.lastIndexOf("/") + 1);
  const command = process.env.CNI_COMMAND ?? "";
  const input = command === "" || command === "VERSION" ? new Uint8Array(0) : readInput();
  if (typeof input === "string") return fail(5, input, "the runtime sends the netconf there");
  const timeout = timeoutOf(command, plugin);
  const request = encodeCall(plugin, timeout, input);
  const socket = process.env.BERTH_SOCKET ?? "/run/berth/agent.sock";
  const answer = await platform.exchange(socket, request, timeout);
  const exit = printReply(answer);
  return exit >= 0 ? exit : await withoutAgent(platform, plugin, input);
}

/** Milliseconds for the agent: more than its patience with a store (10 s), less than a runtime's with a plugin. */
function timeoutOf(command: string, plugin: string): number {
  const told = Number(process.env.BERTH_SHIM_TIMEOUT_MS ?? "");
  if (told >= 1 && told <= 120000) return Math.floor(told);
  if (command !== "ADD") return 12000;
  return plugin === "dhcp" ? 60000 : 15000; // a DHCP server may need several tries
}

/** All of standard input, but no more than is needed to see that it is too much; else why it cannot be read. */
function readInput(): Uint8Array | string {
  let buffer = new Uint8Array(16384);
  let length = 0;
  while (length < MAX_INPUT) {
    if (length === buffer.length) {
      const larger = new Uint8Array(Math.min(buffer.length * 4, MAX_INPUT));
      larger.set(buffer);
      buffer = larger;
    }
    let count = 0;
    try {
      count = readSync(0, buffer, length, buffer.length - length, null);
    } catch (error) {
      const why = error instanceof Error ? error.message : "";
      if (why.startsWith("EBADF")) break; // closed, which Go and Bun take for empty
      return `standard input cannot be read: ${why.split(":")[0]}`; // such as EISDIR; the rest differs by platform
    }
    if (count <= 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

function encodeCall(plugin: string, timeout: number, input: Uint8Array): Uint8Array {
  let block = "";
  for (const name of CNI_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) block += `${name}=${value}\0`;
  }
  const encoder = new TextEncoder();
  const env = encoder.encode(block);
  const header = encoder.encode(`BERTH/1 ${plugin} ${timeout} ${env.length} ${input.length}\n`);
  const request = new Uint8Array(header.length + env.length + input.length);
  request.set(header, 0);
  request.set(env, header.length);
  request.set(input, header.length + env.length);
  return request;
}

/** Prints a whole reply and gives its exit code; -1, and nothing printed, for anything else. */
function printReply(answer: Uint8Array): number {
  let end = 0;
  while (end < answer.length && answer[end] !== 10) end++;
  if (end > 64) return -1;
  const words = new TextDecoder().decode(answer.subarray(0, end)).split(" ");
  if (words.length !== 4 || words[0] !== "BERTH/1") return -1;
  const exit = Number(words[1]);
  const output = Number(words[2]);
  const body = answer.subarray(end + 1);
  if (body.length !== output + Number(words[3])) return -1;
  print(2, body.subarray(output));
  print(1, body.subarray(0, output));
  return exit;
}

function print(descriptor: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(descriptor, bytes, at, bytes.length - at);
}

async function withoutAgent(platform: Platform, plugin: string, input: Uint8Array): Promise<number> {
  const here = platform.calledAs.substring(0, Math.max(platform.calledAs.lastIndexOf("/"), 0));
  const told = process.env.BERTH_BIN ?? "";
  const places = [`${here}/berth`, `${here}/../berth`, "/usr/local/bin/berth"];
  const program = (told === "" ? places : [told]).find((path) => existsSync(path)) ?? "";
  if (program !== "") {
    const exit = await platform.run(program, ["cni", "--plugin", plugin], input);
    if (exit >= 0) return exit;
  }
  const why =
    program === ""
      ? `berth is not at ${told === "" ? places.join(", ") : told}`
      : `${program} could not run or was killed`;
  const details = `${why}; start berth agent, or let BERTH_BIN name the executable`;
  return fail(11, "no agent of Berth answers on this node", details);
}

function fail(code: number, msg: string, details: string): number {
  print(1, new TextEncoder().encode(JSON.stringify({ code, msg, details }, null, 4)));
  return 1;
}
