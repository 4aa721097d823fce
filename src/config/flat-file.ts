import { isObject } from "../cni/json.ts";
import type { Findings } from "./findings.ts";
import { readIpam } from "./ipam.ts";
import { member } from "./json-path.ts";
import {
  type StoreEntries,
  storeChoice,
  type WhereaboutsIpam,
  whereaboutsIpam,
} from "./schema/whereabouts.ts";
import { readShape } from "./shape.ts";
import type { FlatFile } from "./types.ts";

const FILE_NAME = "whereabouts.conf";
const DEFAULT_PATHS = [
  `/etc/kubernetes/cni/net.d/whereabouts.d/${FILE_NAME}`,
  `/etc/cni/net.d/whereabouts.d/${FILE_NAME}`,
  `/host/etc/cni/net.d/whereabouts.d/${FILE_NAME}`,
];

/**
 * Where the flat file may lie; the first that exists counts. `configuration_path` is a file for upstream's plugin
 * and a folder for its installer, so both are tried.
 */
export function flatFileCandidates(configurationPath: string | undefined): string[] {
  if (configurationPath === undefined || configurationPath === "") return [...DEFAULT_PATHS];
  const folder = configurationPath.replace(/\/+$/, "");
  return [configurationPath, `${folder}/${FILE_NAME}`, ...DEFAULT_PATHS];
}

/** `ipam` with its gaps filled from the flat file, and where each value came from. */
export type Merged<T> = {
  readonly values: T;
  /** The path of a value, for issues. */
  readonly pathOf: (key: keyof T & string) => string;
  /** The object that holds the value, for issues: "ipam", or the path of the flat file. */
  readonly ownerOf: (key: keyof T & string) => string;
};

export function readMerged(
  ipam: unknown,
  flat: FlatFile | undefined,
  found: Findings,
): Merged<WhereaboutsIpam> | undefined {
  const own = readIpam(whereaboutsIpam, ipam, found);
  if (own === undefined) return undefined;
  const filling = flat && readShape(whereaboutsIpam, flat.content, `${flat.path}: `, found);
  // Upstream sets its default before it reads the attachment, so the flat file never reaches this key.
  if (filling) delete filling.enable_overlapping_ranges;
  return merge<WhereaboutsIpam>(own, filling, flat?.path);
}

/** As `readMerged`, but blind to everything that does not choose the store. */
export function readMergedStore(
  ipam: unknown,
  flat: FlatFile | undefined,
  found: Findings,
): Merged<StoreEntries> | undefined {
  const own = readIpam(storeChoice, ipam, found, false);
  if (own === undefined) return undefined;
  const filling = flat && readShape(storeChoice, flat.content, `${flat.path}: `, found, false);
  return merge<StoreEntries>(own, filling, flat?.path);
}

function merge<T extends object>(own: T, filling: T | undefined, flatPath: string | undefined): Merged<T> {
  const values = filling === undefined ? own : fill(own, filling);
  const isFilled = (key: string) =>
    isZero(Reflect.get(own, key)) && !isZero(filling && Reflect.get(filling, key));
  return {
    values,
    pathOf: (key) => member(isFilled(key) ? `${flatPath}: ` : "ipam", key),
    ownerOf: (key) => (isFilled(key) ? `${flatPath}: ` : "ipam"),
  };
}

/** Fills what is zero in `own`, object by object: the rule of upstream's mergo.Merge. */
function fill<T extends object>(own: T, filling: T): T {
  const result = { ...own };
  for (const [key, value] of Object.entries(filling)) {
    const given: unknown = Reflect.get(own, key);
    if (isZero(given)) Reflect.set(result, key, value);
    else if (isObject(given) && isObject(value)) Reflect.set(result, key, fill(given, value));
  }
  return result;
}

/** Go's zero values. */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  return value === undefined || value === "" || value === 0 || value === false;
}
