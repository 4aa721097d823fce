import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bytesOf16, bytesOf32 } from "../bytes.ts";
import type { Lease } from "../lease.ts";
import { encodeNames } from "../names.ts";
import { ip } from "../testing/answers.ts";
import { iaNa, status } from "../testing/server6.ts";
import {
  type ClientEffect,
  type ClientEvent,
  type ClientWish,
  clientConfig,
  type Message,
  type MessageType,
  newClient,
  OPTION,
  type Option,
  step,
} from "./index.ts";
import { optionValue, readAssociation, STATUS } from "./options.ts";

const DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 1);
const SERVER = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 99);
const OTHER_SERVER = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 98);
const FROM = ip("fe80::1");
const ADDRESS = ip("2001:db8::10");
const CONFIG = clientConfig({ duid: DUID, ifname: "net1" });

type Given = {
  server?: Uint8Array;
  address?: Lease["server"];
  valid?: number;
  preferred?: number;
  t1?: number;
  t2?: number;
  more?: readonly Option[];
  ia?: Option | "none";
};

/** One client and a hand that plays the server. */
class Talk {
  now = 1_000_000;
  effects: readonly ClientEffect[] = [];
  state;
  sent: Message[] = [];
  #draws = 0;

  constructor(wish: Partial<ClientWish> = {}) {
    this.state = newClient(
      clientConfig({ duid: DUID, ifname: "net1", probe: false, rapidCommit: false, ...wish }),
    );
  }

  tell(event: ClientEvent): this {
    // Halves leave jitter at its middle; the sum makes every xid another.
    const random = () => 0.5 + this.#draws++ / 2 ** 24;
    const { state, effects } = step(this.state, event, this.now, random);
    this.state = state;
    this.effects = effects;
    for (const effect of effects) if (effect.kind === "send") this.sent.push(effect.message);
    return this;
  }

  start(): this {
    return this.tell({ kind: "start" });
  }

  hear(type: MessageType, given: Given = {}): this {
    const {
      server = SERVER,
      address = ADDRESS,
      valid = 1000,
      preferred = valid,
      t1 = 0,
      t2 = 0,
      more = [],
    } = given;
    const ia = given.ia ?? iaNa(CONFIG.iaid, t1, t2, [{ address, preferred, valid }]);
    const options = [
      { code: OPTION.clientId, value: DUID },
      { code: OPTION.serverId, value: server },
      ...(ia === "none" ? [] : [ia]),
      ...more,
    ];
    return this.tell({ kind: "packet", message: { type, xid: this.last.xid, options }, from: FROM });
  }

  wake(): this {
    this.now = this.state.wakeAt ?? Number.NaN;
    return this.tell({ kind: "timer" });
  }

  wakeUntil(done: () => boolean): this {
    for (let count = 0; count < 1000 && !done(); count++) this.wake();
    return this;
  }

  bound(given?: Given): this {
    return this.start().hear("ADVERTISE", given).wake().hear("REPLY", given);
  }

  get last(): Message {
    return this.sent.at(-1) ?? { type: "SOLICIT", xid: 0, options: [] };
  }

  get phase(): string {
    return this.state.phase.name;
  }

  get kinds(): string[] {
    return this.effects.map(({ kind }) => kind);
  }

  get lease(): Lease {
    if (!("lease" in this.state.phase)) throw new Error(`no lease in ${this.phase}`);
    return this.state.phase.lease;
  }
}

function codes({ options }: Message): number[] {
  return options.map(({ code }) => code).sort((a, b) => a - b);
}

describe("from SOLICIT to a lease", () => {
  test("SOLICIT, ADVERTISE, REQUEST, REPLY, with what each carries (RFC 8415 appendix B)", () => {
    const talk = new Talk({ probe: true }).start();
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual(["selecting", "SOLICIT", [1, 3, 6, 8]]);
    talk.hear("ADVERTISE");
    expect([talk.phase, talk.state.wakeAt]).toEqual(["selecting", talk.now + 100]);
    talk.wake();
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual([
      "requesting",
      "REQUEST",
      [1, 2, 3, 6, 8],
    ]);
    expect(readAssociation(talk.last.options, CONFIG.iaid)?.items[0]?.address).toEqual(ADDRESS);
    talk.hear("REPLY", {
      more: [
        { code: OPTION.dns, value: Uint8Array.fromHex("20010db8000000000000000000000053") },
        { code: OPTION.domainList, value: encodeNames(["example.com", "example.org"]) },
      ],
    });
    expect([talk.phase, talk.effects]).toEqual(["checking", [{ kind: "probe", address: ADDRESS }]]);
    talk.tell({ kind: "probed", address: ADDRESS, conflict: false });
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["bound"]]);
    expect(talk.lease).toMatchObject({
      family: 6,
      address: { address: ADDRESS, prefix: 128 },
      server: FROM,
      serverDuid: SERVER.toHex(),
      dns: { nameservers: ["2001:db8::53"], search: ["example.com", "example.org"] },
    });
  });

  test("what a server is to give away is told before the REQUEST, once", () => {
    const talk = new Talk().start().hear("ADVERTISE").wake();
    expect(talk.kinds).toEqual(["intend", "send"]);
    expect(talk.effects[0]).toMatchObject({
      lease: {
        family: 6,
        address: { address: ADDRESS, prefix: 128 },
        server: FROM,
        serverDuid: SERVER.toHex(),
      },
    });
    expect(talk.wake().kinds).toEqual(["send"]);
  });

  test("rapid commit: two messages, where asked for and where the server says so", () => {
    const rapid = [{ code: OPTION.rapidCommit, value: new Uint8Array() }];
    const talk = new Talk({ rapidCommit: true }).start();
    expect(codes(talk.last)).toContain(OPTION.rapidCommit);
    expect(talk.hear("REPLY").phase).toBe("selecting");
    expect(talk.hear("REPLY", { more: rapid }).phase).toBe("bound");
    expect(new Talk().start().hear("REPLY", { more: rapid }).phase).toBe("selecting");
  });

  test("the highest preference wins; 255 ends the wait; the other is asked when the first fails", () => {
    const preference = (value: number) => ({ code: OPTION.preference, value: Uint8Array.of(value) });
    const talk = new Talk().start().hear("ADVERTISE");
    talk.hear("ADVERTISE", { server: OTHER_SERVER, more: [preference(9)] });
    expect(talk.phase).toBe("selecting");
    talk.wake();
    expect(optionValue(talk.last.options, OPTION.serverId)).toEqual(OTHER_SERVER);
    talk.hear("REPLY", { server: OTHER_SERVER, ia: iaNa(CONFIG.iaid, 0, 0, [], status(STATUS.noAddresses)) });
    expect([talk.phase, talk.last.type]).toEqual(["requesting", "REQUEST"]);
    expect(optionValue(talk.last.options, OPTION.serverId)).toEqual(SERVER);
    expect(new Talk().start().hear("ADVERTISE", { more: [preference(255)] }).phase).toBe("requesting");
  });

  test("a server without addresses: the reason is told when the budget is over", () => {
    const none = { ia: iaNa(CONFIG.iaid, 0, 0, [], status(STATUS.noAddresses, "pool is empty")) };
    const talk = new Talk({ timing: { budget: 20_000 } }).start().hear("ADVERTISE", none);
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["log"]]);
    talk.wakeUntil(() => talk.phase === "idle");
    const hint = "the DHCPv6 server refused with status 2: pool is empty";
    expect([talk.now, talk.effects]).toEqual([
      1_020_000,
      [{ kind: "failed", failure: { code: "refused", hint } }],
    ]);
  });

  test("waits double with a tenth of jitter up to SOL_MAX_RT, which a server may set (section 21.24)", () => {
    const max = { code: OPTION.solicitMaxRt, value: bytesOf32(60) };
    const talk = new Talk().start().hear("ADVERTISE", { ia: "none", more: [max] });
    const waits: number[] = [];
    talk.wakeUntil(() => {
      waits.push(Math.round(((talk.state.wakeAt ?? 0) - talk.now) / 1000));
      return talk.phase === "idle";
    });
    expect(waits.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test("a REQUEST goes out ten times", () => {
    const talk = new Talk({ timing: { budget: 10_000_000 } }).start().hear("ADVERTISE").wake();
    talk.wakeUntil(() => talk.phase !== "requesting");
    expect(talk.sent.filter(({ type }) => type === "REQUEST").length).toBe(10);
    expect(talk.last.type).toBe("SOLICIT");
  });

  test("a conflict: DECLINE until the server answers, then SOLICIT without the address", () => {
    const talk = new Talk({ probe: true }).bound();
    talk.tell({ kind: "probed", address: ADDRESS, conflict: true });
    expect([talk.phase, talk.last.type]).toEqual(["declining", "DECLINE"]);
    expect(talk.wake().last.type).toBe("DECLINE");
    talk.hear("REPLY", { ia: "none" });
    expect([talk.phase, talk.last.type]).toEqual(["selecting", "SOLICIT"]);
    expect(readAssociation(talk.last.options, CONFIG.iaid)?.items).toEqual([]);
  });

  test.each<[string, (message: Message) => Message]>([
    ["xid", (message) => ({ ...message, xid: message.xid ^ 1 })],
    [
      "client DUID",
      (message) => ({
        ...message,
        options: message.options.map((o) => (o.code === 1 ? { ...o, value: OTHER_SERVER } : o)),
      }),
    ],
    [
      "message without a server DUID",
      (message) => ({ ...message, options: message.options.filter(({ code }) => code !== 2) }),
    ],
    [
      "message without a client DUID",
      (message) => ({ ...message, options: message.options.filter(({ code }) => code !== 1) }),
    ],
  ])("another %s does nothing", (_, change) => {
    const talk = new Talk().start();
    const options = [
      { code: 1, value: DUID },
      { code: 2, value: SERVER },
      iaNa(CONFIG.iaid, 0, 0, [{ address: ADDRESS, preferred: 9, valid: 9 }]),
    ];
    const message = change({ type: "ADVERTISE", xid: talk.last.xid, options });
    const before = talk.state;
    talk.tell({ kind: "packet", message, from: FROM });
    expect([talk.kinds, talk.state]).toEqual([[], before]);
  });

  test("no answer in any state throws", () => {
    const stages = [
      () => new Talk(),
      () => new Talk().start(),
      () => new Talk().start().hear("ADVERTISE").wake(),
      () => new Talk().bound().wake(),
      () => new Talk().tell({ kind: "reboot", lease: new Talk().bound().lease }),
      () => new Talk().bound().tell({ kind: "release" }),
    ];
    const option = fc.record({
      code: fc.constantFrom(3, 7, 13, 14, 23, 24, 25, 56, 82),
      value: fc.uint8Array({ maxLength: 60 }),
    });
    const type = fc.constantFrom<MessageType>("ADVERTISE", "REPLY", "RECONFIGURE", "SOLICIT");
    fc.assert(
      fc.property(fc.nat({ max: 5 }), type, fc.array(option, { maxLength: 6 }), (stage, kind, more) => {
        stages[stage]?.().hear(kind, { ia: "none", more });
      }),
      { numRuns: 300 },
    );
  });
});

describe("times", () => {
  test("0 leaves them to the client: half and four fifths of the preferred lifetime", () => {
    const talk = new Talk().bound({ valid: 2000, preferred: 1000 });
    const { obtainedAt, renewAt, rebindAt, preferredUntil, expiresAt } = talk.lease.times;
    const after = [renewAt, rebindAt, preferredUntil, expiresAt].map((at) => (at ?? 0) - obtainedAt);
    expect(after).toEqual([490_000, 800_000, 1_000_000, 2_000_000]);
  });

  test("for ever has no timers", () => {
    const talk = new Talk().bound({ valid: 0xffff_ffff });
    expect(Object.keys(talk.lease.times)).toEqual(["obtainedAt"]);
    expect(talk.state.wakeAt).toBeUndefined();
  });

  test("T2 beyond the end, and leases of a second, are clamped and logged", () => {
    expect(new Talk().bound({ t1: 100, t2: 5000 }).kinds).toEqual(["log", "bound"]);
    const talk = new Talk().bound({ valid: 1 });
    expect(talk.kinds).toEqual(["log", "bound"]);
    expect((talk.lease.times.expiresAt ?? 0) - talk.lease.times.obtainedAt).toBe(5_000);
  });
});

describe("RENEW and REBIND", () => {
  test("RENEW names the server, REBIND does not; at the end the address is lost", () => {
    const talk = new Talk().bound().wake();
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual(["renewing", "RENEW", [1, 2, 3, 6, 8]]);
    talk.wakeUntil(() => talk.phase === "rebinding");
    expect([talk.last.type, codes(talk.last)]).toEqual(["REBIND", [1, 3, 6, 8]]);
    talk.wakeUntil(() => talk.phase === "selecting");
    expect(talk.effects[0]).toMatchObject({ kind: "lost", reason: "expired" });
  });

  test("a REPLY: renewed; with another address or DNS: changed; of another server: not before REBIND", () => {
    expect(new Talk().bound().wake().hear("REPLY").kinds).toEqual(["renewed"]);
    const address = ip("2001:db8::20");
    expect(new Talk().bound().wake().hear("REPLY", { address }).kinds).toEqual(["changed"]);
    const dns = { code: OPTION.dns, value: new Uint8Array(16).fill(32) };
    expect(
      new Talk()
        .bound()
        .wake()
        .hear("REPLY", { more: [dns] }).kinds,
    ).toEqual(["changed"]);
    const talk = new Talk().bound().wake().hear("REPLY", { server: OTHER_SERVER });
    expect([talk.phase, talk.kinds]).toEqual(["renewing", ["log"]]);
    talk.wakeUntil(() => talk.phase === "rebinding").hear("REPLY", { server: OTHER_SERVER });
    expect([talk.phase, talk.kinds]).toEqual(["bound", ["renewed"]]);
  });

  test.each<[string, Given]>([
    ["NoBinding", { ia: iaNa(CONFIG.iaid, 0, 0, [], status(STATUS.noBinding)) }],
    ["NotOnLink", { ia: "none", more: [status(STATUS.notOnLink)] }],
    ["a valid lifetime of 0", { valid: 0 }],
  ])("%s: lost, and all over with the address as a wish", (_, given) => {
    const talk = new Talk().bound().wake().hear("REPLY", given);
    expect([talk.phase, talk.kinds]).toEqual(["selecting", ["log", "lost", "send"]]);
    expect(readAssociation(talk.last.options, CONFIG.iaid)?.items[0]?.address).toEqual(ADDRESS);
  });

  test("an answer that says nothing of the address changes nothing", () => {
    const talk = new Talk().bound().wake().hear("REPLY", { ia: "none" });
    expect([talk.phase, talk.kinds]).toEqual(["renewing", ["log"]]);
    expect(talk.hear("REPLY", { more: [{ code: 13, value: bytesOf16(STATUS.unspecified) }] }).phase).toBe(
      "renewing",
    );
  });
});

describe("CONFIRM and RELEASE", () => {
  const known = () => new Talk().bound().lease;

  test("CONFIRM says no server and no wishes; success, no, and silence", () => {
    const talk = new Talk().tell({ kind: "reboot", lease: known() });
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual(["rebooting", "CONFIRM", [1, 3, 8]]);
    expect(talk.hear("REPLY", { ia: "none", more: [status(0)] }).kinds).toEqual(["renewed"]);

    const refused = new Talk().tell({ kind: "reboot", lease: known() });
    refused.hear("REPLY", { ia: "none", more: [status(STATUS.notOnLink)] });
    expect([refused.phase, refused.kinds]).toEqual(["selecting", ["log", "lost", "send"]]);

    const silent = new Talk().tell({ kind: "reboot", lease: known() });
    silent.wakeUntil(() => silent.phase !== "rebooting");
    expect([silent.phase, silent.kinds, silent.now]).toEqual(["bound", ["kept"], 1_010_000]);
  });

  test("a lease with a prefix is rebound; one that is over is lost", () => {
    const prefix = { prefix: { address: ip("2001:db8:1::"), prefix: 56 } };
    const talk = new Talk().tell({ kind: "reboot", lease: { ...known(), delegated: [prefix] } });
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual(["rebinding", "REBIND", [1, 3, 6, 8, 25]]);
    const late = new Talk();
    late.now += 10_000_000;
    expect(late.tell({ kind: "reboot", lease: known() }).kinds).toEqual(["lost", "send"]);
  });

  test("RELEASE goes out four times at most, and ends with the server's word", () => {
    const talk = new Talk().bound().tell({ kind: "release" });
    expect([talk.phase, talk.last.type, codes(talk.last)]).toEqual(["releasing", "RELEASE", [1, 2, 3, 8]]);
    talk.hear("REPLY", { ia: "none", more: [status(0)] });
    expect([talk.phase, talk.kinds, talk.state.wakeAt]).toEqual(["idle", ["released"], undefined]);

    const silent = new Talk().bound().tell({ kind: "release" });
    silent.wakeUntil(() => silent.phase === "idle");
    expect(silent.sent.filter(({ type }) => type === "RELEASE").length).toBe(4);
    expect(silent.kinds).toEqual(["released"]);
  });

  test("without a lease there is nothing to release", () => {
    expect(new Talk().start().tell({ kind: "release" }).effects).toEqual([{ kind: "released" }]);
  });
});
