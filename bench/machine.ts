import { cpus, release } from "node:os";

/** What the figures were measured on, without anything that names the machine. */
export function describeMachine(): string {
  const date = new Date().toISOString().slice(0, 10);
  const plugins = pluginVersion();
  const peers =
    plugins === undefined ? "no Debian plugins installed" : `containernetworking-plugins ${plugins}`;
  return `${date}, ${cpus().length} cores, ${process.arch}, Linux ${release()}, Bun ${Bun.version}, ${peers}`;
}

function pluginVersion(): string | undefined {
  if (Bun.which("dpkg-query") === null) return undefined;
  const query = Bun.spawnSync(["dpkg-query", "-W", "-f", `\${Version}`, "containernetworking-plugins"]);
  const version = query.stdout.toString().trim();
  return query.exitCode === 0 && version !== "" ? version : undefined;
}
