import { err, ok, type Result } from "../result.ts";
import { MAX_CONFIG_BYTES } from "./request.ts";

/**
 * How a call of a plugin travels to a daemon over a unix socket: one request, one reply, then the daemon closes.
 *
 *     BERTH/1 PLUGIN TIMEOUT ENV-BYTES STDIN-BYTES\n  KEY=VALUE\0 ...  stdin
 *     BERTH/1 EXIT STDOUT-BYTES STDERR-BYTES\n  stdout  stderr
 *
 * TIMEOUT is how many milliseconds the caller waits. A daemon that does not know the version closes without a
 * reply, and the caller does the work itself.
 */
export type CallFrame = {
  readonly plugin: string;
  readonly timeout: number;
  readonly env: { readonly [key: string]: string };
  readonly stdin: string;
};

export type ReplyFrame = { readonly exit: number; readonly stdout: string; readonly stderr: string };

/** What the runtime tells a plugin (CNI specification, section 2), and all that a frame carries of the environment. */
export const CNI_VARIABLES = [
  "CNI_COMMAND",
  "CNI_CONTAINERID",
  "CNI_NETNS",
  "CNI_IFNAME",
  "CNI_ARGS",
  "CNI_PATH",
  "CNI_NETNS_OVERRIDE",
] as const;

/** Bounds in bytes. Linux gives a variable 128 KiB; of a netconf one byte too many is sent, so that it is refused. */
export const MAX_HEADER_BYTES = 256;
export const MAX_ENV_BYTES = 1024 * 1024;
export const MAX_STDIN_BYTES = MAX_CONFIG_BYTES + 1;

const MAX_TIMEOUT = 120_000;
const REQUEST = /^BERTH\/1 ([a-z]{1,16}) (\d{1,6}) (\d{1,7}) (\d{1,7})$/;
const REPLY = /^BERTH\/1 (\d{1,3}) (\d{1,9}) (\d{1,9})$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function encodeCall({ plugin, timeout, env, stdin }: CallFrame): Uint8Array {
  const block = encoder.encode(
    Object.entries(env)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );
  const input = encoder.encode(stdin);
  const header = `BERTH/1 ${plugin} ${timeout} ${block.length} ${input.length}\n`;
  return concat([encoder.encode(header), block, input]);
}

export function encodeReply({ exit, stdout, stderr }: ReplyFrame): Uint8Array {
  const out = encoder.encode(stdout);
  const error = encoder.encode(stderr);
  return concat([encoder.encode(`BERTH/1 ${exit} ${out.length} ${error.length}\n`), out, error]);
}

type Header = {
  readonly plugin: string;
  readonly timeout: number;
  start: number;
  env: number;
  stdin: number;
};

/** Collects the bytes of one call; bounded whatever the peer sends. */
export class CallReader {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #header: Header | undefined;

  /** The call once it is whole, undefined while bytes are missing, an error if this is no such call. */
  push(chunk: Uint8Array): Result<CallFrame | undefined, string> {
    this.#chunks.push(chunk.slice());
    this.#length += chunk.length;
    if (!this.#header) {
      const header = this.#readHeader();
      if (!header.ok) return header;
      if (header.value === undefined) return ok(undefined);
      this.#header = header.value;
    }
    const { plugin, timeout, start, env, stdin } = this.#header;
    const end = start + env + stdin;
    if (this.#length < end) return ok(undefined);
    if (this.#length > end) return err(`${this.#length - end} bytes follow the call`);
    const all = concat(this.#chunks);
    const variables = decodeEnv(all.subarray(start, start + env));
    return ok({ plugin, timeout, env: variables, stdin: decoder.decode(all.subarray(start + env)) });
  }

  #readHeader(): Result<Header | undefined, string> {
    const head = concat(this.#chunks).subarray(0, MAX_HEADER_BYTES);
    const end = head.indexOf(10);
    if (end < 0) return this.#length < MAX_HEADER_BYTES ? ok(undefined) : err("the header has no end");
    const line = decoder.decode(head.subarray(0, end));
    const match = REQUEST.exec(line);
    if (!match) return err(`no header of BERTH/1: ${JSON.stringify(line)}`);
    const [, plugin = "", timeout, env, stdin] = match;
    if (Number(env) > MAX_ENV_BYTES) return err(`an environment of ${env} bytes; at most ${MAX_ENV_BYTES}`);
    if (Number(stdin) > MAX_STDIN_BYTES) return err(`an input of ${stdin} bytes; at most ${MAX_STDIN_BYTES}`);
    const bounded = Math.min(Number(timeout), MAX_TIMEOUT);
    return ok({ plugin, timeout: bounded, start: end + 1, env: Number(env), stdin: Number(stdin) });
  }
}

/** A whole reply, undefined if the bytes are not one: the daemon died while it wrote. */
export function decodeReply(bytes: Uint8Array): ReplyFrame | undefined {
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(10);
  const match = end < 0 ? null : REPLY.exec(decoder.decode(bytes.subarray(0, end)));
  if (!match) return undefined;
  const [exit, out, error] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const body = bytes.subarray(end + 1);
  if (body.length !== out + error) return undefined;
  return { exit, stdout: decoder.decode(body.subarray(0, out)), stderr: decoder.decode(body.subarray(out)) };
}

function decodeEnv(block: Uint8Array): { readonly [key: string]: string } {
  const pairs = decoder.decode(block).split("\0").slice(0, -1);
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return only; // nearly every call comes in one piece
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
