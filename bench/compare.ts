import { type CrowdRow, HOST_LOCAL, WITH_AGENT } from "./crowd.ts";
import type { CallRow } from "./single.ts";

/** Berth's figure over a peer's; below 1 Berth is ahead. */
export type Ratio = { what: string; peer: string; own: number; other: number; unit: string };

const PAIRS = [
  ["Berth static ADD", "Go static ADD"],
  ["Berth whereabouts ADD, SQLite", "Go host-local ADD"],
  ["Berth whereabouts DEL, SQLite", "Go host-local DEL"],
] as const;

export function compare(calls: readonly CallRow[], crowd: readonly CrowdRow[]): Ratio[] {
  const [own, other] = [WITH_AGENT, HOST_LOCAL].map((name) => crowd.find(({ who }) => who === name));
  const ratios: Ratio[] = [];
  for (const [mine, peer] of PAIRS) {
    const [a, b] = [mine, peer].map((name) => calls.find(({ what }) => what === name)?.figures);
    if (!a || !b) continue;
    ratios.push({ what: `${mine}, wall`, peer, own: a.wall, other: b.wall, unit: "ms" });
    ratios.push({ what: `${mine}, CPU`, peer, own: a.cpu, other: b.cpu, unit: "ms" });
    ratios.push({ what: `${mine}, peak RSS`, peer, own: a.peak, other: b.peak, unit: "MiB" });
  }
  if (own && other) {
    const what = "processes at once, wall";
    ratios.push({ what: `ADD, ${what}`, peer: other.who, own: own.add, other: other.add, unit: "ms" });
    ratios.push({ what: `DEL, ${what}`, peer: other.who, own: own.del, other: other.del, unit: "ms" });
  }
  return ratios;
}
