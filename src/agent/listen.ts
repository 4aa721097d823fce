export type Listen = { readonly hostname: string; readonly port: number };

/** HOST:PORT, with an IPv6 address, or an IPv4 one that came out of a variable, in brackets; undefined for anything else. */
export function readListen(text: string): Listen | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const hostname = bracketed ?? plain;
  const port = Number(digits);
  return hostname === undefined || port > 65_535 ? undefined : { hostname, port };
}
