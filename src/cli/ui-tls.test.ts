import { expect, test } from "bun:test";
import { tlsFor } from "./ui-tls.ts";

const at = (hostname: string, takesTokens = true) => ({ hostname, takesTokens, now: Date.now() });

test.each(["0.0.0.0", "::", "10.0.0.1", "127.example.org", "ui.example.org"])(
  "tokens never cross a network in the clear: %s",
  (hostname) => {
    const tls = tlsFor({}, at(hostname));
    expect(tls.ok && tls.value?.cert).toContain("BEGIN CERTIFICATE");
    expect(tlsFor({}, at(hostname, false))).toEqual({ ok: true, value: undefined });
  },
);

test.each(["127.0.0.1", "127.1.2.3", "localhost", "::1"])("on loopback without: %s", (hostname) => {
  expect(tlsFor({}, at(hostname))).toEqual({ ok: true, value: undefined });
});

test("half of a pair, or files that are not there, are told", () => {
  expect(tlsFor({ "tls-cert": "x" }, at("::1"))).toMatchObject({
    error: "--tls-cert and --tls-key go together",
  });
  const missing = tlsFor({ "tls-cert": "/nothing/a", "tls-key": "/nothing/b" }, at("::1"));
  expect(missing.ok ? "" : missing.error).toContain("/nothing/a");
});
