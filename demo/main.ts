/**
 * `make demo`: pods get unique IPv4 and IPv6 addresses through the real bridge plugin with Berth as its IPAM,
 * reach each other, and give everything back. Without root the same through the IPAM plugin alone. Everything
 * happens in network namespaces of the demo and a temporary folder; nothing is left behind.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderTable } from "../src/cli/table.ts";
import { Attachments, type Pod } from "./attachments.ts";
import { Lab } from "./lab.ts";
import { showStranded } from "./stranded.ts";

const BRIDGE_PLUGIN = "/usr/lib/cni/bridge";
const say = (text: string) => process.stdout.write(`${text}\n`);
const step = (text: string) => say(`\n== ${text}`);

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  if (!existsSync(BRIDGE_PLUGIN)) return `${BRIDGE_PLUGIN} is missing`;
  if (Bun.which("ip") === null || Bun.which("ping") === null) return "ip or ping is missing";
  return undefined;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-demo-"));
  const why = missing();
  const lab = why === undefined ? new Lab() : undefined;
  try {
    if (why === undefined) say("Berth demo: four pods on a dual-stack bridge network, addresses by Berth.");
    else
      say(
        `Berth demo, reduced: ${why}. No namespaces, no bridge, no ping: only what the IPAM plugin answers.`,
      );
    await show(new Attachments(join(folder, "ipam.db"), lab), lab);
    step("Pods that go without DEL: the reconciler (the cluster here is the small API server of the tests)");
    await showStranded(say);
    say("Done: every address is back, and the demo has removed its namespaces and files.");
  } finally {
    lab?.dispose();
    rmSync(folder, { recursive: true });
  }
}

async function show(attachments: Attachments, lab: Lab | undefined): Promise<void> {
  step(
    "ADD: each pod gets one address of 10.56.0.0/24 and one of fd56::/64 (10.56.0.1 is the gateway, 10.56.0.2 excluded)",
  );
  const pods: Pod[] = [];
  for (const name of ["web-0", "web-1", "db-0", "batch-7xk2p"]) pods.push(await attachments.add(name));
  say(renderTable(["POD", "INTERFACE", "IPV4", "IPV6", "MS"], pods.map(row)));

  if (lab) {
    step("Each pod pings the next one");
    for (const [index, pod] of pods.entries()) {
      const next = pods[(index + 1) % pods.length] ?? pod;
      for (const address of next.addresses)
        say(`  ${pod.name} -> ${next.name} ${address}: ${await lab.ping(pod.name, address)}`);
    }
  }
  step("berth pools");
  say(await attachments.berth("pools"));
  step("berth show");
  say(await attachments.berth("show"));

  const [first] = pods;
  if (first) {
    step(
      `ADD again for ${first.name} with a new sandbox, as kubelet does after a failure: the same addresses`,
    );
    const again = await attachments.repeat(first.name);
    say(`  before ${first.addresses.join(" ")}\n  after  ${again.join(" ")}`);
    if (again.join() !== first.addresses.join()) throw new Error("ADD was not idempotent");
  }
  step("A typo is refused or warned about with its place, and nothing changes");
  say(attachments.typo());

  step("DEL of all pods, twice: the second time there is nothing to do, which is no error");
  for (const pod of [...pods, ...pods]) await attachments.del(pod.name);
  say(await attachments.berth("pools"));
  const left = await attachments.berth("show");
  say(left);
  if (!left.startsWith("No address is held")) throw new Error("addresses are left");
}

function row({ name, ifname, addresses, ms }: Pod): string[] {
  const [v4 = "", v6 = ""] = addresses;
  return [`default/${name}`, ifname, v4, v6, ms.toFixed(0)];
}

main().catch((error: unknown) => {
  process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
