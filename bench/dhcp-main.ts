/**
 * The DHCP part of `make bench`: Berth's daemon and Debian's Go daemon against dnsmasq in namespaces of their own, as root. Writes
 * bench/DHCP.md. Nothing is left behind.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { whyNoServers } from "../test/dhcp/needs.ts";
import { theirs } from "./calls.ts";
import { type DhcpRow, type HoldingFigures, measureDhcp, measureHolding, measureRenewal } from "./dhcp.ts";
import { describeMachine } from "./machine.ts";
import { table } from "./results.ts";

const SIZES = [20, 100, 200];
const ROUNDS = 3;
const HELD = 1_000;
const CALLERS = 20;
const RENEWALS = 3;
/** MiB. */
const MEMORY_GOAL = 60;

const progress = (text: string) => process.stderr.write(`bench: ${text}\n`);

async function main(): Promise<void> {
  const why = whyNoServers();
  if (why !== undefined) {
    progress(`DHCP is left out: ${why}`);
    return;
  }
  progress(`DHCP, crowds of ${SIZES.join(", ")}, ${ROUNDS} rounds`);
  const rows = await measureDhcp(SIZES, ROUNDS, existsSync(theirs("dhcp")));
  progress(`${HELD} leases in one daemon`);
  const holding = await measureHolding(HELD, CALLERS);
  const renewal = await measureRenewal(RENEWALS);
  const text = render(rows, holding, renewal);
  writeFileSync(join(import.meta.dir, "DHCP.md"), text);
  process.stdout.write(text);
}

function render(
  rows: readonly DhcpRow[],
  { size, idle, holding, failed, left }: HoldingFigures,
  renewal: number,
) {
  const verdict = (met: boolean) => (met ? "met" : "missed");
  return `# DHCP figures

Made by \`make bench\`: ${describeMachine()}. dnsmasq in a namespace of its own gives the leases; each interface is a veth on one bridge,
with a namespace of its own. Median round of ${ROUNDS}, contestants in turn. The times are those of whole plugin processes.

## All at once
Goal: not slower than the Go daemon; no lease left at the server a second after the last DEL.

${table(
  [
    "interfaces",
    "who",
    "all ADDs ms",
    "p50 ms",
    "all DELs ms",
    "failed",
    "RSS idle / holding MiB",
    "threads",
    "descriptors",
    "leases left",
    "goal",
  ],
  rows.map((row) => [
    String(row.size),
    row.who,
    row.add.toFixed(0),
    row.p50.toFixed(0),
    row.del.toFixed(0),
    String(row.failed),
    `${row.idle.toFixed(1)} / ${row.holding.toFixed(1)}`,
    row.threads.join(" / "),
    row.descriptors.join(" / "),
    String(row.left),
    row.who === "Berth" ? verdict(isAhead(row, rows)) : "–",
  ]),
)}
Berth asks by ARP whether the address is in use before it answers (25 ms of each ADD), and has the lease on the disk; the Go daemon does neither.

## ${size} leases in one daemon
Goal: at most ${MEMORY_GOAL} MiB, with as many threads and descriptors as an idle daemon has, give or take its pool of helpers;
a second after the last ADD.

${table(
  ["", "RSS MiB", "threads", "descriptors"],
  [
    ["idle", idle.memory.toFixed(1), String(idle.threads), String(idle.descriptors)],
    [`holding ${size}`, holding.memory.toFixed(1), String(holding.threads), String(holding.descriptors)],
  ],
)}
Goal ${verdict(holding.memory <= MEMORY_GOAL)}. ${failed} calls failed; ${left} leases were left at the server a second after the last DEL.

## One renewal
${renewal.toFixed(1)} frames on the wire: the question to the server, its answer, and ARP of the server's own kernel.
`;
}

function isAhead(row: DhcpRow, rows: readonly DhcpRow[]): boolean {
  const peer = rows.find(({ who, size }) => who !== row.who && size === row.size);
  return row.left === 0 && row.failed === 0 && (peer === undefined || row.add <= peer.add);
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
