import { readFile } from "node:fs/promises";
import { nearestHint } from "../config/index.ts";
import type { LintReport } from "../lint/index.ts";
import { lintText, renderReport } from "../lint/index.ts";

const USAGE = `usage: berth lint FILE... [OPTIONS]

Checks network configurations, attachments and Network objects, in JSON or YAML, without a cluster.
FILE may be - for standard input.

  --flat               the files are flat files of whereabouts (whereabouts.conf)
  -o, --output FORMAT  text or json                        text

Examples:
  berth lint storage.yaml
  kubectl get net-attach-def -A -o json | berth lint -

Exit codes: 0 nothing or warnings only; 1 errors; 2 wrong usage, or a file that cannot be read.
`;

/** Larger files hold no configuration. */
const LARGEST_FILE = 16 * 1024 * 1024;

export type LintIo = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard input; by default the process's own. */
  readonly stdin?: () => Promise<string>;
};

type Options = { readonly files: readonly string[]; readonly isFlat: boolean; readonly isJson: boolean };

/** `berth lint`; the answer is the exit code. */
export async function runLint(args: readonly string[], io: LintIo): Promise<number> {
  if (args.includes("-h") || args.includes("--help")) {
    io.out(USAGE);
    return 0;
  }
  const options = readOptions(args);
  if (typeof options === "string") {
    io.err(`berth lint: ${options}\n${USAGE}`);
    return 2;
  }
  const reports: { file: string; report: LintReport }[] = [];
  let exitCode = 0;
  for (const file of options.files) {
    const read = await readInput(file, io);
    if (typeof read !== "string") {
      io.err(`berth lint: ${file}: ${read.message}\n`);
      exitCode = 2;
      continue;
    }
    const name = file === "-" ? "standard input" : file;
    const report = lintText(read, name, { isFlat: options.isFlat });
    reports.push({ file: name, report });
    if (exitCode === 0 && report.issues.some(({ severity }) => severity === "error")) exitCode = 1;
  }
  if (options.isJson) {
    const files = reports.map(({ file, report }) => ({ file, ...report }));
    io.out(`${JSON.stringify({ files }, null, 2)}\n`);
  } else {
    for (const { file, report } of reports) io.out(renderReport(report, file));
  }
  return exitCode;
}

/** The options, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | string {
  const files: string[] = [];
  let isFlat = false;
  let output = "text";
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--flat") isFlat = true;
    else if (arg === "-o" || arg === "--output") output = args[++at] ?? "";
    else if (arg.startsWith("--output=")) output = arg.slice("--output=".length);
    else if (arg.startsWith("-") && arg !== "-") {
      return `unknown option ${arg} (${nearestHint(arg, ["--flat", "-o", "--output", "--help"])})`;
    } else files.push(arg);
  }
  if (output !== "text" && output !== "json") return `unknown output "${output}" (known: text, json)`;
  return files.length === 0 ? "no file is given" : { files, isFlat, isJson: output === "json" };
}

async function readInput(file: string, io: LintIo): Promise<string | Error> {
  try {
    const text = file === "-" ? await (io.stdin ?? readStdin)() : await readFile(file, "utf8");
    return text.length > LARGEST_FILE ? new Error("larger than 16 MiB") : text;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of process.stdin) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > LARGEST_FILE) break;
  }
  return text + decoder.decode();
}
