/**
 * Enforces the layout of DESIGN: a folder of src imports only from folders above it in this list, and pure
 * folders reach neither the operating system nor Bun. Run by `make lint`; prints each offence, exit code 1.
 */
import { Glob } from "bun";

const ORDER = [
  "ip",
  "cni",
  "config",
  "allocation",
  "dhcp",
  "lint",
  "kube",
  "netns",
  "store",
  "inspect",
  "ipam",
  "agent",
  "reconciler",
  "controller",
  "operator",
  "webhook",
  "web",
  "cli",
  "shim",
];
const PURE = new Set(["ip", "cni", "config", "allocation", "dhcp", "lint", "inspect"]);
const ROOT_FILES = new Set(["../result.ts", "../log.ts", "../clock.ts", "../turns.ts", "../sha256.ts"]);

const offences: string[] = [];
for await (const path of new Glob("src/**/*.ts").scan(".")) {
  const [, folder = "", ...below] = path.split("/");
  if (below.length === 0 || path.endsWith(".test.ts") || path.endsWith("/contract.ts")) continue;
  if (!ORDER.includes(folder))
    offences.push(`${path}: the folder ${folder} is not in the list of tools/layout.ts`);
  const text = await Bun.file(path).text();
  for (const [, target = ""] of text.matchAll(/(?:from|import\(|require\()\s*"([^"]+)"/g)) {
    const offence = check(folder, below.length, target);
    if (offence) offences.push(`${path}: ${offence}`);
  }
  if (PURE.has(folder) && /\b(?:process|Bun)\.|\bDate\.now\(|\bMath\.random\(/.test(text)) {
    offences.push(`${path}: a pure folder gets clock, randomness and the machine passed in`);
  }
}

function check(folder: string, depth: number, target: string): string | undefined {
  if (!target.startsWith(".")) {
    const impure = /^(?:node:|bun(?::|$))/.test(target);
    return PURE.has(folder) && impure ? `a pure folder imports ${target}` : undefined;
  }
  const up = target.split("/").filter((part) => part === "..").length;
  if (up < depth || ROOT_FILES.has(target.replace(/^(\.\.\/)+/, "../"))) return undefined;
  const other = target.split("/")[up] ?? "";
  if (up > depth || other === folder) return undefined;
  return ORDER.indexOf(other) < ORDER.indexOf(folder)
    ? undefined
    : `${folder} lies above ${other} and imports ${target}`;
}

for (const offence of offences) process.stderr.write(`layout: ${offence}\n`);
if (offences.length > 0) process.exit(1);
process.stdout.write("layout: imports point one way\n");
