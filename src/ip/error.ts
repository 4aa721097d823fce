/** Why a text is not the address, CIDR or range that it should be. */
export type IpError = {
  readonly code: "invalid_address" | "invalid_cidr" | "invalid_range" | "range_reversed" | "range_too_small";
  /** The text that was refused. */
  readonly value: string;
  /** What is wrong and what would be right, as the end of a sentence. */
  readonly hint: string;
};
