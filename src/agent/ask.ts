import { systemClock } from "../clock.ts";
import { type CallFrame, decodeReply, encodeCall, type ReplyFrame } from "../cni/wire.ts";
import { err, ok, type Result } from "../result.ts";

/** Sends one call to a daemon's socket; the error says why there was no answer within the call's time. */
export async function ask(
  socket: string,
  call: CallFrame,
  clock = systemClock,
): Promise<Result<ReplyFrame, string>> {
  const request = encodeCall(call);
  const chunks: Uint8Array[] = [];
  let sent = 0;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const send = (connection: Bun.Socket) => {
    sent += Math.max(0, connection.write(request.subarray(sent)));
  };
  const timer = clock.after(call.timeout, () => resolve(`no answer within ${Math.round(call.timeout)} ms`));
  const connecting = Bun.connect({
    unix: socket,
    socket: {
      open: send,
      drain: send,
      data: (_, chunk) => void chunks.push(chunk.slice()),
      close: () => resolve(undefined),
      error: (_, error) => resolve(error.message),
      connectError: (_, error) => resolve(error.message),
    },
  });
  connecting.catch((error: Error) => resolve(error.message));
  const failure = await promise;
  timer.cancel();
  const connection = await connecting.catch(() => undefined);
  connection?.terminate();
  if (failure !== undefined) return err(failure);
  const reply = decodeReply(Buffer.concat(chunks));
  return reply ? ok(reply) : err("the connection was closed without an answer");
}
