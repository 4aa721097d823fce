import { expect, test } from "bun:test";
import { requestedNetworks } from "./pod-networks.ts";

const read = (annotation: string) =>
  requestedNetworks(annotation, "shop").map((one) => [one.label, one.interface].join(" ").trim());

test("names, namespaces and interfaces, as Multus reads them", () => {
  expect(read("a, other/b@net7 ,c@eth1")).toEqual(["shop/a", "other/b net7", "shop/c eth1"]);
  const list = [{ name: "a" }, { name: "b", namespace: "other", interface: "net7", ips: ["10.0.0.1/24"] }];
  expect(read(JSON.stringify(list))).toEqual(["shop/a", "other/b net7"]);
});

test("what cannot be read is left out", () => {
  for (const annotation of ["", " , ", "[", "[1, null, {}]", '{"name": "a"}', "a b", "/x"])
    expect(read(annotation)).toEqual([]);
});
