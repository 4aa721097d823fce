import type { Reservation } from "../allocation/reservation.ts";
import type { PoolChoice } from "../inspect/steer.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { err, ok, type Result } from "../result.ts";

/** What a page asks to reserve or release, checked. */
export type StepBody = {
  readonly address: Address;
  readonly choice: PoolChoice;
  readonly reservation?: Reservation;
  readonly yes: boolean;
};

const LONGEST = 500;

/** Reads the body of a StepRequest; the error says what is wrong with it. */
export function readStep(text: string): Result<StepBody, string> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return err("the body is not JSON");
  }
  if (typeof body !== "object" || body === null) return err("the body is no object");
  const fields = new Map<string, unknown>(Object.entries(body));
  const textOf = (key: string) => {
    const value = fields.get(key);
    return typeof value === "string" && value !== "" && value.length <= LONGEST ? value : undefined;
  };
  const address = parseAddress(textOf("address") ?? "");
  if (!address.ok) return err(`address: ${address.error.hint}`);
  const [by, reason, until] = [textOf("owner"), textOf("reason"), textOf("until")];
  const end = until === undefined ? undefined : Date.parse(until);
  if (end !== undefined && Number.isNaN(end)) return err(`until: ${JSON.stringify(until)} is no date`);
  // "" is a network name of its own.
  const networkName = fields.get("networkName");
  return ok({
    address: address.value,
    choice: {
      range: textOf("pool"),
      networkName: typeof networkName === "string" ? networkName : undefined,
    },
    ...(by && reason && { reservation: { by, reason, ...(end !== undefined && { until: end }) } }),
    yes: fields.get("yes") === true,
  });
}
