import { sleep, systemClock } from "../clock.ts";
import { isTerminal, toStdout } from "./stdio.ts";

/** How often a watched list is read again, in milliseconds. */
const INTERVAL = 500;
/** Cursor home and clear what is below: no flicker, as a whole clear would give. */
const HOME = "\x1b[H\x1b[J";

export const WATCH_OPTIONS = { watch: { type: "boolean", short: "w", default: false } } as const;
export const WATCH_HELP = `  -w, --watch          show it again whenever it changes, until Ctrl-C
`;

/**
 * Shows a page, and with `watch` again whenever it changes: on a terminal in place, else one after the other. Ctrl-C is how a
 * watch ends, so it ends well. `page` gives the exit code once it cannot be had;
 * it is asked again only if the revision is another one, or unknown.
 */
export async function showPage(
  page: () => Promise<string | number>,
  watch: boolean,
  revision: () => Promise<string | undefined> = async () => undefined,
): Promise<number> {
  const stop = new AbortController();
  if (watch) for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const inPlace = watch && isTerminal(1);
  let shown: string | undefined;
  let seen: string | undefined;
  do {
    const now = watch ? await revision() : undefined;
    if (now === undefined || now !== seen) {
      const text = await page();
      if (typeof text === "number") return text;
      if (text !== shown) toStdout(inPlace ? HOME + text : shown === undefined ? text : `\n${text}`);
      shown = text;
      seen = now;
    }
    if (watch) await sleep(systemClock, INTERVAL, stop.signal);
  } while (watch && !stop.signal.aborted);
  return 0;
}
