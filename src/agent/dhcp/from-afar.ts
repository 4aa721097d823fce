import { releaseSlowly } from "../../netns/datagrams.ts";
import { describeErrno } from "../../netns/error.ts";
import { NOTHING } from "../../netns/filter.ts";
import { ownInterface } from "../../netns/interface.ts";
import { errno, send } from "../../netns/libc.ts";
import { openPacketSocket } from "../../netns/sockets.ts";
import { err, ok, type Result } from "../../result.ts";

/** Sends frames of one ethertype from an interface of the node; a bridge drops what it reads as another. The error is for people. */
export function sendFrom(
  parent: string | undefined,
  ethertype: number,
  frames: readonly Uint8Array[],
): Result<void, string> {
  if (parent === undefined) return err("no interface of the node is known to reach the same network");
  const link = ownInterface(parent);
  if (!link.ok) return err(link.error.message);
  const socket = openPacketSocket(link.value.index, ethertype, NOTHING);
  if (!socket.ok) return err(socket.error.message);
  try {
    for (const frame of frames) {
      if (!send(socket.value, frame)) return err(`${parent}: ${describeErrno(errno())}`);
    }
    return ok(undefined);
  } finally {
    releaseSlowly(socket.value);
  }
}
