import type { Clock, Timer } from "../../clock.ts";
import {
  ANNOUNCE_INTERVAL,
  arpAnnouncement,
  arpProbe,
  decodeArp,
  encodeArp,
  type ProbeTiming,
  probeTimes,
  showsConflict,
} from "../../dhcp/arp.ts";
import type { Address } from "../../ip/address.ts";
import { DatagramSocket, releaseSlowly } from "../../netns/datagrams.ts";
import { BROADCAST_MAC, ETHERTYPE, encodeFrame, openFrame } from "../../netns/ethernet.ts";
import { arpFilter, NOTHING } from "../../netns/filter.ts";
import { atInterface, type InterfaceRef } from "../../netns/interface.ts";
import { send } from "../../netns/libc.ts";
import { openPacketSocket } from "../../netns/sockets.ts";
import type { Probe } from "./protocol.ts";

export type ProbeOptions = {
  readonly at: InterfaceRef;
  readonly mac: Uint8Array;
  readonly address: Address;
  readonly timing: ProbeTiming;
  readonly clock: Clock;
};

/** Asks by ARP whether another host has the address (RFC 5227 section 2.1); silence is claimed with an announcement. */
export function probeByArp(options: ProbeOptions, answer: (conflict: boolean) => void): Probe {
  const { at, mac, address, timing, clock } = options;
  const opened = atInterface(at, (_, link) =>
    openPacketSocket(link.index, ETHERTYPE.arp, arpFilter(Number(address.value))),
  );
  if (!opened.ok) {
    const timer = clock.after(0, () => answer(false)); // the next message finds out what is wrong
    return { end: () => timer.cancel() };
  }
  const socket = new DatagramSocket(opened.value, {
    received: (frame) => {
      const arp = decodeArp(openFrame(frame).payload);
      if (!arp.ok || !showsConflict(arp.value, mac, address)) return;
      end();
      answer(true);
    },
    failed: () => undefined,
  });
  const { probes, silence } = probeTimes(timing, clock.random);
  const frame = encodeFrame(BROADCAST_MAC, mac, ETHERTYPE.arp, encodeArp(arpProbe(mac, address)));
  const timers = probes.map((ms) => clock.after(ms, () => void socket.send(frame)));
  const free = clock.after(silence, () => {
    socket.send(announcementOf(mac, address));
    end();
    answer(false);
  });
  const end = () => {
    for (const timer of [...timers, free]) timer.cancel();
    socket.close();
  };
  return { end };
}

/** Announces an address once more (RFC 5227 section 2.3), when the time for that has come. What fails is of no consequence. */
export function announceLater(at: InterfaceRef, mac: Uint8Array, address: Address, clock: Clock): Timer {
  return clock.after(ANNOUNCE_INTERVAL, () => {
    const socket = atInterface(at, (_, link) => openPacketSocket(link.index, ETHERTYPE.arp, NOTHING));
    if (!socket.ok) return;
    send(socket.value, announcementOf(mac, address));
    releaseSlowly(socket.value);
  });
}

function announcementOf(mac: Uint8Array, address: Address): Uint8Array {
  return encodeFrame(BROADCAST_MAC, mac, ETHERTYPE.arp, encodeArp(arpAnnouncement(mac, address)));
}
