import { expect, test } from "bun:test";
import { nodeName } from "./node-name.ts";

const DEFAULT = "/etc/cni/net.d/whereabouts.d/nodename";

test.each([
  ["the environment wins", "env-node", "/conf", { "/conf/nodename": "file-node" }, "env-node"],
  ["a file in the configuration path", "", "/conf", { "/conf/nodename": " file-node\n" }, "file-node"],
  ["a file beside the flat file", undefined, "/c/w.conf", { "/c/nodename": "file-node" }, "file-node"],
  ["the installer's folder", undefined, undefined, { [DEFAULT]: "n", "/etc/hostname": "h" }, "n"],
  ["an empty file says nothing", undefined, "/conf", { "/conf/nodename": "\n", "/etc/hostname": "h\n" }, "h"],
  ["no file at all", undefined, undefined, {}, "from-uname"],
])("%s", (_, env, configurationPath, files: { [path: string]: string }, name) => {
  const given = configurationPath === undefined ? {} : { configurationPath };
  expect(nodeName({ env, ...given, readFile: (path) => files[path], hostname: () => "from-uname" })).toBe(
    name,
  );
});
