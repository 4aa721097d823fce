import { formatCidr } from "../ip/cidr.ts";
import { type Interval, normalise } from "../ip/interval.ts";
import type { EventText } from "../kube/events.ts";
import type { ObjectReference } from "../kube/objects.ts";
import { sameRange } from "../store/kubernetes/slices/slice-pools.ts";
import type { Attachment, SliceWish } from "./attachments.ts";

/** Something that the owner of an object should hear. */
export type Tale = { readonly about: ObjectReference; readonly text: EventText };

/** All attachments that share the slices of one realm and range. */
export type Group = {
  readonly wish: SliceWish;
  /** What any of them may hand out. */
  readonly free: readonly Interval[];
  readonly sizes: readonly { readonly about: ObjectReference; readonly prefix: number }[];
};

/** The same whatever the order in which attachments become known: of those that disagree the first by name counts. */
export function groupsOf(attachments: readonly Attachment[], tales: Tale[]): Group[] {
  const groups: Group[] = [];
  for (const { about, wishes, broken } of [...attachments].sort(byName)) {
    if (broken !== undefined) tales.push({ about, text: warning("InvalidSlices", broken) });
    for (const wish of wishes) {
      const index = groups.findIndex(
        (group) => group.wish.network === wish.network && sameRange(group.wish.range, wish.range),
      );
      const group = groups[index];
      const size = { about, prefix: wish.prefix };
      if (!group) groups.push({ wish, free: wish.free, sizes: [size] });
      else
        groups[index] = {
          wish: group.wish,
          free: normalise([...group.free, ...wish.free]),
          sizes: [...group.sizes, size],
        };
    }
  }
  return groups;
}

/** The size that a pool should have: the one in force as long as any attachment wants it. */
export function sizeFor({ wish, sizes }: Group, inForce: number | undefined): number {
  return inForce !== undefined && sizes.some(({ prefix }) => prefix === inForce) ? inForce : wish.prefix;
}

/** Tells those that want another size why it is not theirs. */
export function refuseSizes({ wish, sizes }: Group, size: number, why: string, tales: Tale[]): void {
  for (const { about, prefix } of sizes) {
    if (prefix === size) continue;
    const message = `slices of ${formatCidr(wish.range)} stay /${size} ${why}; /${prefix} has no effect`;
    tales.push({ about, text: warning("SliceSizeRefused", message) });
  }
}

export function warning(reason: string, message: string): EventText {
  return { type: "Warning", reason, message };
}

function byName({ about: a }: Attachment, { about: b }: Attachment): number {
  const [left, right] = [`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
