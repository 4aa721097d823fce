/** The SHA-256 digest of a text in hexadecimal digits. By Bun's own hasher: loading node:crypto takes a start 14 ms. */
export function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
