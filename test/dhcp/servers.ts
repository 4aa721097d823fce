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

/** A server that can be held still: what comes meanwhile waits in its socket. */
export type PausableServer = Server & { pause(): void; resume(): void };

/** dnsmasq for 10.66.0.0/16, and fd66::/64 if told so. It knows no lease below two minutes. */
export async function dnsmasq(
  lab: DhcpLab,
  options: { v6?: boolean; extra?: string[]; name?: string; namespace?: string; range?: string } = {},
): Promise<PausableServer> {
  const { v6 = false, extra = [], name = "dnsmasq" } = options;
  const { range = "10.66.1.0,10.66.20.255,255.255.0.0,1h" } = options;
  const namespace = options.namespace ?? lab.host(name, "10.66.0.1/16");
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
      `--dhcp-range=${range}`,
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
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await child.exited;
    },
  };
}

/** Seconds of a short lease. */
export type Times = { lease: number; t1: number; t2: number };

/** Kea DHCPv4 for a pool of 10.66.0.0/16, with lease times that dnsmasq does not know. */
export async function kea4(
  lab: DhcpLab,
  options: { times?: Times; pool?: string; name?: string; address?: string; namespace?: string } = {},
): Promise<Server> {
  const { times = { lease: 3600, t1: 1800, t2: 3150 }, pool = "10.66.40.1 - 10.66.40.250" } = options;
  const { name = "kea4", address = "10.66.0.2/16" } = options;
  const namespace = options.namespace ?? lab.host(name, address);
  const leases = lab.file(`${name}.csv`);
  const config = {
    Dhcp4: {
      "interfaces-config": { interfaces: ["eth0"] },
      "lease-database": { type: "memfile", persist: true, name: leases, "lfc-interval": 0 },
      "valid-lifetime": times.lease,
      "min-valid-lifetime": times.lease,
      "max-valid-lifetime": times.lease,
      "renew-timer": times.t1,
      "rebind-timer": times.t2,
      authoritative: true,
      subnet4: [
        {
          subnet: "10.66.0.0/16",
          pools: [{ pool }],
          "option-data": [
            { name: "routers", data: "10.66.0.1" },
            { name: "domain-name-servers", data: "10.66.0.53, 10.66.0.54" },
            { name: "domain-name", data: "kea.example" },
            { name: "domain-search", data: "a.example, b.example" },
            { name: "interface-mtu", data: "1400" },
            { name: "ntp-servers", data: "10.66.0.123" },
          ],
        },
      ],
      loggers: [{ name: "kea-dhcp4", severity: "INFO", output_options: [{ output: "stdout" }] }],
    },
  };
  return kea(lab, namespace, "kea-dhcp4", name, leases, config, "DHCP4_STARTED");
}

/** Kea DHCPv6 for fd66::/64. */
export async function kea6(lab: DhcpLab, options: { times?: Times; name?: string } = {}): Promise<Server> {
  const { times = { lease: 3600, t1: 1800, t2: 2700 }, name = "kea6" } = options;
  const namespace = lab.host(name);
  ip("-n", namespace, "addr", "add", "fd66::2/64", "dev", "eth0", "nodad");
  const leases = lab.file(`${name}.csv`);
  const config = {
    Dhcp6: {
      "interfaces-config": { interfaces: ["eth0"] },
      "lease-database": { type: "memfile", persist: true, name: leases, "lfc-interval": 0 },
      "server-id": { type: "EN", persist: false, identifier: "0a0b0c0d", "enterprise-id": 2495 },
      "valid-lifetime": times.lease,
      "preferred-lifetime": times.t2,
      "renew-timer": times.t1,
      "rebind-timer": times.t2,
      subnet6: [{ subnet: "fd66::/64", interface: "eth0", pools: [{ pool: "fd66::1000 - fd66::1fff" }] }],
      loggers: [{ name: "kea-dhcp6", severity: "INFO", output_options: [{ output: "stdout" }] }],
    },
  };
  // Its sockets need link-local addresses that are past duplicate address detection.
  await until("the server's link-local address", () => {
    const shown = ip("-n", namespace, "-6", "addr", "show", "dev", "eth0", "scope", "link");
    return shown.includes("fe80") && !shown.includes("tentative");
  });
  return kea(lab, namespace, "kea-dhcp6", name, leases, config, "DHCP6_STARTED");
}

async function kea(
  lab: DhcpLab,
  namespace: string,
  program: string,
  name: string,
  leases: string,
  config: object,
  started: string,
): Promise<Server> {
  const file = lab.file(`${name}.json`);
  await Bun.write(file, JSON.stringify(config));
  const env = ["env", `KEA_PIDFILE_DIR=${lab.folder}`, `KEA_LOCKFILE_DIR=${lab.folder}`];
  const child = lab.run(namespace, [...env, `/usr/sbin/${program}`, "-c", file], `${name}.log`);
  await until(`${program} serves`, () => {
    if (child.exitCode !== null) throw new Error(`${program} has ended: ${lab.read(`${name}.log`)}`);
    return lab.read(`${name}.log`).includes(started);
  });
  return {
    namespace,
    held: () => keaHeld(leases),
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await child.exited;
    },
  };
}

/** The last line of each address says what is true; a lifetime of 0 or a state other than 0 is none. */
function keaHeld(file: string): string[] {
  if (!existsSync(file)) return [];
  const [head = "", ...lines] = readFileSync(file, "utf8").trim().split("\n");
  const column = (name: string) => head.split(",").indexOf(name);
  const [lifetime, state] = [column("valid_lifetime"), column("state")];
  const last = new Map(lines.map((line) => [line.split(",")[0] ?? "", line.split(",")]));
  return [...last]
    .filter(([, cells]) => cells[lifetime] !== "0" && cells[state] === "0")
    .map(([address]) => address);
}

/** ISC dhcpd for a pool of 10.66.0.0/16. */
export async function dhcpd(
  lab: DhcpLab,
  options: { lease?: number; range?: string; name?: string; address?: string; extra?: string } = {},
): Promise<Server> {
  const {
    lease = 3600,
    range = "10.66.60.1 10.66.60.250",
    name = "dhcpd",
    address = "10.66.0.3/16",
  } = options;
  const namespace = lab.host(name, address);
  const [leases, config] = [lab.file(`${name}.leases`), lab.file(`${name}.conf`)];
  await Bun.write(leases, "");
  await Bun.write(
    config,
    `authoritative;
default-lease-time ${lease}; max-lease-time ${lease}; min-lease-time ${lease};
ping-check false;
${options.extra ?? ""}
subnet 10.66.0.0 netmask 255.255.0.0 { range ${range}; option routers 10.66.0.1; }
`,
  );
  const files = ["-cf", config, "-lf", leases, "-pf", lab.file(`${name}.pid`)];
  const child = lab.run(namespace, ["/usr/sbin/dhcpd", "-4", "-f", "-d", ...files, "eth0"], `${name}.log`);
  await until("dhcpd serves", () => {
    if (child.exitCode !== null) throw new Error(`dhcpd has ended: ${lab.read(`${name}.log`)}`);
    return lab.read(`${name}.log`).includes("Server starting service");
  });
  return {
    namespace,
    held: () => {
      const states = new Map<string, string>();
      for (const [, ip = "", body = ""] of readFileSync(leases, "utf8").matchAll(
        /lease (\S+) \{([^}]*)\}/g,
      )) {
        states.set(ip, /^\s*binding state (\w+)/m.exec(body)?.[1] ?? "");
      }
      return [...states].filter(([, state]) => state === "active").map(([address]) => address);
    },
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await child.exited;
    },
  };
}
