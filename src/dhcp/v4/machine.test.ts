import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress } from "../../ip/address.ts";
import { bytesOf32, bytesOfAddress, textBytes } from "../bytes.ts";
import type { Lease } from "../lease.ts";
import { type Answer, answer, ip, OTHER_SERVER, SERVER } from "../testing/answers.ts";
import { anyMessage } from "../testing/any-message.ts";
import {
  type ClientEffect,
  type ClientEvent,
  type ClientWish,
  clientConfig,
  type Message,
  type MessageType,
  newClient,
  OPTION,
  type Send,
  step,
} from "./index.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const ADDRESS = ip("192.0.2.10");
const STRANGER = Uint8Array.of(2, 0, 0, 0, 0, 9);

const NOTHING: Message = {
  op: "request",
  type: "DISCOVER",
  xid: 0,
  secs: 0,
  broadcast: false,
  ciaddr: ip("0.0.0.0"),
  yiaddr: ip("0.0.0.0"),
  siaddr: ip("0.0.0.0"),
  giaddr: ip("0.0.0.0"),
  chaddr: MAC,
  options: new Map(),
};

/** One client and a hand that plays the server. */
class Talk {
  now = 1_000_000;
  effects: readonly ClientEffect[] = [];
  state;
  /** What was sent last. */
  last = NOTHING;
  #draws = 0;

  constructor(wish: Partial<ClientWish> = {}) {
    this.state = newClient(clientConfig({ mac: MAC, probe: false, ...wish }));
  }

  tell(event: ClientEvent): this {
    // Halves leave jitter at its middle; the sum makes every xid another.
    const random = () => 0.5 + this.#draws++ / 2 ** 32;
    const { state, effects } = step(this.state, event, this.now, random);
    this.state = state;
    this.effects = effects;
    this.last = this.sent?.message ?? this.last;
    return this;
  }

  start(): this {
    return this.tell({ kind: "start" });
  }

  /** The server answers what was sent last. */
  hear(type: MessageType, given?: Answer, change: Partial<Message> = {}): this {
    return this.tell({
      kind: "packet",
      message: { ...answer(this.last, type, given), ...change },
      from: SERVER,
    });
  }

  /** The time of the next timer comes. */
  wake(): this {
    this.now = this.state.wakeAt ?? Number.NaN;
    return this.tell({ kind: "timer" });
  }

  wakeUntil(done: () => boolean): this {
    for (let count = 0; count < 1000 && !done(); count++) this.wake();
    return this;
  }

  bound(given?: Answer): this {
    return this.start().hear("OFFER", given).hear("ACK", given);
  }

  get phase(): string {
    return this.state.phase.name;
  }

  /** What the last step sent. */
  get sent(): Send | undefined {
    return this.effects.findLast((effect) => effect.kind === "send");
  }

  get kinds(): string[] {
    return this.effects.map(({ kind }) => kind);
  }

  get lease(): Lease {
    if (!("lease" in this.state.phase)) throw new Error(`no lease in ${this.phase}`);
    return this.state.phase.lease;
  }
}

function option(sent: Send | undefined, code: number): string | undefined {
  return sent?.message.options.get(code)?.toHex();
}

describe("from INIT to BOUND", () => {
  test("DISCOVER, OFFER, REQUEST, ACK, probe: what is sent is that of RFC 2131 table 5", () => {
    const talk = new Talk({ probe: true, hostName: "web-0" }).start();
    expect(talk.phase).toBe("selecting");
    expect(talk.sent).toMatchObject({ from: ip("0.0.0.0"), to: { kind: "broadcast" } });
    expect(talk.sent?.message).toMatchObject({
      type: "DISCOVER",
      op: "request",
      ciaddr: ip("0.0.0.0"),
      chaddr: MAC,
    });
    expect(option(talk.sent, OPTION.clientId)).toBe("01020000000001");
    expect(option(talk.sent, OPTION.hostName)).toBe("7765622d30");
    expect(option(talk.sent, OPTION.parameterList)).toBe("017903210" + "60f771a2a333a3b");
    expect(option(talk.sent, OPTION.requestedAddress)).toBeUndefined();

    const { xid } = talk.last;
    talk.hear("OFFER");
    expect(talk.phase).toBe("requesting");
    expect(talk.sent?.message).toMatchObject({ type: "REQUEST", xid, ciaddr: ip("0.0.0.0") });
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c000020a");
    expect(option(talk.sent, OPTION.serverId)).toBe("c0000201");

    talk.hear("ACK");
    expect([talk.phase, talk.effects]).toEqual(["checking", [{ kind: "probe", address: ADDRESS }]]);
    talk.tell({ kind: "probed", address: ADDRESS, conflict: false });
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["bound"]]);
    expect(talk.lease).toMatchObject({
      address: { address: ADDRESS, prefix: 24 },
      server: SERVER,
      gateway: SERVER,
      routes: [{ dst: { address: ip("0.0.0.0"), prefix: 0 }, gw: SERVER }],
    });
  });

  test("what a server is to give away is told before the REQUEST, once for each offer", () => {
    const talk = new Talk({ probe: true }).start();
    expect(talk.kinds).toEqual(["send"]);
    talk.hear("OFFER");
    expect(talk.kinds).toEqual(["intend", "send"]);
    expect(talk.effects[0]).toMatchObject({
      lease: { family: 4, address: { address: ADDRESS }, server: SERVER },
    });
    expect(talk.wake().kinds).toEqual(["send"]);
    expect(talk.hear("ACK").kinds).toEqual(["probe"]);
  });

  test("waits double from the first to the longest; within the budget, then it fails", () => {
    const talk = new Talk({ timing: { firstWait: 1000, longestWait: 8000, budget: 40_000 } }).start();
    const waits: number[] = [];
    talk.wakeUntil(() => {
      waits.push(Math.round((talk.state.wakeAt ?? Number.NaN) - talk.now));
      return talk.phase === "idle";
    });
    expect(waits.slice(0, -1)).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 8000, 1000]);
    expect(talk.now).toBe(1_040_000);
    const hint = "no DHCP server answered within 40.0 s";
    expect(talk.effects).toEqual([{ kind: "failed", failure: { code: "no_answer", hint } }]);
  });

  test("the jitter is a second at most, and less for short waits (RFC 2131 section 4.1)", () => {
    for (const [draw, first, later] of [
      [0, 750, 15_000],
      [0.999999, 1250, 17_000],
    ] as const) {
      let state = newClient(clientConfig({ mac: MAC }));
      let now = 0;
      const waits: number[] = [];
      for (let count = 0; count < 5; count++) {
        const made = step(state, count === 0 ? { kind: "start" } : { kind: "timer" }, now, () => draw);
        state = made.state;
        waits.push(Math.round((state.wakeAt ?? 0) - now));
        now = state.wakeAt ?? 0;
      }
      expect([waits[0], waits[4]]).toEqual([first, later]);
    }
  });

  test("a REQUEST is sent four times; then all starts over", () => {
    const talk = new Talk().start().hear("OFFER");
    for (let count = 1; count < 4; count++) expect(talk.wake().sent?.message.type).toBe("REQUEST");
    expect(talk.wake().sent?.message.type).toBe("DISCOVER");
    expect(talk.phase).toBe("selecting");
  });

  test("two servers: the first offer is taken, the other remembered for when the first refuses", () => {
    const talk = new Talk().start();
    const discover = talk.last;
    const other = answer(discover, "OFFER", { server: OTHER_SERVER, yiaddr: ip("192.0.2.99") });
    talk.hear("OFFER").tell({ kind: "packet", message: other, from: OTHER_SERVER });
    expect([talk.phase, talk.kinds]).toEqual(["requesting", []]);
    talk.tell({ kind: "packet", message: answer(discover, "NAK"), from: SERVER });
    expect(talk.phase).toBe("requesting");
    expect(option(talk.sent, OPTION.serverId)).toBe("c0000202");
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c0000263");
    talk.hear("ACK", { server: OTHER_SERVER, yiaddr: ip("192.0.2.99") });
    expect(formatAddress(talk.lease.server)).toBe("192.0.2.2");
  });

  test("a server that refuses again and again is asked later and later", () => {
    const talk = new Talk().start().hear("OFFER").hear("NAK");
    expect(talk.sent?.message.type).toBe("DISCOVER");
    const pauses: number[] = [];
    for (let count = 0; count < 4; count++) {
      talk.hear("OFFER").hear("NAK", { options: [[OPTION.message, textBytes("wrong network")]] });
      expect(talk.phase).toBe("waiting");
      pauses.push(Math.round((talk.state.wakeAt ?? 0) - talk.now));
      talk.wake();
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000]);
    talk.wakeUntil(() => talk.phase === "idle");
    const hint = "the DHCP server 192.0.2.1 refused: wrong network";
    expect(talk.effects).toEqual([{ kind: "failed", failure: { code: "refused", hint } }]);
  });

  test("start in any state starts anew and asks for the address that it had", () => {
    const talk = new Talk().bound().start();
    expect(talk.phase).toBe("selecting");
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c000020a");
  });
});

describe("the address is probed", () => {
  test("a conflict: DECLINE, ten seconds, and all over without asking for it", () => {
    const talk = new Talk({ probe: true }).start().hear("OFFER").hear("ACK");
    const [kind] = talk.kinds;
    expect(kind).toBe("probe");
    talk.tell({ kind: "probed", address: ADDRESS, conflict: true });
    expect([talk.phase, talk.kinds]).toEqual(["waiting", ["log", "send"]]);
    expect(talk.sent?.message).toMatchObject({ type: "DECLINE", ciaddr: ip("0.0.0.0") });
    expect([...(talk.sent?.message.options.keys() ?? [])].sort()).toEqual([50, 54, 61]);
    expect(talk.state.wakeAt).toBe(talk.now + 10_000);
    talk.wake();
    expect(talk.sent?.message.type).toBe("DISCOVER");
    expect(option(talk.sent, OPTION.requestedAddress)).toBeUndefined();
  });

  test("an answer for another address, or too late, does nothing", () => {
    const talk = new Talk({ probe: true }).start().hear("OFFER").hear("ACK");
    talk.tell({ kind: "probed", address: ip("192.0.2.77"), conflict: true });
    expect([talk.phase, talk.kinds]).toEqual(["checking", []]);
    talk.tell({ kind: "probed", address: ADDRESS, conflict: false });
    talk.tell({ kind: "probed", address: ADDRESS, conflict: true });
    expect([talk.phase, talk.kinds]).toEqual(["bound", []]);
  });

  test("a driver that never answers does not hold the lease up for ever", () => {
    const talk = new Talk({ probe: true }).start().hear("OFFER").hear("ACK").wake();
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["log", "bound"]]);
  });

  test("a conflict later: lost, DECLINE, and another address", () => {
    const talk = new Talk().bound().tell({ kind: "conflict", address: ADDRESS });
    expect([talk.phase, talk.kinds]).toEqual(["waiting", ["lost", "log", "send"]]);
    expect(talk.effects[0]).toMatchObject({ reason: "conflict" });
    expect(talk.sent?.message.type).toBe("DECLINE");
  });
});

describe("answers that are refused", () => {
  const unusable: [string, Answer, string][] = [
    ["no mask", { options: [[1, undefined]] }, "DHCP option Subnet Mask not found in DHCPACK"],
    [
      "a mask with holes",
      { options: [[1, bytesOf32(0xff00ff00)]] },
      "the subnet mask (option 1) is not a mask",
    ],
    ["0.0.0.0", { yiaddr: ip("0.0.0.0") }, "0.0.0.0 is not an address for a host"],
    ["loopback", { yiaddr: ip("127.0.0.9") }, "127.0.0.9 is not an address for a host"],
    ["multicast", { yiaddr: ip("224.0.0.9") }, "224.0.0.9 is not an address for a host"],
    ["broadcast", { yiaddr: ip("255.255.255.255") }, "255.255.255.255 is not an address for a host"],
    [
      "the network address",
      { yiaddr: ip("192.0.2.0") },
      "192.0.2.0/24 is the network or broadcast address of its subnet",
    ],
    [
      "the broadcast address of its subnet",
      { yiaddr: ip("192.0.2.255") },
      "192.0.2.255/24 is the network or broadcast address of its subnet",
    ],
    [
      "no server identifier",
      { options: [[54, undefined]] },
      "the server identifier (option 54) is no address",
    ],
    [
      "a server identifier of 0.0.0.0",
      { server: ip("0.0.0.0") },
      "the server identifier (option 54) is no address",
    ],
    [
      "a cut server identifier",
      { options: [[54, Uint8Array.of(192, 0, 2)]] },
      "the server identifier (option 54) is no address",
    ],
  ];

  test.each(unusable)("an offer with %s", (_, given, reason) => {
    const talk = new Talk().start().hear("OFFER", given);
    expect([talk.phase, talk.effects]).toEqual([
      "selecting",
      [{ kind: "log", level: "verbose", msg: "offer refused", fields: { from: "192.0.2.1", reason } }],
    ]);
    talk.wakeUntil(() => talk.phase === "idle");
    expect(talk.effects).toEqual([{ kind: "failed", failure: { code: "unacceptable", hint: reason } }]);
    // The reason is known: no use to wait for the whole budget.
    expect(talk.now).toBeLessThan(1_000_000 + 10_000);
  });

  test("a better server is still heard after an offer without a mask", () => {
    const talk = new Talk().start().hear("OFFER", { options: [[1, undefined]] });
    talk.hear("OFFER", { server: OTHER_SERVER });
    expect(talk.phase).toBe("requesting");
  });

  test("an ACK of another server, or with another address than offered, is not the answer", () => {
    const talk = new Talk().start().hear("OFFER");
    const { last } = talk;
    for (const given of [{ server: OTHER_SERVER }, { yiaddr: ip("192.0.2.11") }]) {
      talk.tell({ kind: "packet", message: answer(last, "ACK", given), from: SERVER });
      expect([talk.phase, talk.kinds]).toEqual(["requesting", ["log"]]);
    }
    talk.tell({ kind: "packet", message: answer(last, "NAK", { server: OTHER_SERVER }), from: SERVER });
    expect([talk.phase, talk.kinds]).toEqual(["requesting", []]);
    talk.tell({ kind: "packet", message: answer(last, "ACK"), from: SERVER });
    expect(talk.phase).toBe("bound");
  });

  test.each<[string, Partial<Message>]>([
    ["xid", { xid: 1 }],
    ["MAC address", { chaddr: STRANGER }],
    ["direction", { op: "request" }],
    ["kind", { type: "DISCOVER" }],
    [
      "client identifier (RFC 6842)",
      { options: new Map([...answer(NOTHING, "OFFER").options, [61, Uint8Array.of(1)]]) },
    ],
  ])("another %s does nothing, whatever the state", (_, change) => {
    const talk = new Talk().start();
    expect(talk.hear("OFFER", {}, change).kinds).toEqual([]);
    expect(talk.phase).toBe("selecting");
  });

  test("no packet in any state throws or changes what is not its business", () => {
    fc.assert(
      fc.property(anyMessage, fc.constantFrom(0, 1, 2, 3, 4, 5), fc.boolean(), (random, stage, ours) => {
        const talk = stages[stage]?.() ?? new Talk();
        const { phase } = talk.state;
        const xid = ours && "exchange" in phase ? phase.exchange.xid : random.xid;
        const message = { ...random, xid, ...(ours && { chaddr: MAC, op: "reply" as const }) };
        talk.tell({ kind: "packet", message, from: SERVER });
        if (!ours) expect(talk.kinds).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

const stages = [
  () => new Talk(),
  () => new Talk().start(),
  () => new Talk().start().hear("OFFER"),
  () => new Talk().bound(),
  () => new Talk().bound().wake(),
  () => new Talk().tell({ kind: "reboot", lease: new Talk().bound().lease }),
];

describe("times", () => {
  test("T1 is half of the lease (up to 4 % earlier), T2 seven eighths, counted from the first REQUEST", () => {
    const talk = new Talk().start().hear("OFFER");
    const asked = talk.now;
    talk.now += 700;
    talk.hear("ACK", { lease: 1000 });
    expect(talk.lease.times).toEqual({
      obtainedAt: asked,
      renewAt: asked + 490_000,
      rebindAt: asked + 875_000,
      expiresAt: asked + 1_000_000,
    });
  });

  test("options 58 and 59 where they are in order", () => {
    const { times } = new Talk().bound({ lease: 1000, t1: 100, t2: 200 }).lease;
    expect([times.renewAt, times.rebindAt, times.expiresAt]).toEqual([1_098_000, 1_200_000, 2_000_000]);
  });

  test.each([
    [
      "T1 beyond T2",
      { lease: 1000, t1: 900, t2: 500 },
      "T1 900 s and T2 500 s do not fit a lease of 1000 s: half and 7/8 are taken",
    ],
    [
      "T2 beyond the end",
      { lease: 1000, t1: 10, t2: 1001 },
      "T1 10 s and T2 1001 s do not fit a lease of 1000 s: half and 7/8 are taken",
    ],
    [
      "T1 of 0",
      { lease: 1000, t1: 0, t2: 500 },
      "T1 0 s and T2 500 s do not fit a lease of 1000 s: half and 7/8 are taken",
    ],
  ])("%s: clamped, and logged", (_, given, note) => {
    const talk = new Talk().bound(given);
    expect(talk.effects[0]).toMatchObject({ kind: "log", fields: { server: "192.0.2.1", note } });
    expect(talk.lease.times.rebindAt).toBe(1_875_000);
  });

  test.each([0, 1, 4])("a lease of %d s is taken as 5 s", (lease) => {
    const talk = new Talk().bound({ lease });
    expect(talk.kinds).toEqual(["log", "bound"]);
    expect(talk.lease.times.expiresAt).toBe(1_005_000);
  });

  test("no lease time at all is an hour, as upstream", () => {
    const talk = new Talk().bound({ options: [[51, undefined]] });
    expect(talk.lease.times.expiresAt).toBe(1_000_000 + 3_600_000);
  });

  test("an infinite lease has no timers, and can be renewed all the same", () => {
    const talk = new Talk().bound({ lease: 0xffff_ffff });
    expect([talk.lease.times, talk.state.wakeAt]).toEqual([{ obtainedAt: 1_000_000 }, undefined]);
    expect(talk.tell({ kind: "renew" }).phase).toBe("renewing");
    expect(talk.wake().phase).toBe("bound");
    expect(talk.state.wakeAt).toBeUndefined();
  });

  test("a timer never lies further away than a timer of JavaScript can", () => {
    const talk = new Talk().bound({ lease: 0xffff_fffe });
    expect(talk.state.wakeAt).toBe(1_000_000 + 2 ** 31 - 1);
    expect([talk.wake().phase, talk.kinds]).toEqual(["bound", []]);
  });

  test("a timer that comes too early, or after the clock was set back, changes nothing", () => {
    const talk = new Talk().bound();
    const { state } = talk;
    talk.now -= 5_000_000;
    talk.tell({ kind: "timer" });
    expect([talk.kinds, talk.state]).toEqual([[], state]);
  });

  test("a clock that jumped beyond the end: the lease is over, whatever was missed", () => {
    const talk = new Talk().bound();
    talk.now += 10_000_000;
    talk.tell({ kind: "timer" });
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["lost", "send"]]);
  });
});

describe("RENEWING and REBINDING", () => {
  test("a unicast from the address to its server at T1, a broadcast at T2, the end", () => {
    const talk = new Talk().bound({ lease: 1000 }).wake();
    expect(talk.phase).toBe("renewing");
    expect(talk.sent).toMatchObject({
      from: ADDRESS,
      to: { kind: "unicast", server: SERVER },
      message: { type: "REQUEST", ciaddr: ADDRESS },
    });
    for (const code of [OPTION.requestedAddress, OPTION.serverId])
      expect(option(talk.sent, code)).toBeUndefined();

    talk.wakeUntil(() => talk.phase === "rebinding");
    expect(talk.now).toBe(1_875_000);
    expect(talk.sent).toMatchObject({
      from: ADDRESS,
      to: { kind: "broadcast" },
      message: { ciaddr: ADDRESS },
    });

    talk.wakeUntil(() => talk.phase === "selecting");
    expect(talk.now).toBe(2_000_000);
    expect(talk.effects[0]).toMatchObject({ kind: "lost", reason: "expired" });
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c000020a");
  });

  test("asks again after half of what is left, but a minute at least; each time with another xid", () => {
    const talk = new Talk().bound({ lease: 3600 });
    const waits: number[] = [];
    const xids = new Set<number>();
    talk.wake();
    while (talk.phase === "renewing") {
      waits.push(Math.round(((talk.state.wakeAt ?? 0) - talk.now) / 1000));
      xids.add(talk.last.xid);
      talk.wake();
    }
    // T1 at 1764 s, T2 at 3150 s.
    expect(waits).toEqual([693, 347, 173, 87, 60, 27]);
    expect(xids.size).toBe(waits.length);
  });

  test("an ACK: renewed, and the time counts from its request", () => {
    const talk = new Talk().bound({ lease: 1000 }).wake();
    const asked = talk.now;
    talk.now += 50;
    talk.hear("ACK", { lease: 1000 });
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["renewed"]]);
    expect(talk.lease.times.expiresAt).toBe(asked + 1_000_000);
  });

  test.each<[string, Answer]>([
    ["address", { yiaddr: ip("192.0.2.20") }],
    ["mask", { options: [[OPTION.subnetMask, bytesOf32(0xffff_0000)]] }],
    ["router", { options: [[OPTION.routers, bytesOfAddress(ip("192.0.2.254"))]] }],
    ["DNS", { options: [[OPTION.dns, bytesOfAddress(ip("192.0.2.53"))]] }],
    ["MTU", { options: [[OPTION.mtu, Uint8Array.of(5, 0)]] }],
  ])("an ACK with another %s: changed", (_, given) => {
    const talk = new Talk().bound().wake().hear("ACK", given);
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["changed"]]);
    expect(talk.effects[0]).toMatchObject({ previous: { address: { address: ADDRESS } } });
  });

  test("a server that leaves the mask out when it renews means the same; with another address it does not", () => {
    const talk = new Talk()
      .bound()
      .wake()
      .hear("ACK", { options: [[1, undefined]] });
    expect([talk.kinds, talk.lease.address.prefix]).toEqual([["renewed"], 24]);
    talk.wake().hear("ACK", { yiaddr: ip("192.0.2.20"), options: [[1, undefined]] });
    expect([talk.phase, talk.kinds]).toEqual(["renewing", ["log"]]);
  });

  test("renewing hears its own server only, rebinding any", () => {
    const talk = new Talk().bound({ lease: 1000 }).wake();
    for (const type of ["ACK", "NAK"] as const) {
      talk.tell({
        kind: "packet",
        message: answer(talk.last, type, { server: OTHER_SERVER }),
        from: OTHER_SERVER,
      });
      expect([talk.phase, talk.kinds]).toEqual(["renewing", ["log"]]);
    }
    talk
      .wakeUntil(() => talk.phase === "rebinding")
      .hear("ACK", { server: OTHER_SERVER, options: [[3, bytesOfAddress(SERVER)]] });
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["renewed"]]);
    expect(talk.wake().sent?.to).toEqual({ kind: "unicast", server: OTHER_SERVER });
  });

  test.each(["renewing", "rebinding"])("a NAK while %s: lost, and all over, without end", (phase) => {
    const talk = new Talk().bound();
    talk.wakeUntil(() => talk.phase === phase).hear("NAK");
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["log", "lost", "send"]]);
    expect(talk.effects[1]).toMatchObject({ reason: "nak" });
    for (let count = 0; count < 100; count++) talk.wake();
    expect(talk.phase).toBe("selecting");
    expect(talk.hear("OFFER").hear("ACK").kinds).toEqual(["bound"]);
  });

  test("renew asks before T1; without an answer the lease stays what it is", () => {
    const talk = new Talk().bound();
    const { lease } = talk;
    talk.tell({ kind: "renew" });
    expect(talk.sent?.to.kind).toBe("unicast");
    expect(talk.wake().phase).toBe("bound");
    expect(talk.lease).toEqual(lease);
  });

  test("leases of five seconds are renewed for ever without a storm", () => {
    const talk = new Talk().bound({ lease: 5 });
    for (let count = 0; count < 50; count++) {
      talk.wake();
      expect(talk.phase).toBe("renewing");
      talk.hear("ACK", { lease: 5 });
    }
    expect(talk.now - 1_000_000).toBeGreaterThan(50 * 2_000);
    expect(talk.wake().wakeUntil(() => talk.phase !== "renewing").phase).toBe("rebinding");
  });
});

describe("INIT-REBOOT", () => {
  const known = () => new Talk().bound({ lease: 1000 }).lease;

  test("asks all servers for the address, with neither ciaddr nor server identifier", () => {
    const talk = new Talk().tell({ kind: "reboot", lease: known() });
    expect(talk.phase).toBe("rebooting");
    expect(talk.sent).toMatchObject({
      from: ip("0.0.0.0"),
      to: { kind: "broadcast" },
      message: { ciaddr: ip("0.0.0.0") },
    });
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c000020a");
    expect(option(talk.sent, OPTION.serverId)).toBeUndefined();
    expect(talk.hear("ACK", { lease: 1000 }).kinds).toEqual(["renewed"]);
    expect(talk.phase).toBe("bound");
  });

  test("a NAK: lost, and all over", () => {
    const talk = new Talk().tell({ kind: "reboot", lease: known() }).hear("NAK");
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["log", "lost", "send"]]);
  });

  test("nobody answers: the lease is kept for the rest of its time (RFC 2131 section 3.2)", () => {
    const talk = new Talk().tell({ kind: "reboot", lease: known() });
    for (let count = 0; count < 3; count++) expect(talk.wake().phase).toBe("rebooting");
    talk.wake();
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["kept"]]);
    expect(talk.lease).toEqual(known());
  });

  test("a lease that ended meanwhile is lost at once, and its address asked for", () => {
    const talk = new Talk();
    talk.now += 1_000_000;
    talk.tell({ kind: "reboot", lease: known() });
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["lost", "send"]]);
    expect(option(talk.sent, OPTION.requestedAddress)).toBe("c000020a");
  });

  test("one that ends while nobody answers is lost then", () => {
    const talk = new Talk();
    talk.now += 1_000_000 - 2_000;
    talk.tell({ kind: "reboot", lease: known() }).wakeUntil(() => talk.phase !== "rebooting");
    expect([talk.phase, talk.now]).toEqual(["selecting", 2_000_000]);
  });

  test("a link that comes back has its lease confirmed", () => {
    const talk = new Talk().bound().tell({ kind: "linkUp" });
    expect(talk.phase).toBe("rebooting");
    expect(new Talk().start().tell({ kind: "linkUp" }).sent?.message.type).toBe("DISCOVER");
    expect(new Talk().tell({ kind: "linkUp" }).kinds).toEqual([]);
  });
});

describe("RELEASE", () => {
  test.each(["bound", "renewing", "rebinding"])(
    "in %s: a unicast from the address, with the server identifier",
    (phase) => {
      const talk = new Talk().bound();
      talk.wakeUntil(() => talk.phase === phase).tell({ kind: "release" });
      expect([talk.phase, talk.kinds]).toEqual(["idle", ["send", "released"]]);
      expect(talk.sent).toMatchObject({
        from: ADDRESS,
        to: { kind: "unicast", server: SERVER },
        message: { type: "RELEASE", ciaddr: ADDRESS },
      });
      expect([...(talk.sent?.message.options.keys() ?? [])].sort()).toEqual([54, 61]);
      expect(talk.state.wakeAt).toBeUndefined();
    },
  );

  test("an address that is being probed is no interface's yet: a broadcast gives it back", () => {
    const talk = new Talk({ probe: true }).start().hear("OFFER").hear("ACK").tell({ kind: "release" });
    expect(talk.sent).toMatchObject({
      from: ADDRESS,
      to: { kind: "broadcast" },
      message: { type: "RELEASE" },
    });
  });

  test.each([0, 1, 2])("without a lease nothing is sent (stage %d)", (stage) => {
    const talk = stages[stage]?.() ?? new Talk();
    expect(talk.tell({ kind: "release" }).effects).toEqual([{ kind: "released" }]);
    expect([talk.phase, talk.state.wakeAt]).toEqual(["idle", undefined]);
  });
});

describe("clientConfig", () => {
  test("request adds to the defaults; one skipDefault drops them all", () => {
    const list = (request: ClientWish["request"]) =>
      clientConfig({ mac: MAC, ...(request && { request }) }).request;
    expect(list([{ option: 3 }, { option: 43 }])).toEqual([...list(undefined), 43]);
    expect(list([{ option: 43 }, { option: 1, skipDefault: true }])).toEqual([43, 1]);
  });

  test("provide wins over host name and client identifier, but not over what the machine says", () => {
    const provide = new Map([12, 50, 53, 60, 61].map((code) => [code, textBytes(`v${code}`)]));
    const talk = new Talk({ provide, hostName: "web-0" }).start();
    expect(option(talk.sent, 12)).toBe(textBytes("v12").toHex());
    expect(option(talk.sent, 60)).toBe(textBytes("v60").toHex());
    expect(option(talk.sent, 61)).toBe(textBytes("v61").toHex());
    expect(option(talk.sent, 50)).toBeUndefined();
    expect(option(talk.sent, 53)).toBeUndefined();
  });

  test("the broadcast flag is asked for without an address only", () => {
    const talk = new Talk({ broadcast: true }).bound();
    expect(talk.last.broadcast).toBe(true);
    expect(talk.wake().last.broadcast).toBe(false);
  });
});
