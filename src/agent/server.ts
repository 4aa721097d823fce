import type { Clock, Timer } from "../clock.ts";
import { type CallFrame, CallReader, encodeReply, type ReplyFrame } from "../cni/wire.ts";
import type { Log } from "../log.ts";
import { peerCredentials } from "./libc.ts";

/** A caller must have sent its whole call by then, and have taken the whole reply; milliseconds. */
const SLOWNESS = 5_000;
const SWEEP = 500;

/** One connection: one call, one reply. */
type Connection = {
  readonly reader: CallReader;
  pid: number;
  state: "reading" | "working" | "writing" | "closed";
  deadline: number;
  reply: Uint8Array;
  sent: number;
};

export type ServerOptions = {
  /** Never rejects. `gone` says whether the caller has hung up. */
  readonly answer: (call: CallFrame, peer: { pid: number; gone(): boolean }) => Promise<ReplyFrame>;
  /** Told why a connection got no answer. */
  readonly rejected: (reason: "peer" | "protocol" | "slow" | "too_many") => void;
  readonly clock: Clock;
  readonly maxConnections: number;
  readonly log: Log;
};

type Socket = Bun.Socket<Connection> & { readonly fd?: number };

/** The protocol of src/cni/wire.ts on a listening socket. It outlives whatever callers do. */
export class Server {
  readonly #options: ServerOptions;
  readonly #open = new Set<Socket>();
  #idle: (() => void)[] = [];
  #sweeper: Timer | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#open.size;
  }

  readonly handler: Bun.SocketHandler<Connection> = {
    open: (socket) => this.#accept(socket),
    data: (socket, chunk) => this.#read(socket, chunk),
    drain: (socket) => this.#write(socket),
    close: (socket) => this.#forget(socket),
    error: (socket) => this.#forget(socket),
  };

  /** Resolves when nobody is connected any more. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Hangs up on everybody. */
  close(): void {
    this.#sweeper?.cancel();
    for (const socket of this.#open) socket.terminate();
    this.#open.clear();
  }

  #accept(socket: Socket): void {
    const deadline = this.#options.clock.elapsed() + SLOWNESS;
    const none = new Uint8Array(0);
    socket.data = { reader: new CallReader(), pid: 0, state: "reading", deadline, reply: none, sent: 0 };
    if (this.#open.size >= this.#options.maxConnections) {
      this.#reject(socket, "too_many");
      return;
    }
    this.#open.add(socket);
    const peer = socket.fd === undefined ? undefined : peerCredentials(socket.fd);
    // The mode of the file says the same; this holds where someone changed it.
    if (!peer || (peer.uid !== 0 && peer.uid !== process.getuid?.())) {
      this.#options.log("error", "a caller without permission was refused", {
        uid: peer?.uid,
        pid: peer?.pid,
      });
      this.#reject(socket, "peer");
      return;
    }
    socket.data.pid = peer.pid;
    this.#sweeper ??= this.#options.clock.after(SWEEP, () => this.#sweep());
  }

  #read(socket: Socket, chunk: Uint8Array): void {
    const connection = socket.data;
    if (connection.state !== "reading") return; // one call a connection
    const call = connection.reader.push(chunk);
    if (!call.ok) {
      this.#options.log("error", `a caller does not speak the protocol: ${call.error}`, {
        pid: connection.pid,
      });
      this.#reject(socket, "protocol");
      return;
    }
    if (call.value) void this.#work(socket, call.value);
  }

  async #work(socket: Socket, call: CallFrame): Promise<void> {
    const connection = socket.data;
    connection.state = "working";
    const peer = { pid: connection.pid, gone: () => connection.state === "closed" };
    const reply = await this.#options.answer(call, peer);
    if (peer.gone()) return;
    connection.reply = encodeReply(reply);
    connection.state = "writing";
    connection.deadline = this.#options.clock.elapsed() + SLOWNESS;
    this.#write(socket);
  }

  #write(socket: Socket): void {
    const connection = socket.data;
    if (connection.state !== "writing") return;
    connection.sent += Math.max(0, socket.write(connection.reply.subarray(connection.sent)));
    if (connection.sent >= connection.reply.length) socket.end();
  }

  #sweep(): void {
    const now = this.#options.clock.elapsed();
    for (const socket of this.#open) {
      if (socket.data.state !== "working" && now > socket.data.deadline) this.#reject(socket, "slow");
    }
    const { clock } = this.#options;
    this.#sweeper = this.#open.size > 0 ? clock.after(SWEEP, () => this.#sweep()) : undefined;
  }

  #reject(socket: Socket, reason: Parameters<ServerOptions["rejected"]>[0]): void {
    this.#options.rejected(reason);
    this.#forget(socket);
    socket.terminate();
  }

  #forget(socket: Socket): void {
    if (socket.data) socket.data.state = "closed";
    this.#open.delete(socket);
    if (this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
