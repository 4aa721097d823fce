import type { ObjectMeta } from "../../kube/api.ts";

/** Deleted objects that are remembered: a late event of one must not bring it back. */
const MAX_BURIED = 4_096;

/** Which version of each object is known, so that news which arrive late (a watch behind our own writes) count no more. */
export class Versions {
  readonly #known = new Map<string, { uid: string; version: bigint }>();
  /** By uid, the last version that was known of it. */
  readonly #buried = new Map<string, bigint>();

  /**
   * Notes the version; false if a later one of it, or its end, is known. One that was last seen in an earlier version has only left
   * what a watch selects by labels, and is in what another selects.
   */
  advance(kind: string, meta: ObjectMeta): boolean {
    const { uid = "" } = meta;
    const key = `${kind}/${meta.name}`;
    const known = this.#known.get(key);
    const version = versionOf(meta);
    const end = this.#buried.get(uid);
    if (end !== undefined && version <= end) return false;
    this.#buried.delete(uid);
    if (known && version < known.version) return false;
    this.#known.set(key, { uid, version });
    return true;
  }

  /** Notes that the object is gone; false if another one of its name is known since. */
  bury(kind: string, meta: ObjectMeta): boolean {
    const { uid = "" } = meta;
    if (uid !== "") this.#bury(uid, versionOf(meta));
    const key = `${kind}/${meta.name}`;
    const known = this.#known.get(key);
    if (known && known.uid !== uid && known.version > versionOf(meta)) return false;
    this.#known.delete(key);
    return true;
  }

  #bury(uid: string, version: bigint): void {
    this.#buried.set(uid, version);
    if (this.#buried.size <= MAX_BURIED) return;
    for (const oldest of this.#buried.keys()) {
      this.#buried.delete(oldest);
      break;
    }
  }
}

/** Versions of one kind can be compared as numbers (KEP-5504); anything else counts as the oldest. */
export function versionOf({ resourceVersion = "" }: ObjectMeta): bigint {
  return /^[0-9]{1,20}$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n;
}
