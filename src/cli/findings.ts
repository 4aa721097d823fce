import type { Finding } from "../inspect/findings.ts";
import type { Listing } from "./output.ts";

/** Something that stands in the way (`error`), or that a person should know; each command has codes of its own. */
export type Problem = Omit<Finding, "code"> & { readonly code: string };

export function findingsListing(empty: string): Listing<Problem> {
  return {
    empty,
    columns: [
      {
        title: "SEVERITY",
        cell: ({ severity }) => severity,
        colour: ({ severity }) => (severity === "error" ? "red" : "yellow"),
      },
      { title: "SUBJECT", cell: ({ subject }) => subject },
      { title: "CODE", cell: ({ code }) => code, wide: true },
      { title: "WHAT", cell: ({ message }) => message },
      { title: "WHAT TO DO", cell: ({ hint }) => hint },
    ],
  };
}
