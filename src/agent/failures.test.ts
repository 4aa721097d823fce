import { expect, test } from "bun:test";
import { CniCode, cniError, renderError } from "../cni/error.ts";
import { Failures } from "./failures.ts";

const call = (pod: string, sandbox: string, stdin = '{"name": "storage"}') => ({
  plugin: "whereabouts",
  timeout: 1,
  env: {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: sandbox,
    CNI_IFNAME: "net1",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};X=1;K8S_POD_NAMESPACE=default`,
  },
  stdin,
});
const failed = (message: string) => ({
  exit: 1,
  code: 11,
  stderr: "",
  stdout: renderError(cniError(CniCode.tryAgainLater, message, "")),
});

test("newest first; the tries of a runtime with a sandbox each are one failure", () => {
  const failures = new Failures();
  failures.note(call("a", "s1"), failed("full"), 1_000);
  failures.note(call("b", "s2"), failed("full"), 2_000);
  failures.note(call("a", "s3"), failed("full"), 3_000);
  failures.note(call("a", "s4"), failed("store away"), 4_000);
  expect(failures.list.map(({ pod, count, sandbox, message }) => [pod, count, sandbox, message])).toEqual([
    ["default/a", 1, "s4", "store away"],
    ["default/a", 2, "s3", "full"],
    ["default/b", 1, "s2", "full"],
  ]);
  expect(failures.list[1]).toMatchObject({
    first: "1970-01-01T00:00:01.000Z",
    last: "1970-01-01T00:00:03.000Z",
    network: "storage",
    interface: "net1",
    code: 11,
  });
});

test("what callers send is bounded, and may be anything", () => {
  const failures = new Failures();
  for (let count = 0; count < 250; count++)
    failures.note(call(`p${count}`, "s", "{"), failed("x".repeat(10_000)), count);
  failures.note({ plugin: "static", timeout: 1, env: {}, stdin: "" }, { ...failed(""), stdout: "" }, 1);
  expect(failures.list).toHaveLength(100);
  expect(failures.list[0]).toMatchObject({ pod: "", network: "", message: "", verb: "" });
  expect(failures.list[1]?.message).toHaveLength(500);
});
