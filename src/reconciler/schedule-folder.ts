import { existsSync, type FSWatcher, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import type { Log } from "../log.ts";

/** Larger files hold no schedule and are no flat file. */
const LARGEST = 65_536;

/** The text of a small file; undefined if it cannot be read. */
export function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").slice(0, LARGEST);
  } catch {
    return undefined; // no such file, or no file
  }
}

/**
 * Calls `onSwap` when the kubelet has swapped the content of a mounted ConfigMap: it lays the new one into a folder of its own
 * and renames a link `..data` to it. In a plain folder the file `name` itself counts. Returns what ends it; without the
 * folder nothing ever changes.
 */
export function watchFolder(
  folder: string,
  name: string,
  onSwap: (file: string) => void,
  log: Log,
): () => void {
  const data = join(folder, "..data");
  let watcher: FSWatcher;
  try {
    watcher = watch(folder, (event, changed) => {
      const path = join(folder, changed ?? "");
      const isSwap = path === data || (changed === name && !existsSync(data));
      if (isSwap && existsSync(path)) return onSwap(path);
      const what = event === "change" ? "CHMOD" : existsSync(path) ? "CREATE" : "REMOVE";
      log("debug", `event not relevant: "${path}": ${what}`);
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log("verbose", `the schedule is not watched: ${why}`, { folder });
    return () => undefined;
  }
  watcher.on("error", (error) => log("error", `the schedule is no longer watched: ${error.message}`));
  return () => watcher.close();
}
