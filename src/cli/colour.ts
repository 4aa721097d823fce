export type Colour = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";
export type Painted = { readonly text: string; readonly colour: Colour | undefined };

const CODES: Record<Colour, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export function paint(text: string, colour: Colour): string {
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}

/** Colours are for a terminal, and for nobody who has set NO_COLOR (no-color.org). */
export function wantsColours(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
}

/** How alarming it is that so many percent are used. */
export function fillColour(percent: number): Colour {
  return percent >= 90 ? "red" : percent >= 80 ? "yellow" : "green";
}

/** Text that comes from outside must not steer the terminal: control characters are shown as their code. */
export function harmless(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
