import type { Random } from "../random.ts";

/** One call as a runtime, or somebody who plays one, could make it. `@DB@` in the input stands for a database. */
export type Generated = { plugin: string; env: Record<string, string>; stdin: Buffer };

const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "", "2.0.0", "1.0"] as const;

/** Makes calls of all verbs, versions and kinds of nonsense; about a third of them are whole and right. */
export function generate(random: Random): Generated {
  const pod = `pod${random.below(12)}`;
  const verb = random.pick([
    "ADD",
    "ADD",
    "ADD",
    "DEL",
    "DEL",
    "CHECK",
    "GC",
    "STATUS",
    "VERSION",
    "",
    "add",
    "FOO",
  ]);
  const plugin = random.pick(["whereabouts", "whereabouts", "static"]);
  const env: Record<string, string> = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: random.chance(0.95) ? `sandbox-${pod}` : random.pick(["", "a b", "-x", "ü"]),
    CNI_NETNS: random.chance(0.95) ? "/nonexistent" : random.pick(["", "/proc/self/ns/net", "/tmp"]),
    CNI_IFNAME: random.chance(0.95)
      ? `net${random.below(2)}`
      : random.pick(["", "x".repeat(16), "a/b", "..", "a b"]),
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: argsOf(random, pod),
  };
  if (random.chance(0.05))
    delete env[random.pick(["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"])];
  if (random.chance(0.05)) env.CNI_NETNS_OVERRIDE = random.pick(["1", "true", "no"]);
  return {
    plugin,
    env,
    stdin: spoil(random, JSON.stringify(netconf(random, plugin, pod), null, random.below(3))),
  };
}

function argsOf(random: Random, pod: string): string {
  const known = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`;
  if (random.chance(0.85)) return known;
  return random.pick([
    "",
    `${known};IP=10.9.0.${random.below(20)}`,
    `${known};IP=10.9.0.${random.below(20)}/24,fd09::5`,
    `${known};K8S_POD_UID=uid-${pod}`,
    "K8S_POD_NAME=only",
    "broken",
    "a=b=c;d",
    "NO=1",
    "IgnoreUnknown=1;TEXT=zwölf\u{1f600}",
  ]);
}

function netconf(random: Random, plugin: string, pod: string): object {
  const top = {
    ...(random.chance(0.9) && { cniVersion: random.chance(0.8) ? "1.0.0" : random.pick(VERSIONS) }),
    name: random.chance(0.95) ? `net${random.below(2)}` : random.pick(["", "a b", "näme"]),
    type: "bridge",
    ...(random.chance(0.1) && { runtimeConfig: { ips: [`10.9.0.${random.below(30)}/24`] } }),
    ...(random.chance(0.1) && { args: { cni: { ips: [`10.9.0.${random.below(300)}/24`] } } }),
    ...(random.chance(0.2) && {
      prevResult: { cniVersion: "1.0.0", ips: [{ address: `10.9.0.${random.below(8)}/29` }] },
    }),
    ...(random.chance(0.2) && {
      "cni.dev/valid-attachments": [{ containerID: `sandbox-${pod}`, ifname: "net1" }],
    }),
  };
  return { ...top, ipam: plugin === "static" ? staticIpam(random) : whereaboutsIpam(random) };
}

function staticIpam(random: Random): object {
  const address = () =>
    random.pick([
      `10.0.${random.below(300)}.1/24`,
      `fd00::${random.below(9999)}/64`,
      "10.0.0.1",
      "nonsense",
      "",
    ]);
  return {
    type: "static",
    addresses: Array.from({ length: random.below(4) }, () => ({
      address: random.chance(0.8) ? `10.0.${random.below(200)}.7/24` : address(),
      ...(random.chance(0.3) && { gateway: random.pick(["10.0.0.1", "fd00::1", "x"]) }),
    })),
    ...(random.chance(0.3) && { routes: [{ dst: random.pick(["0.0.0.0/0", "::/0", "x"]), gw: "10.0.0.1" }] }),
    ...(random.chance(0.3) && { dns: { nameservers: ["1.1.1.1"], domain: "example.org" } }),
    ...(random.chance(0.1) && { adresses: [] }),
  };
}

function whereaboutsIpam(random: Random): object {
  const range = () => random.pick(["10.9.0.0/29", "10.9.0.0/24", "fd09::/120", "10.9.1.0/28"]);
  return {
    type: "whereabouts",
    ...(random.chance(0.97) && { datastore: "sqlite" }),
    database: "@DB@",
    ...(random.chance(0.7) ? { range: range() } : { ipRanges: [{ range: range() }, { range: range() }] }),
    ...(random.chance(0.2) && { exclude: [random.pick(["10.9.0.0/30", "10.9.0.4/32", "fd09::/124", "x"])] }),
    ...(random.chance(0.2) && { gateway: random.pick(["10.9.0.1", "fd09::1", "10.8.0.1"]) }),
    ...(random.chance(0.1) && { range_start: random.pick(["10.9.0.3", "fd09::4", "x"]) }),
    ...(random.chance(0.1) && { network_name: random.pick(["blue", "example_net", "Ü"]) }),
    ...(random.chance(0.1) && { enable_overlapping_ranges: random.chance(0.5) }),
    ...(random.chance(0.05) && { rnage: "10.0.0.0/24", [`k${"x".repeat(random.below(3000))}`]: 1 }),
    ...(random.chance(0.03) && { range: random.pick<unknown>([7, null, [], "10.9.0.0/31", "10.9.0.0/99"]) }),
  };
}

/** Now and then what arrives is not what was meant. */
function spoil(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (random.chance(0.88)) return bytes;
  const at = random.below(bytes.length);
  const flipped = Buffer.from(bytes);
  flipped[at] = random.below(256);
  return random.pick([
    bytes.subarray(0, at),
    flipped,
    Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    Buffer.concat([bytes, Buffer.from([0xff, 0xfe, 0x00])]),
    Buffer.from(""),
    Buffer.from("[]"),
    Buffer.from("\u0000"),
    Buffer.from(`{"name":"${"n".repeat(random.below(70_000))}"}`),
  ]);
}
