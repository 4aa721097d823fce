import { readFileSync } from "node:fs";
import type { ApiRequest, Transport, TransportError } from "../../src/kube/transport.ts";
import { err, ok } from "../../src/result.ts";
import type { Credentials } from "./kubeconfig.ts";

/**
 * The plainest wire to a server over HTTP. It is independent of the product's own, so that the contract suite says
 * something about the server and nothing about the client.
 */
export function fetchTransport(server: string, credentials: Omit<Credentials, "server"> = {}): Transport {
  const { ca, certificate, key, token } = credentials;
  const pem = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, "utf8"));
  const tls = ca === undefined ? {} : { tls: { ca: pem(ca), cert: pem(certificate), key: pem(key) } };
  const stop = new AbortController();
  const open = ({ method, path, headers, body }: ApiRequest, signal: AbortSignal) =>
    fetch(`${server}${path}`, {
      method,
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([stop.signal, signal]),
      ...(tls as object),
    });
  return {
    server,
    request: async (request, timeout, signal) => {
      const deadline = AbortSignal.timeout(timeout);
      try {
        const answer = await open(request, signal ? AbortSignal.any([deadline, signal]) : deadline);
        return ok({ status: answer.status, headers: headersOf(answer), body: await answer.text() });
      } catch (problem) {
        return err(errorOf(problem, deadline));
      }
    },
    stream: async (request, onLine, signal) => {
      try {
        const answer = await open(request, signal);
        if (answer.status !== 200) {
          return ok({ status: answer.status, headers: headersOf(answer), body: await answer.text() });
        }
        await eachLine(answer, onLine);
        return ok(undefined);
      } catch (problem) {
        return err(errorOf(problem, undefined));
      }
    },
    close: () => stop.abort(),
  };
}

async function eachLine(answer: Response, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer.body ?? []) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") onLine(line);
  }
  if (rest !== "") onLine(rest);
}

function headersOf(answer: Response): { readonly [name: string]: string } {
  return Object.fromEntries([...answer.headers].map(([name, value]) => [name.toLowerCase(), value]));
}

function errorOf(problem: unknown, deadline: AbortSignal | undefined): TransportError {
  const { name, message } = problem instanceof Error ? problem : new Error(String(problem));
  if (deadline?.aborted) return { code: "timeout", sent: true, message };
  return { code: name === "AbortError" ? "aborted" : "unreachable", sent: true, message };
}
