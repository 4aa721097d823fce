/** A count for people: 65,534, or 1.8 × 10¹⁹. */
export function count(text: string | number): string {
  const digits = String(text);
  if (digits.length <= 12) return Number(digits).toLocaleString("en");
  const [mantissa = "", exponent = ""] = Number(digits).toExponential(1).split("e+");
  return `${mantissa} × 10${[...exponent].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")}`;
}

/** One digit behind the point, and never 0 or 100 where it is not quite. */
export function percent(value: number, used: string): string {
  if (value === 0 && used !== "0") return "< 0.1 %";
  return `${value} %`;
}

const STEPS: readonly [seconds: number, unit: string][] = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** "3 hours ago". */
export function ago(time: string, now = Date.now()): string {
  return `${span(now - Date.parse(time))} ago`;
}

/** How long, in the largest unit that fits. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  for (const [length, unit] of STEPS) {
    const number = Math.floor(seconds / length);
    if (number >= (unit === "day" ? 2 : 1)) return `${number} ${unit}${number === 1 ? "" : "s"}`;
  }
  return "0 seconds";
}

/** Date and time of the reader's clock. */
export function when(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function plural(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
