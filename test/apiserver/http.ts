import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ApiRequest } from "../../src/kube/transport.ts";
import type { Gateway } from "./gateway.ts";
import type { User } from "./identity.ts";
import type { Reply } from "./server.ts";

/** Milliseconds; of a real server less than 20 are seen. */
const WATCH_LAG = 8;

/** The double behind HTTP on a free port of the loopback interface. */
export class HttpFront {
  /** Users with a client certificate, by the port from which their connection comes (see tls.ts). */
  readonly users = new Map<number, User>();
  readonly #gateway: Gateway;
  readonly #server: Server;

  private constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));
  }

  static async listen(gateway: Gateway): Promise<HttpFront> {
    const front = new HttpFront(gateway);
    const { promise, resolve } = Promise.withResolvers<void>();
    front.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#gateway.breakWatches();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    const gateway = this.#gateway;
    const certificate = this.users.get(incoming.socket.remotePort ?? 0);
    const { authenticator } = gateway.server;
    const user = authenticator.on ? authenticator.identify(request.headers, certificate) : certificate;
    const client = user?.name ?? request.headers["user-agent"] ?? "";
    const { clock } = gateway.server.cluster;
    const call = gateway.call(request, client);
    const plan = gateway.plan(call);
    const wait = (ms: number, run: () => void) => (ms > 0 ? void clock.after(ms, run) : run());
    if (plan.fate === "hang" || gateway.faults.isPartitioned(client)) return;
    wait(plan.delay, () => {
      if (!gateway.up || plan.fate === "drop_before") return void incoming.socket.destroy();
      const use = (reply: Reply) => {
        if (plan.fate === "drop_after") {
          reply.watch?.stop();
          return void incoming.socket.destroy();
        }
        if (gateway.faults.isPartitioned(client)) return;
        wait(plan.delayAnswer, () => this.#answer(reply, client, incoming, outgoing));
      };
      gateway.carryOut(call, plan, request, use, certificate);
    });
  }

  #answer(reply: Reply, client: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.writeHead(reply.status, reply.headers);
    const { watch } = reply;
    if (!watch) {
      outgoing.end(reply.body);
      return;
    }
    outgoing.flushHeaders();
    const { faults } = this.#gateway;
    const leave = this.#gateway.opened(() => incoming.socket.destroy());
    outgoing.on("close", () => {
      leave();
      watch.stop();
    });
    let waiting = "";
    const write = () => {
      outgoing.write(waiting);
      waiting = "";
    };
    const send = (line: string) => {
      // A real server too tells its watchers a little later, and together what has happened by then.
      if (waiting === "") this.#gateway.server.cluster.clock.after(WATCH_LAG, write);
      waiting += `${line}\n`;
    };
    watch.start(
      (line) => faults.whenHealed(client, () => send(line)),
      () => faults.whenHealed(client, () => outgoing.end(waiting)),
    );
  }
}

async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  return {
    method: (incoming.method ?? "GET") as ApiRequest["method"],
    path: incoming.url ?? "/",
    headers,
    ...(chunks.length > 0 ? { body: Buffer.concat(chunks).toString() } : {}),
  };
}
