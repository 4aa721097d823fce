import { err, ok, type Result } from "../result.ts";
import { CniCode, type CniError, cniError } from "./error.ts";

/** What CNI_ARGS says: the known keys that are there, the last one of a repeated key winning. */
export type CniArgs<Key extends string> = { readonly [K in Key]?: string };

/**
 * Reads `K=V;K2=V2`. Keys are case-sensitive; an unknown one is an error unless IgnoreUnknown is true or 1
 * (contract of libcni's LoadArgs). Multus sends its keys twice and in any order. Unlike upstream a value may
 * contain "=".
 */
export function parseCniArgs<Key extends string>(
  text: string,
  known: readonly Key[],
): Result<CniArgs<Key>, CniError> {
  const found: { [K in Key]?: string } = {};
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of text.split(";")) {
    if (pair === "" && text === "") continue;
    const equals = pair.indexOf("=");
    if (equals < 1)
      return refuse(`ARGS: invalid pair ${JSON.stringify(pair)}`, "KEY=VALUE;KEY=VALUE is wanted");
    const [key, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    const match = known.find((candidate) => candidate === key);
    if (match !== undefined) found[match] = value;
    else if (key !== "IgnoreUnknown") unknown.push(pair);
    else if (isBoolean(value)) ignoreUnknown = isTrue(value);
    else
      return refuse(`ARGS: invalid value of IgnoreUnknown ${JSON.stringify(value)}`, "true or 1 is wanted");
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    const list = unknown.map((pair) => JSON.stringify(pair)).join(" ");
    return refuse(`ARGS: unknown args [${list}]`, `known: ${known.join(", ")}; or add IgnoreUnknown=1`);
  }
  return ok(found);
}

function refuse(msg: string, details: string) {
  return err(cniError(CniCode.internal, msg, `CNI_ARGS: ${details}`));
}

// Go's UnmarshallableBool: 1, true, 0, false in any case.
function isTrue(value: string): boolean {
  return value === "1" || value.toLowerCase() === "true";
}

function isBoolean(value: string): boolean {
  return isTrue(value) || value === "0" || value.toLowerCase() === "false";
}
