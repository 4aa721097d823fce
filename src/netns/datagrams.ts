import { close } from "node:fs";
import { dup, send } from "./libc.ts";

declare module "bun" {
  function connect<T>(options: { fd: number; socket: Bun.SocketHandler<T> }): Promise<Bun.Socket<T>>;
}

export type DatagramHandlers = {
  /** One frame or datagram. The bytes are the receiver's to keep. */
  readonly received: (bytes: Uint8Array) => void;
  /** The socket is of no use any more, most likely because its interface went down or away. */
  readonly failed: () => void;
};

/**
 * A datagram socket on the event loop of the process: the loop's own epoll waits for all of them, so there is no thread and no
 * timer behind, however many there are. (For a readable descriptor the loop calls recv(), which gives one datagram at a time.)
 */
export class DatagramSocket {
  /** A second descriptor, which keeps the socket alive until `close`. */
  readonly #descriptor: number;
  #socket: Bun.Socket<undefined> | undefined;
  #closed = false;

  /** Takes the descriptor over. */
  constructor(descriptor: number, { received, failed }: DatagramHandlers) {
    this.#descriptor = dup(descriptor);
    const lost = () => {
      if (!this.#closed) failed();
    };
    Bun.connect<undefined>({
      fd: descriptor,
      socket: {
        open: (socket) => {
          this.#socket = socket;
          if (this.#closed) socket.terminate();
        },
        data: (_, bytes) => {
          if (!this.#closed) received(bytes.slice());
        },
        error: lost,
        close: lost,
        connectError: lost,
      },
    }).catch(lost);
  }

  /** Sends to where the socket is bound; false if the kernel took it not. */
  send(bytes: Uint8Array): boolean {
    return !this.#closed && send(this.#descriptor, bytes);
  }

  /** Nothing is received any more when this returns. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.terminate();
    releaseSlowly(this.#descriptor);
  }
}

/**
 * Closes on a thread of the pool: the last close of a packet socket waits until every processor has passed a quiet state
 * (synchronize_net), tens of milliseconds in which this thread could do nothing else.
 */
export function releaseSlowly(descriptor: number): void {
  close(descriptor, () => undefined);
}
