import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of PEM files. */
export type KeyPair = { readonly certificate: string; readonly key: string };

/** A certificate authority of its own for one server, its files in a folder that the caller removes. */
export class Authority {
  readonly certificate: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.certificate = join(folder, "ca.crt");
    const extensions = [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,digitalSignature,keyCertSign",
    ];
    openssl(folder, [
      ...["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"],
      ...["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=berth-test-ca"],
      ...extensions.flatMap((extension) => ["-addext", extension]),
    ]);
  }

  /** For the loopback address. */
  forServer(): KeyPair {
    return this.#issue("server", "/CN=kube-apiserver", [
      "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc",
      "extendedKeyUsage=serverAuth",
    ]);
  }

  /** The API server takes the common name as the user and the organizations as the groups. */
  forUser(name: string, groups: readonly string[]): KeyPair {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${name}`].join("");
    const file = name.replaceAll(/[^A-Za-z0-9.-]/g, "_");
    return this.#issue(file, subject, ["extendedKeyUsage=clientAuth"]);
  }

  #issue(file: string, subject: string, extensions: readonly string[]): KeyPair {
    const folder = this.#folder;
    openssl(folder, [
      ...["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ...["-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", subject],
    ]);
    writeFileSync(join(folder, `${file}.ext`), `${extensions.join("\n")}\n`);
    openssl(folder, [
      ...["x509", "-req", "-in", `${file}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "2", "-extfile", `${file}.ext`, "-out", `${file}.crt`],
    ]);
    return { certificate: join(folder, `${file}.crt`), key: join(folder, `${file}.key`) };
  }
}

/** The key that signs service account tokens, and its public half. */
export function signingKey(folder: string): { readonly privateKey: string; readonly publicKey: string } {
  openssl(folder, ["genrsa", "-out", "sa.key", "2048"]);
  openssl(folder, ["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"]);
  return { privateKey: join(folder, "sa.key"), publicKey: join(folder, "sa.pub") };
}

function openssl(folder: string, args: readonly string[]): void {
  execFileSync("openssl", [...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}
