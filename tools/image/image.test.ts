import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The image as `make image` writes it, from dist/ as it is now. */
const folder = mkdtempSync(join(tmpdir(), "berth-image-"));
const archive = join(folder, "image.tar");
const layout = join(folder, "layout");
const root = join(folder, "root");
const isRoot = process.getuid?.() === 0;

type Descriptor = {
  digest: string;
  size: number;
  mediaType: string;
  annotations?: { [name: string]: string };
};

function run(command: string[], env: { [name: string]: string } = {}) {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { env: { ...process.env, ...env } });
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

function json(path: string) {
  return JSON.parse(readFileSync(join(layout, path), "utf8"));
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** In a root of its own with a read-only file system, /proc and nothing else, as a pod has it. */
function inImage(command: string[], env: { [name: string]: string } = {}) {
  const script =
    'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t proc proc "$0/proc" && exec chroot "$@"';
  return run(["unshare", "--mount", "--pid", "--fork", "sh", "-ec", script, root, root, ...command], env);
}

let manifest: { config: Descriptor; layers: Descriptor[] };

beforeAll(() => {
  const made = run([process.execPath, join(import.meta.dirname, "main.ts"), archive]);
  expect(made).toMatchObject({ exitCode: 0, stderr: "" });
  for (const path of [layout, join(root, "proc")]) mkdirSync(path, { recursive: true });
  expect(run(["tar", "-xf", archive, "-C", layout])).toMatchObject({ exitCode: 0 });
  manifest = json(blobPath(json("index.json").manifests[0]));
  const [layer] = manifest.layers;
  if (layer) run(["tar", "-xzf", join(layout, blobPath(layer)), "-C", root]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe("the archive", () => {
  test("has the layout of the image specification, and a name for containerd", () => {
    expect(json("oci-layout")).toEqual({ imageLayoutVersion: "1.0.0" });
    const { schemaVersion, manifests } = json("index.json");
    expect(schemaVersion).toBe(2);
    expect(manifests).toHaveLength(1);
    expect(manifests[0].platform.os).toBe("linux");
    expect(manifests[0].annotations["io.containerd.image.name"]).toMatch(/^\S+\/\S+:\S+$/);
    expect(readdirSync(layout).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("every descriptor tells digest and size of its blob, and there is no other blob", () => {
    const descriptors: Descriptor[] = [json("index.json").manifests[0], manifest.config, ...manifest.layers];
    for (const descriptor of descriptors) {
      const bytes = readFileSync(join(layout, blobPath(descriptor)));
      expect([descriptor.digest, descriptor.size]).toEqual([sha256(bytes), bytes.length]);
    }
    expect(readdirSync(join(layout, "blobs/sha256"))).toHaveLength(descriptors.length);
  });

  test("the configuration has an entry point that is there, and the digest of the layer unpacked", () => {
    const { config, rootfs } = json(blobPath(manifest.config));
    expect(statSync(join(root, config.Entrypoint[0])).mode & 0o111).toBe(0o111);
    expect(config.User).not.toMatch(/^(0|root)?(:|$)/);
    const [layer] = manifest.layers;
    const unpacked = Bun.gunzipSync(new Uint8Array(readFileSync(join(layout, layer ? blobPath(layer) : ""))));
    expect(rootfs.diff_ids).toEqual([sha256(unpacked)]);
  });

  test("the same files give the same bytes", () => {
    const again = join(folder, "again.tar");
    run([process.execPath, join(import.meta.dirname, "main.ts"), again]);
    expect(sha256(readFileSync(again))).toBe(sha256(readFileSync(archive)));
  }, 120_000);
});

describe("the file system", () => {
  test("holds the executables, what they are linked with, certificates and a licence: no shell", () => {
    const files = run(["find", root, "-type", "f", "-not", "-path", `${root}/proc/*`])
      .stdout.trim()
      .split("\n");
    const paths = files.map((path) => path.slice(root.length));
    const known =
      /^\/(berth|cni\/(static|dhcp|whereabouts)|lib(64)?\/\S*\.so(\.\d+)*|etc\/ssl\/certs\/ca-certificates\.crt|usr\/share\/doc\/libc6\/copyright)$/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
    expect(readFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), "utf8")).toContain(
      "BEGIN CERTIFICATE",
    );
  });

  test.skipIf(!isRoot)("berth runs in it, with a read-only root and nothing but /proc", () => {
    expect(inImage(["/berth", "version"])).toEqual({ stdout: "0.1.0\n", stderr: "", exitCode: 0 });
    const help = inImage(["/berth", "operator", "--help"]);
    expect(help.stdout).toContain("usage: berth operator");
  });

  test.skipIf(!isRoot)("the plugins run in it", () => {
    const { stdout, exitCode } = inImage(["/cni/static"], { CNI_COMMAND: "VERSION" });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).supportedVersions).toContain("1.1.0");
    // No agent is here: the executable beside them answered.
    expect(inImage(["/bin/sh"]).exitCode).toBe(127);
  });

  test.skipIf(!isRoot)("berth install of the agent's init container puts the plugins onto the host", () => {
    const host = join(root, "host/bin");
    mkdirSync(host, { recursive: true });
    const command = ["/berth", "install", "--root", "/host", "--bin-dir", "/bin", "--plugins-only"];
    const script = 'mount -t proc proc "$0/proc" && exec chroot "$@"';
    const done = run(["unshare", "--mount", "--pid", "--fork", "sh", "-ec", script, root, root, ...command]);
    expect(done).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readdirSync(host).toSorted()).toEqual(["dhcp", "static", "whereabouts"]);
    expect(existsSync(join(root, "host/usr"))).toBe(false);
  });
});
