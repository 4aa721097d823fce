import { type Colour, harmless, wantsColours } from "./colour.ts";
import { isTerminal, toStderr, toStdout } from "./stdio.ts";
import { type Cell, renderTable } from "./table.ts";

export const OUTPUTS = ["table", "wide", "json", "yaml"] as const;
export type Output = (typeof OUTPUTS)[number];

/** How a list is shown; every command that shows one takes these. */
export const OUTPUT_OPTIONS = {
  output: { type: "string", short: "o", default: "table" },
  "no-headers": { type: "boolean", default: false },
} as const;

export const OUTPUT_HELP = `  -o, --output FORMAT  table, wide, json or yaml           table
  --no-headers         a table without its first line
`;

/** Prints the help that was asked for; the exit code. */
export function printHelp(text: string): number {
  toStdout(text);
  return 0;
}

/** One column of a table. */
export type Column<T> = {
  readonly title: string;
  readonly cell: (record: T) => string;
  readonly colour?: (record: T) => Colour | undefined;
  /** Shown by `-o wide` only. */
  readonly wide?: boolean;
  /** Left out where no record has anything in it. */
  readonly optional?: boolean;
};

/** A list of records: what machines get is the records, what people get is the columns. */
export type Listing<T> = {
  readonly columns: readonly Column<T>[];
  /** What people read if there is nothing. */
  readonly empty: string;
};

/** The format that was asked for; undefined, with the complaint written, if there is none of that name. */
export function readOutput(text: string): Output | undefined {
  const output = OUTPUTS.find((known) => known === text);
  if (output === undefined)
    toStderr(`berth: --output is ${OUTPUTS.join(", ")}, not ${JSON.stringify(text)}\n`);
  return output;
}

export async function renderListing<T extends object>(
  records: readonly T[],
  listing: Listing<T>,
  output: Output,
  style: { readonly colours?: boolean; readonly headers?: boolean } = {},
): Promise<string> {
  if (output === "json" || output === "yaml") return renderData(records, output);
  if (records.length === 0) return `${listing.empty}\n`;
  const columns = listing.columns.filter(
    ({ wide, optional, cell }) =>
      (output === "wide" || !wide) && (!optional || records.some((record) => cell(record) !== "")),
  );
  const rows = records.map((record) =>
    columns.map(({ cell, colour }): Cell => {
      const text = harmless(cell(record)) || "-";
      return colour ? { text, colour: colour(record) } : text;
    }),
  );
  const titles = columns.map(({ title }) => title);
  const table = renderTable(titles, rows, style.colours ?? false);
  return style.headers === false ? table.slice(table.indexOf("\n") + 1) : table;
}

/** Any data as JSON or YAML. */
export async function renderData(data: unknown, output: "json" | "yaml"): Promise<string> {
  if (output === "json") return `${JSON.stringify(data, null, 2)}\n`;
  const { stringify } = await import("yaml");
  return stringify(data, { lineWidth: 0 });
}

/** Whether standard output takes colours. */
export function colourful(): boolean {
  return wantsColours(process.env, isTerminal(1));
}

/** A count for people: an IPv6 pool's is too long to read. */
export function short(count: string | bigint): string {
  const text = String(count);
  return text.length <= 12 ? text : Number(text).toExponential(1).replace("+", "");
}

/** How long ago, for people: 5s, 12m, 3h, 8d. */
export function ageOf(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  if (Number.isNaN(seconds)) return "";
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
