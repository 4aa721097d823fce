import type { Findings } from "./findings.ts";
import { renderValue } from "./issue.ts";
import { nearestHint } from "./nearest.ts";
import { LOG_LEVELS, LONGEST_NETWORK_NAME } from "./schema/whereabouts.ts";
import type { LogLevel } from "./types.ts";

/** Any text without control characters; how it becomes an object name is the Kubernetes store's matter. */
export function readNetworkName(name: string | undefined, path: string, found: Findings): string {
  if (name === undefined) return "";
  const length = [...name].length;
  if (length > LONGEST_NETWORK_NAME) {
    const what = `the network_name has ${length} characters`;
    found.error(
      "invalid_network_name",
      { path, value: name },
      what,
      `at most ${LONGEST_NETWORK_NAME} are accepted`,
    );
  } else if (/\p{Cc}/u.test(name)) {
    const what = `the network_name ${renderValue(name)} has a control character`;
    found.error("invalid_network_name", { path, value: name }, what, "remove it");
  }
  return name;
}

/** "/24" or "24", as upstream. */
export function readSliceSize(text: string | undefined, path: string, found: Findings): number | undefined {
  if (text === undefined || text === "") return undefined;
  const size = /^\/?[0-9]{1,3}$/.test(text) ? Number(text.replace("/", "")) : 0;
  if (size >= 1 && size <= 128) return size;
  const hint = 'the prefix length of a node\'s slice such as "/24", from 1 to 128, is wanted';
  found.error("invalid_slice_size", { path, value: text }, `${renderValue(text)} is not a slice size`, hint);
  return undefined;
}

export function readLogLevel(text: string | undefined, path: string, found: Findings): LogLevel {
  if (text === undefined || text === "") return "verbose";
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level !== undefined) return level;
  const what = `${renderValue(text)} is not a log level; verbose is used`;
  found.warn("unknown_log_level", { path, value: text }, what, nearestHint(text, LOG_LEVELS));
  return "verbose";
}
