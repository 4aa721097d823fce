import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Pair = { readonly cert: string; readonly key: string };

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Certificates made by openssl in a folder of the test, as PEM texts. */
export class Authority {
  readonly cert: string;
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.#run(
      "req",
      "-x509",
      ...KEY,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.crt`,
      "-subj",
      `/CN=${name}`,
    );
    this.cert = this.#read(`${name}.crt`);
  }

  /** `extension` in openssl's words: `subjectAltName=IP:127.0.0.1` or `extendedKeyUsage=clientAuth`. */
  issue(name: string, extension: string): Pair {
    const ca = this.#name;
    this.#run("req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    writeFileSync(join(this.#folder, `${name}.ext`), extension);
    const signer = ["-CA", `${ca}.crt`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-extfile", `${name}.ext`];
    this.#run("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, ...signer);
    return { cert: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  #run(...args: string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: "pipe" });
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), "utf8");
  }
}
