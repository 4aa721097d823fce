import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  duidClientId,
  duidOfMac,
  duidOfName,
  iaidOfName,
  macClientId,
  podClientId,
  sandboxClientId,
} from "./client-id.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(1));

test("sandbox: as upstream, cut to 254 bytes behind the type", () => {
  const id = sandboxClientId("abc", "lan", "net1");
  expect([id[0], text(id)]).toEqual([0, "abc/lan/net1"]);
  const long = sandboxClientId("c".repeat(64), "n".repeat(300), "net1");
  expect([long.length, text(long)]).toEqual([255, `${"c".repeat(64)}/${"n".repeat(189)}`]);
});

test("pod: readable where it fits, and two pods never share one even where it does not", () => {
  const pod = { namespace: "default", pod: "web-0", network: "lan", ifname: "net1" };
  expect(text(podClientId(pod))).toBe("default/web-0/lan/net1");
  const long = { ...pod, pod: "p".repeat(253) };
  const ids = ["net1", "net2", "net3"].map((ifname) => podClientId({ ...long, ifname }).toHex());
  expect(new Set(ids).size).toBe(3);
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (network) => {
      expect(podClientId({ ...pod, network }).length).toBeLessThanOrEqual(255);
    }),
  );
});

test("MAC (RFC 2132), DUID with IAID (RFC 4361), DUID-LL, DUID-UUID", () => {
  expect(macClientId(MAC).toHex()).toBe("01020000000001");
  expect(duidOfMac(MAC).toHex()).toBe("00030001020000000001");
  expect(duidClientId(7, duidOfMac(MAC)).toHex()).toBe("ff0000000700030001020000000001");
  const duid = duidOfName(sandboxClientId("abc", "lan", "net1"));
  expect([duid.length, duid.subarray(0, 2).toHex()]).toEqual([18, "0004"]);
  expect(duid).not.toEqual(duidOfName(sandboxClientId("abc", "lan", "net2")));
  expect(iaidOfName("net1")).not.toBe(iaidOfName("net2"));
});

test("the hash is FNV-1a with 128 bits: its published value for the empty text and for one letter", () => {
  expect(duidOfName(new Uint8Array()).subarray(2).toHex()).toBe("6c62272e07bb014262b821756295c58d");
  expect(duidOfName(Uint8Array.of(0x61)).subarray(2).toHex()).toBe("d228cb696f1a8caf78912b704e4a8964");
});
