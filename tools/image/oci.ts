import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type ImageOptions = {
  /** `repository:tag`. */
  readonly reference: string;
  readonly version: string;
  /** GOARCH, as the image specification has it. */
  readonly architecture: "amd64" | "arm64";
  /** Seconds since 1970 of everything in it, so that the same files give the same bytes. */
  readonly epoch: number;
};

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

const TYPE = "application/vnd.oci.image";

/** Writes the folder as an image of one layer into an OCI archive (image-spec, "Image Layout"). */
export function writeImage(root: string, archive: string, options: ImageOptions): void {
  const layout = `${archive}.layout`;
  rmSync(layout, { recursive: true, force: true });
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const blob = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = sha256(bytes);
    writeFileSync(join(layout, "blobs/sha256", digest.slice("sha256:".length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));

  const tar = packFolder(root, options.epoch);
  const layer = blob(`${TYPE}.layer.v1.tar+gzip`, Bun.gzipSync(new Uint8Array(tar), { level: 6 }));
  const config = blob(`${TYPE}.config.v1+json`, json(configOf(sha256(tar), options)));
  const manifest = blob(
    `${TYPE}.manifest.v1+json`,
    json({ schemaVersion: 2, mediaType: `${TYPE}.manifest.v1+json`, config, layers: [layer] }),
  );
  const { reference, architecture } = options;
  const annotations = {
    // containerd names the image after the first, podman and skopeo after the second.
    "io.containerd.image.name": reference,
    "org.opencontainers.image.ref.name": reference,
  };
  const platform = { architecture, os: "linux" };
  const index = {
    schemaVersion: 2,
    mediaType: `${TYPE}.index.v1+json`,
    manifests: [{ ...manifest, platform, annotations }],
  };
  writeFileSync(join(layout, "index.json"), json(index));
  writeFileSync(join(layout, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(archive, packFolder(layout, options.epoch));
  rmSync(layout, { recursive: true });
}

function configOf(diffId: string, { version, architecture, epoch }: ImageOptions): object {
  const created = new Date(epoch * 1000).toISOString();
  return {
    created,
    architecture,
    os: "linux",
    config: {
      // What needs root says so in its manifest.
      User: "65532:65532",
      Entrypoint: ["/berth"],
      Env: ["PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
      WorkingDir: "/",
      Labels: {
        "org.opencontainers.image.title": "Berth",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, created_by: "make image" }],
  };
}

/** A tar of a folder that depends on its files alone: sorted, no owners, one time. */
function packFolder(folder: string, epoch: number): Uint8Array {
  const args = [
    "--sort=name",
    `--mtime=@${epoch}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--format=ustar",
  ];
  const { stdout, stderr, exitCode } = Bun.spawnSync([
    "tar",
    ...args,
    "--mode=a+rX,u+w,go-w",
    "-C",
    folder,
    "-cf",
    "-",
    ".",
  ]);
  if (exitCode !== 0) throw new Error(`tar: ${stderr.toString()}`);
  return stdout;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
