import { describe, expect, test } from "bun:test";
import { decodeDatagram, encodeDatagram } from "../../src/dhcp/frame.ts";
import { decodeMessage, encodeMessage, type Message, OPTION } from "../../src/dhcp/v4/index.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { DatagramSocket } from "../../src/netns/datagrams.ts";
import { within } from "../../src/netns/enter.ts";
import { ETHERTYPE, encodeFrame, openFrame } from "../../src/netns/ethernet.ts";
import { linkOf } from "../../src/netns/netlink/links.ts";
import { Netlink } from "../../src/netns/netlink/socket.ts";
import { openPacketSocket } from "../../src/netns/sockets.ts";
import { until } from "../agent/agent.ts";
import { Random } from "../random.ts";
import { addressesOf, codeOf } from "../system/plugin.ts";
import { type DhcpLab, withLab } from "./lab.ts";
import { whyNoServers } from "./needs.ts";
import { kea4 } from "./servers.ts";
import { pathOf } from "./wire.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`test/dhcp/hostile.test.ts: left out, ${why}`);

const LIMIT = 120_000;
const EVERYTHING = new Uint8Array([0x06, 0, 0, 0, 0xff, 0xff, 0, 0]);
const MAC = Uint8Array.fromHex("0200000000ee");

const address = (text: string) => {
  const read = parseAddress(text);
  if (!read.ok) throw new Error(read.error.hint);
  return read.value;
};
const bytesOf = (text: string) => Uint8Array.from(text.split(".").map(Number));

/** A host that sees every broadcast question of a client and answers it as `answer` says. */
function attacker(
  lab: DhcpLab,
  answer: (question: Message) => readonly Uint8Array[],
): { asked: string[]; close(): void } {
  const namespace = lab.host("attacker", "10.66.0.66/16");
  const opened = within(pathOf(namespace), () =>
    Netlink.use((netlink) => {
      const link = linkOf(netlink, "eth0");
      return link.ok ? openPacketSocket(link.value.index, ETHERTYPE.ipv4, EVERYTHING) : link;
    }),
  );
  if (!opened.ok) throw new Error(opened.error.message);
  const asked: string[] = [];
  const socket = new DatagramSocket(opened.value, {
    received: (frame) => {
      const datagram = decodeDatagram(openFrame(frame).payload);
      const message = datagram.ok ? decodeMessage(datagram.value.payload) : datagram;
      if (!message.ok || message.value.op !== "request") return;
      asked.push(message.value.type);
      for (const payload of answer(message.value)) socket.send(frameTo(message.value.chaddr, payload));
    },
    failed: () => undefined,
  });
  return { asked, close: () => socket.close() };
}

function frameTo(mac: Uint8Array, payload: Uint8Array): Uint8Array {
  const [from, to] = [address("10.66.0.66"), address("255.255.255.255")];
  return encodeFrame(
    mac,
    MAC,
    ETHERTYPE.ipv4,
    encodeDatagram({ from, to, fromPort: 67, toPort: 68, payload }),
  );
}

/** A reply that would do, but for what `change` makes of it. */
function reply(
  question: Message,
  change: Partial<Message>,
  options: [number, Uint8Array | undefined][] = [],
): Uint8Array {
  const all = new Map<number, Uint8Array>([
    [OPTION.serverId, bytesOf("10.66.0.66")],
    [OPTION.leaseTime, Uint8Array.of(0, 0, 14, 16)],
    [OPTION.subnetMask, bytesOf("255.255.0.0")],
  ]);
  for (const [code, value] of options) {
    if (value) all.set(code, value);
    else all.delete(code);
  }
  return encodeMessage({
    ...question,
    op: "reply",
    type: question.type === "DISCOVER" ? "OFFER" : "ACK",
    yiaddr: address("10.66.99.1"),
    options: all,
    ...change,
  });
}

describe.skipIf(why !== undefined)("hostile answers over the real wire", () => {
  test.concurrent(
    "forged, broken and random packets give nobody an address; the real server's lease comes through",
    () =>
      withLab(async (lab) => {
        const server = await kea4(lab);
        await lab.daemon("-log-level", "debug");
        const random = new Random(7);
        const enemy = attacker(lab, (question) => {
          const whole = reply(question, {});
          const cut = [1, 100, 239, 240, 241, 250].map((length) => whole.slice(0, length));
          const garbage = Array.from({ length: 40 }, () => {
            const bytes = whole.slice();
            for (let at = 236; at < bytes.length; at++) bytes[at] = random.below(256);
            return bytes;
          });
          const lying = whole.slice();
          lying[241] = 255; // the length of the first option
          return [
            reply(question, { xid: question.xid ^ 1 }),
            reply(question, { chaddr: MAC }),
            reply(question, { op: "request" }),
            reply(question, { type: "NAK", xid: question.xid ^ 1 }),
            reply(question, { yiaddr: address("0.0.0.0") }),
            reply(question, { yiaddr: address("127.0.0.1") }),
            reply(question, { yiaddr: address("224.0.0.1") }),
            reply(question, { yiaddr: address("255.255.255.255") }),
            reply(question, {}, [[OPTION.subnetMask, undefined]]),
            reply(question, {}, [[OPTION.subnetMask, bytesOf("255.0.255.0")]]),
            reply(question, {}, [[OPTION.serverId, undefined]]),
            lying,
            ...cut,
            ...garbage,
            ...(question.type === "REQUEST"
              ? [reply(question, { type: "ACK" }), reply(question, { type: "NAK" })]
              : []),
          ];
        });
        for (const pod of ["p1", "p2", "p3"]) {
          lab.plug(pod);
          const added = await lab.lease("ADD", pod);
          expect(added.exit, added.stdout).toBe(0);
          expect(addressesOf(added.stdout)[0]).toStartWith("10.66.40.");
        }
        expect(server.held().length).toBe(3);
        expect(enemy.asked.filter((type) => type === "DISCOVER").length).toBeGreaterThanOrEqual(3);
        for (const pod of ["p1", "p2", "p3"]) expect((await lab.lease("DEL", pod)).exit).toBe(0);
        await until("nothing is held", () => server.held().length === 0);
        expect((await lab.leases())?.length).toBe(0);
        enemy.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "a server that names no mask or no possible address: the ADD says what is wrong with it",
    () =>
      withLab(async (lab) => {
        await lab.daemon();
        const enemy = attacker(lab, (question) => [reply(question, {}, [[OPTION.subnetMask, undefined]])]);
        lab.plug("p1");
        const failed = await lab.lease("ADD", "p1");
        expect(codeOf(failed)).toBe(11);
        expect(failed.stdout).toContain("ubnet"); // the subnet mask
        enemy.close();
      }),
    LIMIT,
  );

  test.concurrent(
    "absurd lease times are clamped, and a name that is none stays out of the result",
    () =>
      withLab(async (lab) => {
        await lab.daemon();
        const enemy = attacker(lab, (question) => [
          reply(question, {}, [
            [OPTION.leaseTime, new Uint8Array(4)],
            [OPTION.renewalTime, Uint8Array.of(255, 255, 255, 254)],
            [OPTION.rebindingTime, Uint8Array.of(0, 0, 0, 1)],
            [OPTION.domainName, new TextEncoder().encode("evil\nnameserver 6.6.6.6")],
          ]),
        ]);
        lab.plug("p1");
        const added = await lab.lease("ADD", "p1");
        expect(added.exit, added.stdout).toBe(0);
        expect(added.stdout).not.toContain("evil");
        const [lease] = (await lab.leases()) ?? [];
        expect(lease?.left ?? 0).toBeGreaterThan(0);
        enemy.close();
      }),
    LIMIT,
  );
});
