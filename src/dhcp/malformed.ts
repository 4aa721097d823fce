import { type Err, err } from "../result.ts";

/** Why received bytes are not a packet of the kind that was expected. */
export type Malformed = { readonly code: "malformed"; readonly hint: string };

export function malformed(hint: string): Err<Malformed> {
  return err({ code: "malformed", hint });
}
