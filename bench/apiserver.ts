/**
 * An API server in a process of its own, so that it does not share a thread with who measures. Prints where it is as one line
 * of JSON; answers each line "counts" with the reads and writes since the last one; ends with its standard input.
 */
import { startApiServer } from "../test/apiserver/start.ts";

const server = await startApiServer({ crds: "berth" });
const { kind, url, kubeconfigPath } = server;
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
say({ kind, url, kubeconfigPath });
for await (const line of console) {
  if (line !== "counts") continue;
  const counts = server.double?.counts;
  say(counts ? { reads: counts.count({ verb: ["get", "list"] }), writes: counts.writes() } : {});
  counts?.reset();
}
await server.stop();
