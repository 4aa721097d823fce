import { version } from "../../package.json";

const HELP = `Berth ${version}: IP addresses for secondary networks of pods

usage: berth COMMAND [OPTIONS]

  cni --plugin static|dhcp|whereabouts   answer one call of a container runtime (CNI_* and standard input)
  agent [--socket PATH] [--state-dir DIR]   serve the plugins of this node; --help lists more
  status [-o json]                       what the agent does, holds and owes  [--socket PATH] [--state-dir DIR]
  install [--bin-dir DIR] [--remove]     put plugins, agent and units in place, or take them away; --help lists more
  pools [--database FILE] [-o json]      how full each pool is
  show [ADDRESS|[NAMESPACE/]POD]         who holds which address  [--database FILE] [-o json]
  lint FILE...                           check netconfs, NetworkAttachmentDefinitions and Network CRs
  render FILE [-o yaml|json]             what the operator makes of a Network CR, without a cluster; --help lists more
  version                                print the version
  help                                   print this

Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage.
`;

/** Commands whose options fill a page of their own. */
const OWN_HELP = new Set(["agent", "install", "render"]);

// Modules are loaded by need: a call of the runtime must not pay for YAML and tables.
const COMMANDS: { readonly [name: string]: (args: string[]) => Promise<number> } = {
  cni: async (args) => (await import("./cni.ts")).runCni(args),
  agent: async (args) => (await import("./agent.ts")).runAgent(args),
  status: async (args) => (await import("./status.ts")).runStatus(args),
  install: async (args) => (await import("./install/index.ts")).runInstall(args),
  pools: async (args) => (await import("./look.ts")).runPools(args),
  show: async (args) => (await import("./look.ts")).runShow(args),
  lint: async (args) =>
    (await import("./lint.ts")).runLint(args, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    }),
  render: async (args) => (await import("./render.ts")).runRender(args),
  version: async () => print(`${version}\n`),
  help: async () => print(HELP),
};

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function main([name = "help", ...args]: string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if ((args.includes("--help") && !OWN_HELP.has(name)) || name === "--help" || name === "-h")
    return print(HELP);
  if (command === undefined) {
    process.stderr.write(`berth: there is no command ${JSON.stringify(name)}\n\n${HELP}`);
    return 2;
  }
  try {
    return await command(args);
  } catch (error) {
    // parseArgs throws a TypeError with a code for what it does not know; anything else is ours.
    if (!(error instanceof TypeError && "code" in error)) throw error;
    process.stderr.write(`berth ${name}: ${error.message}\n`);
    return 2;
  }
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
