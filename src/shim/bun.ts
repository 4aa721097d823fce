import { type Platform, shim } from "./shim.ts";

const bun: Platform = {
  calledAs: process.argv0,
  exchange(unix, request, timeout) {
    return new Promise((resolve) => {
      const chunks: Uint8Array[] = [];
      let sent = 0;
      const give = (answer: Uint8Array) => {
        clearTimeout(timer);
        resolve(answer);
      };
      const timer = setTimeout(() => give(new Uint8Array(0)), timeout);
      const send = (socket: Bun.Socket) => {
        sent += Math.max(0, socket.write(request.subarray(sent)));
      };
      const socket = {
        open: send,
        drain: send,
        data: (_: Bun.Socket, chunk: Uint8Array) => void chunks.push(chunk.slice()),
        close: () => give(Buffer.concat(chunks)),
        error: () => give(new Uint8Array(0)),
        connectError: () => give(new Uint8Array(0)),
      };
      Bun.connect({ unix, socket }).catch(() => give(new Uint8Array(0)));
    });
  },
  async run(program, args, input) {
    const child = Bun.spawn([program, ...args], { stdin: input, stdout: "inherit", stderr: "inherit" });
    const exit = await child.exited;
    return child.signalCode === null ? exit : -1;
  },
};

shim(bun).then((exit) => process.exit(exit));
