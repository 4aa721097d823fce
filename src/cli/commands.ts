/** One command: what the help and the completion say of it. Its code is loaded when it runs. */
export type Command = {
  readonly name: string;
  readonly group: "look" | "steer" | "check" | "node" | "cluster" | "other";
  /** What follows the name. */
  readonly usage: string;
  readonly summary: string;
  /** The long options, for completion. */
  readonly flags: readonly string[];
  /** What its arguments are, for completion. */
  readonly subjects?: "addresses" | "files" | readonly string[];
  /** Its `--help` fills a page of its own. */
  readonly ownHelp?: boolean;
  readonly run: (args: string[]) => Promise<number>;
};

const SOURCE = ["--database", "--kubeconfig", "--context"];
const LIST = [...SOURCE, "--output", "--no-headers", "--watch"];

// Modules are loaded by need: a call of the runtime must not pay for YAML and tables.
export const COMMANDS: readonly Command[] = [
  {
    name: "pools",
    group: "look",
    usage: "",
    summary: "how full each pool is",
    flags: LIST,
    run: async (args) => (await import("./look.ts")).runPools(args),
  },
  {
    name: "show",
    group: "look",
    usage: "[ADDRESS|[NAMESPACE/]POD]",
    summary: "who holds which address  [--node NODE] [--pool RANGE] [--network-name NAME] [--reserved]",
    flags: [...LIST, "--node", "--pool", "--network-name", "--reserved"],
    subjects: "addresses",
    run: async (args) => (await import("./look.ts")).runShow(args),
  },
  {
    name: "nodes",
    group: "look",
    usage: "",
    summary: "what each node holds",
    flags: LIST,
    run: async (args) => (await import("./rank.ts")).runNodes(args),
  },
  {
    name: "top",
    group: "look",
    usage: "[pools|nodes|namespaces|pods|networks]",
    summary: "the fullest pools, or who holds the most  [--limit N]",
    flags: [...LIST, "--limit"],
    subjects: ["pools", "nodes", "namespaces", "pods", "networks"],
    run: async (args) => (await import("./rank.ts")).runTop(args),
  },
  {
    name: "explain",
    group: "look",
    usage: "FILE|NETWORK|POD",
    summary: "what a new pod of a network would get, and why; what a pod holds",
    flags: [...SOURCE, "--output"],
    subjects: "files",
    ownHelp: true,
    run: async (args) => (await import("./explain.ts")).runExplain(args),
  },
  {
    name: "history",
    group: "look",
    usage: "ADDRESS|POD",
    summary: "who held it when, as this node saw it  [--at TIME] [--state-dir DIR]",
    flags: ["--at", "--state-dir", "--output", "--no-headers"],
    subjects: "addresses",
    ownHelp: true,
    run: async (args) => (await import("./history.ts")).runHistory(args),
  },
  {
    name: "ui",
    group: "look",
    usage: "",
    summary: "all of this in a browser, live  [--listen HOST:PORT] [--allow-writes]",
    flags: [...SOURCE, "--networks", "--state-dir", "--listen", "--host", "--allow-writes"],
    ownHelp: true,
    run: async (args) => (await import("./ui.ts")).runUi(args),
  },
  {
    name: "check",
    group: "check",
    usage: "",
    summary: "what is inconsistent or about to be, with what to do",
    flags: [...SOURCE, "--networks", "--output", "--no-headers"],
    ownHelp: true,
    run: async (args) => (await import("./check.ts")).runCheck(args),
  },
  {
    name: "lint",
    group: "check",
    usage: "FILE...",
    summary: "check netconfs, NetworkAttachmentDefinitions and Network CRs",
    flags: ["--flat", "--output"],
    subjects: "files",
    ownHelp: true,
    run: async (args) =>
      (await import("./lint.ts")).runLint(args, {
        out: (text) => process.stdout.write(text),
        err: (text) => process.stderr.write(text),
      }),
  },
  {
    name: "plan",
    group: "check",
    usage: "RANGE...",
    summary: "how many nodes, slices and pods fit  [--slice /27] [--pods-per-node N]",
    flags: ["--slice", "--pods-per-node", "--output", "--no-headers"],
    ownHelp: true,
    run: async (args) => (await import("./plan.ts")).runPlan(args),
  },
  {
    name: "render",
    group: "check",
    usage: "FILE",
    summary: "what the operator makes of a Network CR, without a cluster",
    flags: ["--output", "--namespace", "--image"],
    subjects: "files",
    ownHelp: true,
    run: async (args) => (await import("./render.ts")).runRender(args),
  },
  {
    name: "reserve",
    group: "steer",
    usage: "ADDRESS --reason TEXT",
    summary: "keep an address from pods  [--owner NAME] [--expires 90d] [--yes]",
    flags: [...SOURCE, "--reason", "--owner", "--expires", "--pool", "--network-name", "--yes"],
    ownHelp: true,
    run: async (args) => (await import("./reserve.ts")).runReserve(args),
  },
  {
    name: "release",
    group: "steer",
    usage: "ADDRESS",
    summary: "give back what holds an address; says what it would do, --yes does it",
    flags: [...SOURCE, "--pool", "--network-name", "--yes"],
    subjects: "addresses",
    ownHelp: true,
    run: async (args) => (await import("./reserve.ts")).runRelease(args),
  },
  {
    name: "cni",
    group: "node",
    usage: "--plugin static|dhcp|whereabouts",
    summary: "answer one call of a container runtime (CNI_* and standard input)",
    flags: ["--plugin"],
    run: async (args) => (await import("./cni.ts")).runCni(args),
  },
  {
    name: "agent",
    group: "node",
    usage: "",
    summary: "serve the plugins of this node",
    flags: [
      "--socket",
      "--state-dir",
      "--metrics-address",
      "--log-level",
      "--max-calls",
      "--dhcp",
      "--in-cluster",
      "--config",
    ],
    ownHelp: true,
    run: async (args) => (await import("./agent.ts")).runAgent(args),
  },
  {
    name: "dhcp-daemon",
    group: "node",
    usage: "",
    summary: "keep DHCP leases for the plugin dhcp",
    flags: [
      "--socketpath",
      "--hostprefix",
      "--pidfile",
      "--broadcast",
      "--timeout",
      "--resendmax",
      "--resendtimeout",
      "--state-dir",
      "--metrics-address",
      "--log-level",
      "--sweep",
    ],
    ownHelp: true,
    run: async (args) => (await import("./dhcp-daemon.ts")).runDhcpDaemon(args),
  },
  {
    name: "leases",
    group: "node",
    usage: "",
    summary: "the DHCP leases of this node  [--socket PATH] [-o json]",
    flags: ["--socket", "--output"],
    run: async (args) => (await import("./leases.ts")).runLeases(args),
  },
  {
    name: "status",
    group: "node",
    usage: "",
    summary: "what the agent does, holds and owes  [--socket PATH] [--state-dir DIR] [-o json]",
    flags: ["--socket", "--state-dir", "--output"],
    run: async (args) => (await import("./status.ts")).runStatus(args),
  },
  {
    name: "install",
    group: "node",
    usage: "",
    summary: "put plugins, agent and units in place, or take them away",
    flags: ["--bin-dir", "--remove"],
    ownHelp: true,
    run: async (args) => (await import("./install/index.ts")).runInstall(args),
  },
  {
    name: "operator",
    group: "cluster",
    usage: "",
    summary: "make attachments and workloads from the Network object",
    flags: ["--namespace", "--image", "--adopt", "--kubeconfig", "--context", "--log-level"],
    ownHelp: true,
    run: async (args) => (await import("./operator.ts")).runOperator(args),
  },
  {
    name: "completion",
    group: "other",
    usage: "bash|zsh|fish",
    summary: "the completion script of a shell",
    flags: [],
    subjects: ["bash", "zsh", "fish"],
    ownHelp: true,
    run: async (args) => (await import("./completion.ts")).runCompletion(args),
  },
];
