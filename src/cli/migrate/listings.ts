import { findingsListing } from "../findings.ts";
import type { Listing } from "../output.ts";
import type { Step } from "./steps.ts";
import type { Found } from "./survey.ts";

export const FOUND: Listing<Found> = {
  empty: "There is nothing.",
  columns: [
    { title: "FOUND", cell: ({ what }) => what },
    { title: "COUNT", cell: ({ count }) => count },
    { title: "ABOUT", cell: ({ about }) => about },
  ],
};

export const PROBLEMS = findingsListing("Nothing stands in the way.");

const STATES: Record<Step["state"], string> = {
  done: "done",
  todo: "to do",
  by_hand: "by hand",
  blocked: "blocked",
  waits: "waits",
};

/** A step for machines. */
export type StepRow = Omit<Step, "apply">;

export const STEPS: Listing<StepRow> = {
  empty: "There is nothing to do.",
  columns: [
    {
      title: "STEP",
      cell: ({ state }) => STATES[state],
      colour: ({ state }) => (state === "done" ? "green" : state === "blocked" ? "red" : undefined),
    },
    { title: "OBJECT", cell: ({ object }) => object },
    { title: "WHAT", cell: ({ what }) => what },
  ],
};
