import { expect, test } from "bun:test";
import { readListen } from "./listen.ts";

test.each([
  ["127.0.0.1:80", { hostname: "127.0.0.1", port: 80 }],
  ["localhost:0", { hostname: "localhost", port: 0 }],
  ["[::1]:65535", { hostname: "::1", port: 65_535 }],
  ["[10.0.0.1]:9443", { hostname: "10.0.0.1", port: 9443 }],
  ["::1:80", undefined],
  ["[::1]", undefined],
  ["localhost", undefined],
  ["localhost:65536", undefined],
  [":80", undefined],
  ["[x]:80", undefined],
])("%s", (text, wanted) => {
  expect(readListen(text)).toEqual(wanted);
});
