import { existsSync, readFileSync } from "node:fs";
import { until } from "../agent/agent.ts";
import type { DhcpLab } from "./lab.ts";
import { ip } from "./wire.ts";

/** A DHCP server in a namespace of its own. */
export type Server = {
  readonly namespace: string;
  /** The addresses that its lease file shows as given away. */
  held(): string[];
  stop(signal?: NodeJS.Signals): Promise<void>;
};

/** dnsmasq for 10.66.0.0/16, and fd66::/64 if told so. It knows no lease below two minutes. */
export async function dnsmasq(
  lab: DhcpLab,
  options: { v6?: boolean; extra?: string[]; name?: string } = {},
): Promise<Server> {
  const { v6 = false, extra = [], name = "dnsmasq" } = options;
  const namespace = lab.host(name, "10.66.0.1/16");
  if (v6) ip("-n", namespace, "addr", "add", "fd66::1/64", "dev", "eth0", "nodad");
  const file = lab.file(`${name}.leases`);
  const child = lab.run(
    namespace,
    [
      "/usr/sbin/dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--user=root",
      "--port=0",
      "--no-ping",
      "--interface=eth0",
      "--dhcp-authoritative",
      `--dhcp-leasefile=${file}`,
      "--dhcp-lease-max=5000",
      "--dhcp-range=10.66.1.0,10.66.20.255,255.255.0.0,1h",
      ...(v6 ? ["--dhcp-range=fd66::1000,fd66::ffff,64,1h"] : []),
      "--log-dhcp",
      "--log-facility=-",
      ...extra,
    ],
    `${name}.log`,
  );
  await until("dnsmasq serves", () => lab.read(`${name}.log`).includes("DHCP, IP range"));
  return {
    namespace,
    held: () =>
      existsSync(file)
        ? readFileSync(file, "utf8")
            .split("\n")
            .filter((line) => /^\d/.test(line))
            .map((line) => line.split(" ")[2] ?? "")
        : [],
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await child.exited;
    },
  };
}
