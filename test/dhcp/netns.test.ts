import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { parseAddress } from "../../src/ip/address.ts";
import { formatInterfaceAddress, parseInterfaceAddress } from "../../src/ip/cidr.ts";
import { DatagramSocket } from "../../src/netns/datagrams.ts";
import { within } from "../../src/netns/enter.ts";
import { arpFilter, dhcp4Filter } from "../../src/netns/filter.ts";
import {
  addAddress,
  addRoute,
  addressesOf,
  removeAddress,
  removeRoute,
} from "../../src/netns/netlink/addresses.ts";
import { linkOf, setLink } from "../../src/netns/netlink/links.ts";
import { Netlink } from "../../src/netns/netlink/socket.ts";
import { openPacketSocket } from "../../src/netns/sockets.ts";
import { ok, type Result } from "../../src/result.ts";
import { until } from "../agent/agent.ts";
import { ip, Namespaces, pathOf, whyNoNamespaces } from "./wire.ts";

const why = whyNoNamespaces();
if (why !== undefined) console.log(`test/dhcp/netns.test.ts: left out, ${why}`);

function value<T>(result: Result<T, { message?: string; hint?: string }>): T {
  if (!result.ok) throw new Error(result.error.message ?? result.error.hint ?? "failed");
  return result.value;
}

const inet = (text: string) => value(parseInterfaceAddress(text));
const address = (text: string) => value(parseAddress(text));

describe.skipIf(why !== undefined)("a network namespace, entered by FFI", () => {
  const namespaces = new Namespaces();
  let path = "";
  let name = "";
  let peer = "";

  beforeAll(() => {
    name = namespaces.add("pod");
    peer = namespaces.add("peer");
    path = pathOf(name);
    ip("-n", name, "link", "add", "net1", "type", "veth", "peer", "name", "far", "netns", peer);
    ip("-n", peer, "link", "set", "far", "up");
  });
  afterAll(() => namespaces.dispose());

  test("the thread is back where it was, whatever the body did", () => {
    const home = readlinkSync("/proc/thread-self/ns/net");
    let inside = "";
    let identity = "";
    const run = () =>
      within(path, (where) => {
        identity = where.identity;
        inside = readlinkSync("/proc/thread-self/ns/net");
        throw new Error("broken body");
      });
    expect(run).toThrow("broken body");
    expect(inside).not.toBe(home);
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(home);
    const [device, inode] = identity.split(":");
    expect(inside).toBe(`net:[${inode}]`);
    expect(Number(device)).toBeGreaterThan(0);
  });

  test("no namespace there: what is wrong, and no descriptor left open", () => {
    const before = readdirSync("/proc/self/fd").length;
    for (const wrong of ["/nonexistent/ns", "/etc/passwd"]) {
      const result = within(wrong, () => ok(undefined));
      expect(result).toMatchObject({ ok: false, error: { code: "netns_gone" } });
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("interfaces: looked up, set up and down", () => {
    const look = () => value(within(path, () => Netlink.use((netlink) => linkOf(netlink, "net1"))));
    const link = look();
    const [shown]: { ifindex: number; address: string; mtu: number }[] = JSON.parse(
      ip("-n", name, "-j", "link", "show", "net1"),
    );
    expect(link).toMatchObject({ index: shown?.ifindex, name: "net1", up: false, mtu: shown?.mtu });
    expect(link.mac.toHex()).toBe((shown?.address ?? "").replaceAll(":", ""));
    for (const up of [true, false, true]) {
      value(within(path, () => Netlink.use((netlink) => setLink(netlink, link.index, up))));
      expect(look().up).toBe(up);
    }
    const missing = within(path, () => Netlink.use((netlink) => linkOf(netlink, "net9")));
    expect(missing).toMatchObject({ ok: false, error: { code: "link_gone" } });
    expect(missing.ok ? "" : missing.error.message).toContain("net9");
  });

  test.each(["192.0.2.7/24", "2001:db8::7/64"])(
    "the address %s and a route, added twice, removed twice",
    (text) => {
      const use = <T>(body: Parameters<typeof Netlink.use<T>>[0]) =>
        value(within(path, () => Netlink.use(body)));
      const { index } = use((netlink) => linkOf(netlink, "net1"));
      use((netlink) => setLink(netlink, index, true));
      const wanted = inet(text);
      const v4 = wanted.address.family === 4;
      const route = v4
        ? { destination: inet("198.51.100.0/24"), gateway: address("192.0.2.1"), metric: 50 }
        : { destination: inet("2001:db8:1::/48"), gateway: address("2001:db8::1"), metric: 50 };
      const carried = () =>
        use((netlink) => addressesOf(netlink, index, wanted.address.family)).map((one) =>
          formatInterfaceAddress(one.address),
        );
      const routes = () => ip("-n", name, v4 ? "-4" : "-6", "route", "show", "dev", "net1");
      for (const _ of [1, 2]) {
        use((netlink) => addAddress(netlink, index, wanted));
        use((netlink) => addRoute(netlink, index, route));
      }
      expect(carried()).toContain(text);
      expect(routes()).toContain(
        v4 ? "198.51.100.0/24 via 192.0.2.1 proto dhcp" : "2001:db8:1::/48 via 2001:db8::1",
      );
      for (const _ of [1, 2]) use((netlink) => removeRoute(netlink, index, route));
      expect(routes()).not.toContain("via");
      for (const _ of [1, 2]) use((netlink) => removeAddress(netlink, index, wanted));
      expect(carried()).not.toContain(text);
    },
  );

  test("frames: only those that the filter lets through arrive, and closing gives the descriptors back", async () => {
    const mac = Uint8Array.fromHex("0200000000aa");
    const open = (where: string, ifname: string, ethertype: number, filter: Uint8Array) =>
      value(
        within(where, () =>
          Netlink.use((netlink) => {
            const link = linkOf(netlink, ifname);
            if (!link.ok) return link;
            const up = setLink(netlink, link.value.index, true);
            return up.ok ? openPacketSocket(link.value.index, ethertype, filter) : up;
          }),
        ),
      );
    const before = readdirSync("/proc/self/fd").length;
    const seen: string[] = [];
    const failed = () => seen.push("failed");
    const receive = (label: string) => (frame: Uint8Array) => seen.push(`${label} ${frame.length}`);
    const dhcp = new DatagramSocket(open(path, "net1", 0x0800, dhcp4Filter(mac)), {
      received: receive("dhcp"),
      failed,
    });
    const arp = new DatagramSocket(open(path, "net1", 0x0806, arpFilter(0xc0000207)), {
      received: receive("arp"),
      failed,
    });
    const sender = new DatagramSocket(open(pathOf(peer), "far", 0x88b5, dhcp4Filter(mac)), {
      received: receive("sender"),
      failed,
    });

    const dhcpFrame = (port: number, chaddr: Uint8Array, size: number) => {
      const frame = new Uint8Array(size).fill(0);
      frame.fill(0xff, 0, 6);
      frame.set([0x08, 0x00, 0x45], 12);
      frame[23] = 17;
      frame.set([port >> 8, port & 255], 36);
      if (size >= 76) frame.set(chaddr, 70);
      return frame;
    };
    const arpFrame = (sender: number[], target: number[], size: number) => {
      const frame = new Uint8Array(size);
      frame.fill(0xff, 0, 6);
      frame.set([0x08, 0x06], 12);
      frame.set(sender, 28);
      frame.set(target, 38);
      return frame;
    };
    const other = Uint8Array.fromHex("0200000000ab");
    const ours = [192, 0, 2, 7];
    await until("the interface passes frames", () => sender.send(dhcpFrame(67, mac, 300)));
    sender.send(dhcpFrame(68, other, 301));
    sender.send(dhcpFrame(68, mac, 302));
    sender.send(dhcpFrame(68, mac, 72)); // too short to have a chaddr
    sender.send(dhcpFrame(68, mac, 303));
    sender.send(arpFrame([192, 0, 2, 8], [192, 0, 2, 9], 60));
    sender.send(arpFrame(ours, [192, 0, 2, 1], 61));
    sender.send(arpFrame([0, 0, 0, 0], ours, 62));
    await until("four frames", () => seen.length >= 4);
    expect(seen.sort()).toEqual(["arp 61", "arp 62", "dhcp 302", "dhcp 303"]);
    for (const socket of [dhcp, arp, sender]) socket.close();
    await until("the descriptors are closed", () => readdirSync("/proc/self/fd").length === before);
    expect(seen.length).toBe(4);
  });

  test("an interface that goes away is told", async () => {
    ip("-n", name, "link", "add", "gone0", "type", "veth", "peer", "name", "gone1");
    ip("-n", name, "link", "set", "gone0", "up");
    const descriptor = value(
      within(path, () =>
        Netlink.use((netlink) => {
          const link = linkOf(netlink, "gone0");
          return link.ok ? openPacketSocket(link.value.index, 0x0800, arpFilter(0)) : link;
        }),
      ),
    );
    let failed = false;
    const socket = new DatagramSocket(descriptor, {
      received: () => undefined,
      failed: () => {
        failed = true;
      },
    });
    await Bun.sleep(0);
    ip("-n", name, "link", "del", "gone0");
    await until("the socket has failed", () => failed || !socket.send(new Uint8Array(60)));
    socket.close();
  });
});
