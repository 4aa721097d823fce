import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Item, isShim } from "./plan.ts";

/** What was done to one path, for people. */
export type Deed = { readonly path: string; readonly what: string };

/** Puts a file in place by rename: a running process keeps the old one, and nobody ever sees half a file. */
export function place({ path, mode, source, keep, aside }: Item): Deed {
  if (keep && existsSync(path)) return { path, what: "kept as it is" };
  mkdirSync(dirname(path), { recursive: true });
  let what = existsSync(path) ? "replaced" : "installed";
  if (aside && existsSync(path) && !isShim(path)) {
    copyFileSync(path, asideOf(path));
    what = `installed; what was there is now ${basename(asideOf(path))}`;
  }
  const draft = join(dirname(path), `.${basename(path)}.berth-new`);
  if ("from" in source) copyFileSync(source.from, draft);
  else writeFileSync(draft, source.text);
  chmodSync(draft, mode);
  renameSync(draft, path);
  return { path, what };
}

/** Takes away what `place` put there, and only that; a file that was put aside comes back. */
export function remove({ path, source, aside }: Item): Deed {
  if (!existsSync(path)) return { path, what: "not there" };
  if (aside && !isShim(path)) return { path, what: "left alone: not Berth's" };
  if (aside && existsSync(asideOf(path))) {
    renameSync(asideOf(path), path);
    return { path, what: "what was there before is back" };
  }
  if ("text" in source && readFileSync(path, "utf8") !== source.text) {
    return { path, what: "left alone: it was edited" };
  }
  rmSync(path);
  // A folder for one of systemd's drop-ins, unless others are there.
  if (path.endsWith(".conf") && readdirSync(dirname(path)).length === 0) rmdirSync(dirname(path));
  return { path, what: "removed" };
}

/** Beside the plugin, under a name that no network configuration has. */
function asideOf(path: string): string {
  return join(dirname(path), `${basename(path)}.before-berth`);
}
