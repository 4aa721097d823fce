import { generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import * as der from "./der.ts";

/** A key and its certificate, both PEM. */
export type Identity = {
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
};

const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const DAY = 86_400_000;
/** A clock of an API server may lag. */
const BACKDATED = 3_600_000;

/** A certificate that signs itself, for these DNS names and for the loopback address; ECDSA on P-256, RFC 5280. */
export function selfSigned(names: readonly string[], now: number, days: number): Identity {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const notAfter = now + days * DAY;
  const algorithm = der.sequence(der.objectId(ECDSA_SHA256));
  const name = der.sequence(
    der.set(der.sequence(der.objectId("2.5.4.3"), der.utf8(names[0] ?? "berth-webhook"))),
  );
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f || 1;
  const body = der.sequence(
    der.tagged(0xa0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    name,
    der.sequence(der.time(now - BACKDATED), der.time(notAfter)),
    name,
    new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    der.tagged(0xa3, der.sequence(...extensions(names))),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = der.sequence(body, algorithm, der.bits(signature));
  return {
    certificate: pem(certificate),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    notAfter,
  };
}

function extensions(names: readonly string[]): der.Der[] {
  const encoder = new TextEncoder();
  const alternatives = names.map((name) => der.tagged(0x82, encoder.encode(name)));
  const extension = (id: string, critical: boolean, value: Uint8Array) =>
    der.sequence(der.objectId(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
  return [
    extension("2.5.29.19", true, der.sequence(der.boolean(true))), // CA: it is its own
    extension("2.5.29.15", true, der.bits(Uint8Array.of(0b1000_0100), 2)), // digitalSignature, keyCertSign
    extension("2.5.29.37", false, der.sequence(der.objectId("1.3.6.1.5.5.7.3.1"))), // serverAuth
    extension(
      "2.5.29.17",
      false,
      der.sequence(...alternatives, der.tagged(0x87, Uint8Array.of(127, 0, 0, 1))),
    ),
  ];
}

function pem(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/**
 * The certificates that are to be trusted: ours first, then those of other copies of this server that are still valid. What
 * cannot be read or has ended goes. `bundle` is PEM.
 */
export function bundleWith(own: string, bundle: string, now: number): string {
  const others = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  const valid = others.filter((text) => {
    try {
      return Date.parse(new X509Certificate(text).validTo) > now && text.trim() !== own.trim();
    } catch {
      return false;
    }
  });
  return [own, ...valid.slice(0, 8)].map((text) => `${text.trim()}\n`).join("");
}
