import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isObject } from "../cni/json.ts";
import { formatIssue, renderValue } from "../config/index.ts";
import { yamlDocuments } from "../lint/yaml-tree.ts";
import { type Rendering, render } from "../operator/render.ts";
import type { RenderIssue } from "../operator/report.ts";
import { DEFAULT_WORKLOAD_SETTINGS as DEFAULTS } from "../operator/workload/settings.ts";
import { err, ok, type Result } from "../result.ts";
import { toStderr, toStdout } from "./stdio.ts";
import { toYaml } from "./yaml.ts";

const HELP = `usage: berth render FILE [-o yaml|json] [--namespace NAMESPACE] [--image IMAGE]

Prints what berth operator would make of a Network of operator.openshift.io/v1, or of its spec alone: every object, and what
is wrong with it. FILE is YAML or JSON; - is standard input. No cluster is asked.

  -o, --output FORMAT     yaml: objects on standard output, issues on standard error;
                          json: one document of issues, dhcpDaemon, whereabouts, objects   yaml
  --namespace NAMESPACE   of the workloads                                        ${DEFAULTS.namespace}
  --image IMAGE           of the workloads                                        ${DEFAULTS.image}

Exit codes: 0 all of it can be used; 1 an entry is wrong, and the others were rendered; 2 wrong usage, or no file.
`;

const OPTIONS = {
  output: { type: "string", short: "o", default: "yaml" },
  namespace: { type: "string", default: DEFAULTS.namespace },
  image: { type: "string", default: DEFAULTS.image },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Larger files hold no Network. */
const LARGEST_FILE = 16 * 1024 * 1024;

/** `berth render`; the answer is the exit code. */
export async function runRender(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    toStdout(HELP);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) return complain("one file is wanted");
  if (values.output !== "yaml" && values.output !== "json") {
    return complain(`unknown output ${JSON.stringify(values.output)} (known: yaml, json)`);
  }
  const text = await readInput(file);
  if (!text.ok) return complain(`${file}: ${text.error}`);
  const { namespace, image } = values;
  const rendering = renderText(text.value, { namespace, image });
  const isJson = values.output === "json";
  toStdout(isJson ? `${JSON.stringify(forJson(rendering), null, 2)}\n` : toYaml(rendering.objects));
  if (!isJson) {
    for (const issue of rendering.issues) {
      toStderr(`${file}: ${issue.severity} ${formatIssue(issue).replace(/\s*\n\s*/g, " ")}\n`);
    }
  }
  return rendering.issues.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** What a file is rendered to. Whatever the text is, this does not throw. */
export function renderText(text: string, options: { namespace: string; image: string }): Rendering {
  const document = findNetwork(text);
  if (document.ok) return render(document.value, { ...DEFAULTS, ...options });
  return { issues: [document.error], dhcpDaemon: false, whereabouts: false, objects: [] };
}

/** The Network among the documents of a file, or the one that may be its spec. */
function findNetwork(text: string): Result<unknown, RenderIssue> {
  const documents = readDocuments(text);
  if (!documents.ok) return documents;
  const networks = documents.value.filter(isNetwork);
  const others = documents.value.filter((document) => !isObject(document) || document.kind === undefined);
  const [document, ...more] = networks.length > 0 ? networks : others;
  if (more.length > 0) {
    return refuse("wrong_kind", `${more.length + 1} documents could be the Network`, "a cluster has one");
  }
  if (document !== undefined) return ok(document);
  const kinds = documents.value.map((other) => (isObject(other) ? renderValue(other.kind) : "")).join(", ");
  return refuse(
    "wrong_kind",
    `no Network is here, but ${kinds}`,
    "write a Network of operator.openshift.io/v1",
  );
}

/** `config.openshift.io` has a Network as well, without additionalNetworks. One without apiVersion is read too. */
function isNetwork(document: unknown): boolean {
  if (!isObject(document) || document.kind !== "Network") return false;
  const { apiVersion = "" } = document;
  return apiVersion === "" || String(apiVersion).startsWith("operator.openshift.io/");
}

function readDocuments(text: string): Result<unknown[], RenderIssue> {
  if (text.trim() === "") {
    return refuse("empty_file", "the file is empty", "write a Network of operator.openshift.io/v1");
  }
  const asJson = parseJson(text);
  if (asJson.ok) return ok([asJson.value]);
  try {
    const documents = yamlDocuments(text);
    const broken = documents.flatMap(({ errors }) => errors).find(({ name }) => name === "YAMLParseError");
    if (broken) {
      const line = text.slice(0, broken.pos[0]).split("\n").length;
      const [said = ""] = broken.message.split("\n");
      return refuse(
        "invalid_type",
        `line ${line}: ${said}`,
        "berth lint tells all that is wrong with the file",
      );
    }
    return ok(documents.flatMap(({ tree }) => (tree && tree.value !== null ? [tree.value] : [])));
  } catch (error) {
    // The parser recurses, and the tree has a limit; nothing else makes it throw.
    if (!(error instanceof RangeError)) throw error;
    return refuse("too_many", "the file is nested too deep or too large", "split it");
  }
}

function parseJson(text: string): Result<unknown, unknown> {
  try {
    return ok(JSON.parse(text));
  } catch (error) {
    return err(error);
  }
}

function refuse(code: RenderIssue["code"], message: string, hint: string): Result<never, RenderIssue> {
  return err({ severity: "error", code, path: "", value: undefined, message, hint });
}

/** Values of any size are shown on one short line. */
function forJson({ issues, ...rest }: Rendering): object {
  return { issues: issues.map((issue) => ({ ...issue, value: renderValue(issue.value) })), ...rest };
}

async function readInput(file: string): Promise<Result<string, string>> {
  try {
    const text = file === "-" ? await Bun.stdin.text() : await readFile(file, "utf8");
    return text.length > LARGEST_FILE ? err("larger than 16 MiB") : ok(text);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

function complain(why: string): number {
  toStderr(`berth render: ${why}\n\n${HELP}`);
  return 2;
}
