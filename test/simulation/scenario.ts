import { Random } from "../random.ts";
import type { DiskFault } from "./disk.ts";

/** A network attachment definition as the administrator has it at a time. */
export type Network = {
  readonly name: string;
  readonly networkName: string;
  /** One address of each; `RANGE -EXCLUDED` leaves addresses out. */
  readonly ranges: readonly string[];
  readonly overlapCheck: boolean;
  /** Each node gives addresses of slices of its own, of this size: node_slice_size. */
  readonly sliceSize?: string;
};

export type NodeSpec = {
  readonly name: string;
  readonly kind: "berth" | "go";
  /** How much faster its clock runs: 1e-4 is 8.6 s a day. */
  readonly drift: number;
};

/** How the API server treats a share of the requests for a while. */
export type ApiFault =
  | "delay"
  | "delay_answer"
  | "drop_before"
  | "drop_after"
  | "hang"
  | "conflict"
  | "too_many_requests"
  | "server_error"
  | "unavailable";

/** What happens at a moment. What makes no sense at that moment is passed over, so that any part of a scenario is one. */
export type Action = { readonly at: number } & (
  | {
      readonly do: "create";
      readonly pod: string;
      readonly node: string;
      readonly networks: readonly string[];
    }
  | { readonly do: "delete"; readonly pod: string; readonly force: boolean }
  /** A StatefulSet: the same name elsewhere, as soon as the name is free. */
  | { readonly do: "move"; readonly pod: string; readonly node: string; readonly force: boolean }
  | { readonly do: "new_sandbox"; readonly pod: string }
  | { readonly do: "late_del"; readonly node: string }
  | { readonly do: "crash_agent"; readonly node: string; readonly ms: number }
  | { readonly do: "crash_control"; readonly replica: string; readonly ms: number }
  | { readonly do: "reboot"; readonly node: string; readonly ms: number }
  | { readonly do: "vanish"; readonly node: string }
  | { readonly do: "return"; readonly node: string; readonly old: boolean }
  | { readonly do: "partition"; readonly node: string; readonly ms: number }
  | { readonly do: "restart_api"; readonly ms: number }
  | { readonly do: "compact" }
  | { readonly do: "break_watches" }
  /** For a while lists from the server's cache are so many changes old. */
  | { readonly do: "lag"; readonly changes: number; readonly ms: number }
  | {
      readonly do: "fault";
      readonly fault: ApiFault;
      readonly resource?: string;
      readonly writes: boolean;
      readonly chance: number;
      readonly ms: number;
    }
  | { readonly do: "set_clock"; readonly node: string; readonly ms: number }
  | { readonly do: "disk"; readonly node: string; readonly fault: DiskFault }
  /** For a while the disk says that it has written what is only in its cache. */
  | { readonly do: "lie"; readonly node: string; readonly ms: number }
  | { readonly do: "check"; readonly node: string }
  | {
      readonly do: "edit";
      readonly network: string;
      readonly ranges: readonly string[];
      readonly sliceSize?: string;
    }
  | { readonly do: "delete_network"; readonly network: string }
  | { readonly do: "create_network"; readonly network: string }
  | { readonly do: "gc"; readonly node: string; readonly network: string }
);

/** All that a run depends on. */
export type Scenario = {
  readonly seed: number;
  readonly nodes: readonly NodeSpec[];
  readonly networks: readonly Network[];
  /** Milliseconds of one way to the API server. */
  readonly latency: readonly [number, number];
  /** Milliseconds that a change of a slice may wait before it is written to the API server. */
  readonly writeDelay: number;
  /** Milliseconds until the faults stop. */
  readonly duration: number;
  readonly actions: readonly Action[];
};

const NETWORKS: readonly Network[] = [
  { name: "blue", networkName: "", ranges: ["10.0.0.0/27"], overlapCheck: true },
  { name: "wide", networkName: "", ranges: ["10.0.0.0/26 -10.0.0.4/31"], overlapCheck: true },
  { name: "dual", networkName: "", ranges: ["10.0.0.0/26", "fd00::/122"], overlapCheck: true },
  { name: "six", networkName: "", ranges: ["fd00::/122"], overlapCheck: true },
  { name: "red", networkName: "red-1", ranges: ["10.0.0.0/27", "fd00::/122"], overlapCheck: true },
  { name: "own", networkName: "", ranges: ["10.9.0.0/27"], overlapCheck: false },
];

/** Networks whose nodes have slices; none lies over the range of one without. */
const SLICED: readonly Network[] = [
  { name: "fast", networkName: "", ranges: ["10.5.0.0/25"], overlapCheck: true, sliceSize: "/28" },
  { name: "twin", networkName: "", ranges: ["10.5.0.0/25"], overlapCheck: true, sliceSize: "/28" },
  {
    name: "both",
    networkName: "fast-1",
    ranges: ["10.5.0.0/25 -10.5.0.8/30", "fd05::/121"],
    overlapCheck: true,
    sliceSize: "/28",
  },
  { name: "alone", networkName: "", ranges: ["10.6.0.0/25"], overlapCheck: false, sliceSize: "/29" },
];
const SLICED_EDITS: readonly { readonly ranges: readonly string[]; readonly sliceSize: string }[] = [
  { ranges: ["10.5.0.0/25"], sliceSize: "/28" },
  { ranges: ["10.5.0.0/25"], sliceSize: "/29" },
  { ranges: ["10.5.1.0/25 -10.5.1.0/29"], sliceSize: "/28" },
  { ranges: ["10.5.2.0/25", "fd05::/121"], sliceSize: "28" },
];

/** Other ranges that administrators may write into a network; each has room for all pods of a scenario. */
const EDITS: readonly (readonly string[])[] = [
  ["10.0.0.0/27"],
  ["10.0.0.32-10.0.0.60/26"],
  ["10.0.1.0/27", "fd00::/122"],
  ["10.0.0.0/25 -10.0.0.0/29"],
  ["fd00::/122", "10.0.0.0/26"],
];

const MAX_PODS = 12;
const FAULTS: readonly [ApiFault, ...ApiFault[]] = [
  "delay",
  "delay_answer",
  "drop_before",
  "drop_after",
  "hang",
  "conflict",
  "too_many_requests",
  "server_error",
  "unavailable",
];
const RESOURCES = ["ippools", "overlappingrangeipreservations", "pods", "nodes", undefined] as const;

/** Draws a scenario: a different mix of faults for each seed, some of them without most. */
export function generate(seed: number, minutes = 6): Scenario {
  const random = new Random(seed ^ 0x5eed);
  const nodes: NodeSpec[] = Array.from({ length: 2 + random.below(3) }, (_, index) => ({
    name: `node-${index + 1}`,
    kind: "berth",
    drift: random.pick([0, 0, 1e-4, -1e-4, 5e-3, -5e-3]),
  }));
  if (random.chance(0.4)) nodes.push({ name: "node-go", kind: "go", drift: 0 });
  const plain = NETWORKS.filter(() => random.chance(0.6));
  const sliced = random.chance(0.5) ? SLICED.filter(() => random.chance(0.5)) : [];
  const networks = plain.length + sliced.length > 0 ? [...plain, ...sliced] : NETWORKS.slice(0, 1);
  // A slice goes to another node only when its own has been gone for more than an hour.
  const slowness = sliced.length > 0 && random.chance(0.15) ? 30 : 1;
  const duration = minutes * 60_000 * slowness;
  const draw = new Draw(random, nodes, networks);
  const pace = random.pick([500, 1_500, 4_000]) * slowness;
  const actions: Action[] = [];
  for (let at = random.below(pace); at < duration; at += random.below(2 * pace))
    actions.push({ at, ...draw.action() });
  const latency = random.pick<readonly [number, number]>([
    [0, 1],
    [1, 5],
    [1, 40],
    [10, 400],
  ]);
  const writeDelay = random.pick([0, 1_000, 1_000, 10_000]);
  return { seed, nodes, networks, latency, writeDelay, duration, actions };
}

type Act = Action extends infer A ? (A extends { at: number } ? Omit<A, "at"> : never) : never;

class Draw {
  readonly #random: Random;
  readonly #nodes: readonly NodeSpec[];
  readonly #networks: readonly Network[];
  readonly #kinds: (() => Act)[];

  constructor(random: Random, nodes: readonly NodeSpec[], networks: readonly Network[]) {
    this.#random = random;
    this.#nodes = nodes;
    this.#networks = networks;
    const always = [() => this.#create(), () => this.#create(), () => this.#create(), () => this.#delete()];
    const sometimes = [
      () => this.#delete(),
      () => this.#move(),
      (): Act => ({ do: "new_sandbox", pod: this.#pod() }),
      (): Act => ({ do: "late_del", node: this.#node() }),
      (): Act => ({ do: "crash_agent", node: this.#node(), ms: this.#ms(20_000) }),
      (): Act => ({ do: "crash_control", replica: this.#replica(), ms: this.#ms(60_000) }),
      (): Act => ({ do: "partition", node: this.#replica(), ms: this.#ms(60_000) }),
      (): Act => ({ do: "reboot", node: this.#node(), ms: this.#ms(120_000) }),
      (): Act => ({ do: "vanish", node: this.#node() }),
      (): Act => ({ do: "return", node: this.#node(), old: random.chance(0.3) }),
      (): Act => ({ do: "partition", node: this.#node(), ms: this.#ms(180_000) }),
      (): Act => ({ do: "restart_api", ms: this.#ms(15_000) }),
      (): Act => ({ do: "compact" }),
      (): Act => ({ do: "break_watches" }),
      (): Act => ({ do: "lag", changes: 1 + random.below(30), ms: this.#ms(120_000) }),
      () => this.#fault(),
      () => this.#fault(),
      () => this.#fault(),
      (): Act => ({ do: "set_clock", node: this.#node(), ms: random.below(7_200_000) - 3_600_000 }),
      (): Act => ({ do: "disk", node: this.#node(), fault: random.pick(["torn", "whole", "full"]) }),
      (): Act => ({ do: "lie", node: this.#node(), ms: this.#ms(60_000) }),
      (): Act => ({ do: "check", node: this.#node() }),
      (): Act => ({ do: "check", node: this.#node() }),
      () => this.#edit(),
      (): Act => ({ do: "delete_network", network: this.#network() }),
      (): Act => ({ do: "create_network", network: this.#network() }),
      (): Act => ({ do: "gc", node: this.#node(), network: this.#network() }),
    ];
    const share = random.pick([0.15, 0.5, 1]);
    this.#kinds = [...always, ...sometimes.filter(() => random.chance(share))];
  }

  action(): Act {
    return this.#kinds[this.#random.below(this.#kinds.length)]?.() ?? this.#create();
  }

  #create(): Act {
    const networks = [this.#network(), ...(this.#random.chance(0.25) ? [this.#network()] : [])];
    return { do: "create", pod: this.#pod(), node: this.#node(), networks };
  }

  #delete(): Act {
    return { do: "delete", pod: this.#pod(), force: this.#random.chance(0.2) };
  }

  #move(): Act {
    return { do: "move", pod: this.#pod(), node: this.#node(), force: this.#random.chance(0.4) };
  }

  #fault(): Act {
    const random = this.#random;
    const resource = random.pick(RESOURCES);
    return {
      do: "fault",
      fault: random.pick(FAULTS),
      ...(resource !== undefined && { resource }),
      writes: random.chance(0.6),
      chance: random.pick([0.1, 0.5, 1]),
      ms: this.#ms(60_000),
    };
  }

  #edit(): Act {
    const network = this.#network();
    const isSliced = this.#networks.some(
      ({ name, sliceSize }) => name === network && sliceSize !== undefined,
    );
    if (isSliced) {
      const edit = SLICED_EDITS[this.#random.below(SLICED_EDITS.length)] ?? { ranges: [] };
      return { do: "edit", network, ...edit };
    }
    const ranges = EDITS[this.#random.below(EDITS.length)] ?? [];
    return { do: "edit", network, ranges };
  }

  #pod(): string {
    return `pod-${this.#random.below(MAX_PODS)}`;
  }

  #node(): string {
    return this.#nodes[this.#random.below(this.#nodes.length)]?.name ?? "";
  }

  #replica(): string {
    return `control-${1 + this.#random.below(2)}`;
  }

  #network(): string {
    return this.#networks[this.#random.below(this.#networks.length)]?.name ?? "";
  }

  /** Mostly short, sometimes as long as `most`. */
  #ms(most: number): number {
    return Math.ceil(most * this.#random.next() ** 3);
  }
}
