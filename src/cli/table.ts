import { type Colour, type Painted, paint } from "./colour.ts";

export type Cell = string | Painted;

/** A table for people: columns as wide as their widest cell, two spaces between. Colours cost no width. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  colours = false,
): string {
  const widths = header.map((title, column) => {
    // Not Math.max(...widths): a table of 100,000 rows has more arguments than a call can take.
    return rows.reduce((width, row) => Math.max(width, textOf(row[column]).length), title.length);
  });
  const line = (cells: readonly Cell[], all?: Colour) => {
    const padded = cells.map((cell, column) => {
      const text = textOf(cell);
      const last = column === cells.length - 1;
      const colour = all ?? (typeof cell === "string" ? undefined : cell.colour);
      const shown = colours && colour ? paint(text, colour) : text;
      return last ? shown : shown + " ".repeat(Math.max(0, (widths[column] ?? 0) - text.length));
    });
    return padded.join("  ").trimEnd();
  };
  return `${[line(header, "bold"), ...rows.map((row) => line(row))].join("\n")}\n`;
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === "string" ? cell : (cell?.text ?? "");
}
