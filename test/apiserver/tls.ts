import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { KeyPair } from "./certificates.ts";
import type { User } from "./identity.ts";

export type TlsFront = { readonly port: number; close(): Promise<void> };

/**
 * Ends TLS on a free port of the loopback interface and passes the plain bytes on to `port`: Bun's HTTP servers do not tell
 * the client's certificate. `users` learns the user behind each of the local ports that the connections come from.
 */
export async function listenTls(
  port: number,
  server: KeyPair,
  ca: string,
  users: Map<number, User>,
): Promise<TlsFront> {
  const open = new Set<TLSSocket>();
  const pem = (path: string) => readFileSync(path, "utf8");
  const options = {
    cert: pem(server.certificate),
    key: pem(server.key),
    ca: pem(ca),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const front = createServer(options, (outer) => {
    open.add(outer);
    const inner = connect(port, "127.0.0.1", () => {
      const { localPort = 0 } = inner;
      const user = outer.authorized ? userOf(outer) : undefined;
      if (user) users.set(localPort, user);
      inner.on("close", () => users.delete(localPort));
      outer.pipe(inner).pipe(outer);
    });
    const end = () => {
      open.delete(outer);
      outer.destroy();
      inner.destroy();
    };
    for (const socket of [outer, inner]) socket.on("error", end).on("close", end);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  front.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    port: (front.address() as AddressInfo).port,
    close: async () => {
      const { promise: closed, resolve: done } = Promise.withResolvers<void>();
      front.close(() => done());
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** As the API server reads a client certificate: common name and organizations. */
function userOf(socket: TLSSocket): User | undefined {
  // Several organizations come as a list, whatever the types say.
  const subject: { readonly CN?: unknown; readonly O?: unknown } | undefined =
    socket.getPeerCertificate()?.subject;
  if (typeof subject?.CN !== "string") return undefined;
  const groups = Array.isArray(subject.O)
    ? subject.O.map(String)
    : subject.O === undefined
      ? []
      : [String(subject.O)];
  return { name: subject.CN, groups };
}
