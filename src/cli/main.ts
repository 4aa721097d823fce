import { version } from "../../package.json";
import { COMMANDS, type Command } from "./commands.ts";
import "./basics.ts";
import { toStderr, toStdout } from "./stdio.ts";

const GROUPS: Record<Command["group"], string> = {
  look: "Look",
  check: "Check and plan",
  steer: "Steer: each says what it would do, --yes does it",
  node: "On a node",
  cluster: "In a cluster",
  other: "Other",
};

const FOOT = `Commands that look take --database FILE, or --kubeconfig FILE and --context NAME; -o table, wide, json or yaml; --watch.
berth COMMAND --help says it all: options with their defaults, examples, exit codes. As kubectl-berth in the PATH it is also "kubectl berth", which asks the cluster.

Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage.
`;

function help(): string {
  const head = `Berth ${version}: IP addresses for secondary networks of pods\n\nusage: berth COMMAND [OPTIONS]\n`;
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const lines = COMMANDS.filter((command) => command.group === group).map(({ name, usage, summary }) => {
      return `  ${`${name} ${usage}`.padEnd(46)} ${summary}\n`;
    });
    const more = group === "other" ? `  ${"version".padEnd(46)} print the version\n` : "";
    return `${title}\n${lines.join("")}${more}`;
  });
  return `${[head, ...groups, FOOT].join("\n")}`;
}

function print(text: string): number {
  toStdout(text);
  return 0;
}

async function main([name = "help", ...args]: string[]): Promise<number> {
  if (name === "help" || name === "--help" || name === "-h") return print(help());
  if (name === "version" || name === "--version") return print(`${version}\n`);
  if (name === "__complete") return (await import("./completion.ts")).runComplete(args);
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) {
    toStderr(`berth: there is no command ${JSON.stringify(name)}\n\n${help()}`);
    return 2;
  }
  try {
    return await command.run(args);
  } catch (error) {
    // parseArgs throws a TypeError with a code for what it does not know; anything else is ours.
    if (!(error instanceof TypeError && "code" in error)) throw error;
    toStderr(`berth ${name}: ${error.message}\n`);
    return 2;
  }
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
