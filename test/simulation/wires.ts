import type { ApiRequest, Transport } from "../../src/kube/transport.ts";

type Op = { readonly op: string; readonly value?: unknown };

/** A wire that tells of sandboxes whose writes were given up on their way: the server may carry them out at any later time. */
export function strayWrites(wire: Transport, stray: (sandbox: string) => void): Transport {
  return {
    server: wire.server,
    stream: (request, onLine, signal) => wire.stream(request, onLine, signal),
    close: () => wire.close(),
    request: (request, timeout, signal) => {
      const answer = wire.request(request, timeout, signal);
      void answer.then((given) => {
        if (given.ok || given.error.code === "unreachable") return;
        for (const sandbox of sandboxesIn(request)) stray(sandbox);
      });
      return answer;
    },
  };
}

/** Sandboxes for which a request writes something. */
function sandboxesIn({ method, body }: ApiRequest): readonly string[] {
  if (body === undefined || method === "GET" || method === "DELETE") return [];
  const content: unknown = JSON.parse(body);
  const written = Array.isArray(content) ? content.filter(({ op }: Op) => op !== "test") : content;
  return JSON.stringify(written).match(/\bsandbox-\d+/g) ?? [];
}

/** Tells every write and how it ended; that changes nothing of what happens. */
export function traced(wire: Transport, client: string, tell: (line: string) => void): Transport {
  return {
    server: wire.server,
    stream: (request, onLine, signal) => wire.stream(request, onLine, signal),
    close: () => wire.close(),
    request: (request, timeout, signal) => {
      if (request.method === "GET") return wire.request(request, timeout, signal);
      const what = `${client}: ${request.method} ${request.path.split("/").slice(-2).join("/")} ${request.body ?? ""}`;
      tell(what);
      const answer = wire.request(request, timeout, signal);
      void answer.then((given) =>
        tell(`${what.slice(0, 80)}: ${given.ok ? given.value.status : given.error.message}`),
      );
      return answer;
    },
  };
}
