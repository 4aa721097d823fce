import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { DEFAULT_SOCKET } from "../agent/paths.ts";
import { explainNetwork } from "../inspect/explain.ts";
import type { Network } from "../inspect/networks.ts";
import type { Store } from "../store/store.ts";
import { explainPod } from "./explain-pod.ts";
import { explanationRecord, renderExplanation } from "./explanation.ts";
import { knownNetworks, readNetworkFile } from "./networks.ts";
import { OUTPUT_OPTIONS, readOutput, renderData } from "./output.ts";
import { chosenSource, openSource, SOURCE_HELP, SOURCE_OPTIONS, storeFailed } from "./source.ts";
import { toStderr, toStdout } from "./stdio.ts";

const HELP = `usage: berth explain FILE|NETWORK|POD [OPTIONS]

What a new pod would get from the networks of FILE (a netconf, NetworkAttachmentDefinition or Network, - for standard
input), or in a cluster of NETWORK (an attachment, NAME or NAMESPACE/NAME), and why. Or of POD (likewise): what it holds and from
which network, what failed and why (its events, and what the agent of this node answered), and what it would get now. Changes nothing.

  --socket PATH        the agent of this node              ${DEFAULT_SOCKET}
${SOURCE_HELP}  -o, --output FORMAT  table, json or yaml                 table

Examples:
  berth explain storage.yaml        before it is applied
  berth explain shop/storage        the attachment storage of the namespace shop
  berth explain shop/web-0          a pod that does not start

Exit codes: 0 done; 1 a new pod would get nothing, or the file or the store cannot be read; 2 wrong usage.
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  ...OUTPUT_OPTIONS,
  socket: { type: "string", default: DEFAULT_SOCKET },
  help: { type: "boolean", default: false },
} as const;

/** `berth explain`: what would be allocated, and why. */
export async function runExplain(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [subject] = positionals;
  if (values.help || subject === undefined) {
    (values.help ? toStdout : toStderr)(HELP);
    return values.help ? 0 : 2;
  }
  const output = readOutput(values.output);
  if (output === undefined) return 2;
  let networks: readonly Network[] | undefined;
  if (subject === "-" || existsSync(subject)) {
    const file = readNetworkFile(subject);
    if (!file.ok || file.value.networks.length === 0) {
      const why = file.ok
        ? `${file.value.complaints}${subject} has no whereabouts network to explain\n`
        : `${file.error}\n`;
      toStderr(why);
      return 1;
    }
    toStderr(file.value.complaints);
    networks = file.value.networks;
  }
  if (networks === undefined && chosenSource(values).kind === "kubernetes") {
    const label = subject.includes("/") ? subject : `default/${subject}`;
    const known = await knownNetworks(undefined, values);
    if (!known.ok) {
      toStderr(`berth explain: ${known.error}\n`);
      return 1;
    }
    const meant = known.value.filter((network) => network.label === label);
    if (meant.length > 0) networks = meant;
  }
  const store = openSource(values, "look");
  if (!store.ok) return storeFailed(store.error);
  try {
    return networks === undefined
      ? await explainPod(subject, store.value, output, values)
      : await explainNetworks(networks, store.value, output);
  } finally {
    store.value.close();
  }
}

type Format = NonNullable<ReturnType<typeof readOutput>>;

async function explainNetworks(networks: readonly Network[], store: Store, output: Format): Promise<number> {
  const claims = await store.claims({});
  if (!claims.ok) return storeFailed(claims.error);
  const explained = networks.map((network) => explainNetwork(network, claims.value));
  const text =
    output === "json" || output === "yaml"
      ? await renderData(explained.map(explanationRecord), output)
      : explained.map(renderExplanation).join("\n");
  toStdout(text);
  return explained.some(({ refusal }) => refusal !== undefined) ? 1 : 0;
}
