import { formatAddress } from "../ip/address.ts";
import { COMMANDS } from "./commands.ts";
import { OUTPUTS } from "./output.ts";
import { openSource } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth completion bash|zsh|fish

Prints the completion script of a shell. For this session:
  bash   source <(berth completion bash)
  zsh    source <(berth completion zsh)
  fish   berth completion fish | source
For every session: put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.

Exit codes: 0 done; 2 wrong usage.
`;

/** More candidates than this help nobody, and a shell chokes on them. */
const MOST_CANDIDATES = 200;

/** Options without a value: what follows them is an argument. */
export const SWITCHES: ReadonlySet<string> = new Set([
  "--adopt",
  "--allow-writes",
  "--back",
  "--broadcast",
  "--dhcp",
  "--dry-run",
  "--flat",
  "--force",
  "--in-cluster",
  "--no-headers",
  "--nodes",
  "--once",
  "--plugins-only",
  "--remove",
  "--repair",
  "--reserved",
  "--sign-in",
  "--watch",
  "--yes",
]);

// Each asks `berth __complete` for the words that fit, so a script never grows old.
const SCRIPTS: Record<string, string> = {
  bash: `_berth() {
  local IFS=$'\\n'
  COMPREPLY=($(berth __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _berth berth kubectl-berth
`,
  zsh: `#compdef berth kubectl-berth
_berth() {
  local -a words_that_fit
  words_that_fit=("\${(@f)$(berth __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [ -n "\${words_that_fit[1]}" ]; then compadd -Q -- "\${words_that_fit[@]}"; else _files; fi
}
compdef _berth berth kubectl-berth
`,
  fish: `complete -c berth -c kubectl-berth -f -a '(berth __complete (commandline -opc)[2..] (commandline -ct))'
complete -c berth -n '__fish_seen_subcommand_from lint explain render' -F
`,
};

/** `berth completion SHELL`: prints its script. */
export async function runCompletion(args: string[]): Promise<number> {
  const [shell = ""] = args;
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined && !args.includes("--help")) {
    toStderr(`berth completion: there are bash, zsh and fish, not ${JSON.stringify(shell)}\n`);
    return 2;
  }
  toStdout(script ?? HELP);
  return 0;
}

/** `berth __complete WORD...`: what the last word may become, one a line. The word before it may be an option that wants a value. */
export async function runComplete(words: readonly string[]): Promise<number> {
  const begun = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesFor(before, begun);
  const fitting = candidates.filter((candidate) => candidate.startsWith(begun)).slice(0, MOST_CANDIDATES);
  if (fitting.length > 0) toStdout(`${fitting.join("\n")}\n`);
  return 0;
}

async function candidatesFor(before: readonly string[], begun: string): Promise<readonly string[]> {
  const [name, ...rest] = before;
  if (name === undefined) return [...COMMANDS.map((command) => command.name), "help", "version"];
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) return [];
  const last = rest.at(-1);
  if (last === "-o" || last === "--output") return OUTPUTS;
  if (begun.startsWith("-")) return command.flags.concat("--help");
  if (last?.startsWith("--") && !SWITCHES.has(last)) return [];
  const { subjects } = command;
  if (subjects === undefined || subjects === "files") return [];
  return subjects === "addresses" ? heldAddresses() : subjects;
}

/** Nothing rather than an error where the store cannot be read: a completion must stay quiet. */
async function heldAddresses(): Promise<readonly string[]> {
  const store = openSource({}, "look");
  if (!store.ok) return [];
  const claims = await store.value.claims({});
  store.value.close();
  if (!claims.ok) return [];
  const pods = claims.value.flatMap(({ owner: { pod } }) =>
    pod.name === "" ? [] : [`${pod.namespace}/${pod.name}`],
  );
  return [...new Set([...claims.value.map(({ address }) => formatAddress(address)), ...pods])];
}
