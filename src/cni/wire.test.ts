import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type CallFrame,
  CallReader,
  decodeReply,
  encodeCall,
  encodeReply,
  MAX_ENV_BYTES,
  MAX_HEADER_BYTES,
  MAX_STDIN_BYTES,
} from "./wire.ts";

const text = fc.string({ unit: "binary" }).map((value) => value.replaceAll("\0", ""));
const frame = fc.record({
  plugin: fc.constantFrom("static", "dhcp", "whereabouts", "status"),
  timeout: fc.integer({ min: 0, max: 120_000 }),
  env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,20}$/), text, { noNullPrototype: true }),
  stdin: text,
});

/** Feeds bytes in pieces of the given sizes, the rest at once. */
function feed(bytes: Uint8Array, sizes: readonly number[]): ReturnType<CallReader["push"]> {
  const reader = new CallReader();
  let at = 0;
  let last = reader.push(bytes.subarray(0, 0));
  for (const size of [...sizes, bytes.length]) {
    if (at >= bytes.length || !last.ok) break;
    last = reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  return last;
}

describe("frames between shim and agent", () => {
  test("a call arrives as it was sent, however it is cut into pieces", () => {
    fc.assert(
      fc.property(frame, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }), (call, sizes) => {
        expect(feed(encodeCall(call), sizes)).toEqual({ ok: true, value: call as CallFrame });
      }),
    );
  });

  test("a reply arrives as it was sent, and a torn one is none", () => {
    const reply = fc.record({ exit: fc.integer({ min: 0, max: 255 }), stdout: text, stderr: text });
    fc.assert(
      fc.property(reply, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (sent, share) => {
        const bytes = encodeReply(sent);
        expect(decodeReply(bytes)).toEqual(sent);
        expect(decodeReply(bytes.subarray(0, Math.floor(bytes.length * share)))).toBeUndefined();
      }),
    );
  });

  test("whatever bytes arrive, the reader answers and keeps no more than it must", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const result = feed(bytes, [1, 2, 3]);
        if (result.ok) expect(result.value).toBeUndefined();
        expect(bytes.length > MAX_HEADER_BYTES && !bytes.includes(10) ? result.ok : false).toBe(false);
      }),
    );
  });

  test.each([
    ["another version", "BERTH/2 static 10 0 0\n"],
    ["no number", "BERTH/1 static ten 0 0\n"],
    ["a name that is none", "BERTH/1 ../x 10 0 0\n"],
    ["too large an environment", `BERTH/1 static 10 ${MAX_ENV_BYTES + 1} 0\n`],
    ["too large an input", `BERTH/1 static 10 0 ${MAX_STDIN_BYTES + 1}\n`],
    ["a second call", "BERTH/1 static 10 0 0\nBERTH/1 static 10 0 0\n"],
    ["no end of the header", "x".repeat(MAX_HEADER_BYTES)],
  ])("%s is refused with the reason", (_, sent) => {
    const result = new CallReader().push(new TextEncoder().encode(sent));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.error.length).toBeGreaterThan(10);
  });
});
