import { expect, test } from "bun:test";
import { CustomResourceDefinition } from "kubernetes-models/apiextensions.k8s.io/v1/CustomResourceDefinition";
import { crds } from "./crds.ts";

type Schema = { properties?: { [key: string]: Schema }; additionalProperties?: Schema; required?: string[] };

function version(name: string): { schema: Schema; version: object } {
  const crd = crds().find(({ metadata }) => metadata.name.startsWith(name));
  const [only] = Object(crd?.spec).versions;
  return { schema: only.schema.openAPIV3Schema, version: only };
}

test.each(crds().map((crd): [string, object] => [crd.metadata.name, crd]))(
  "%s is a CustomResourceDefinition by the schema of Kubernetes",
  (_name, crd) => {
    new CustomResourceDefinition(Object(crd)).validate();
  },
);

test("the fields of whereabouts are all there, required where upstream requires them; what a pool holds is kept as it is", () => {
  const pool = version("ippools").schema.properties?.spec;
  expect(pool?.required?.toSorted()).toEqual(["allocations", "range"]);
  // Kept as it is, whatever fields it has: see deploy/model/crds.ts.
  expect(pool?.properties?.allocations).toMatchObject({
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  });
  const reservation = version("overlappingrangeipreservations").schema.properties?.spec;
  expect(reservation?.required).toEqual(["podref"]);
  const slices = version("nodeslicepools").schema;
  expect(slices.properties?.spec?.required?.toSorted()).toEqual(["range", "sliceSize"]);
  expect(slices.properties?.status?.required).toEqual(["allocations"]);
});

test("whereabouts' kinds have no status subresource, since Go whereabouts writes whole objects; nothing else is kept unseen", () => {
  for (const name of ["ippools", "overlappingrangeipreservations", "nodeslicepools"]) {
    expect(version(name).version).not.toHaveProperty("subresources");
  }
  const others = crds().filter(({ metadata }) => !metadata.name.startsWith("ippools"));
  expect(JSON.stringify(others)).not.toContain("preserve-unknown-fields");
});
