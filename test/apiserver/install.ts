import type { ApiRequest, Transport } from "../../src/kube/transport.ts";
import { child, type Json, list, text } from "./json.ts";

const PATHS: { readonly [kind: string]: string } = {
  Namespace: "/api/v1/namespaces",
  CustomResourceDefinition: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
};

const PATIENCE = 60_000;

/**
 * Creates namespaces and definitions on a running server, takes what exists already as it is, and returns when all
 * definitions are established and served. Throws what the server refuses.
 */
export async function installAll(transport: Transport, objects: readonly Json[]): Promise<void> {
  for (const object of objects) {
    const path = PATHS[text(object, "kind") ?? ""] ?? "";
    const { status, body } = await ask(transport, "POST", path, JSON.stringify(object));
    if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status} ${body}`);
  }
  for (const object of objects)
    if (object.kind === "CustomResourceDefinition") await untilServed(transport, object);
}

async function untilServed(transport: Transport, definition: Json): Promise<void> {
  const name = text(child(definition, "metadata"), "name") ?? "";
  const spec = child(definition, "spec");
  const version = list(spec, "versions").map((item) => text(item, "name"))[0];
  const resources = `/apis/${text(spec, "group")}/${version}/${text(child(spec, "names"), "plural")}`;
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    const found = await ask(transport, "GET", `${PATHS.CustomResourceDefinition}/${name}`);
    const conditions = list(child(JSON.parse(found.body), "status"), "conditions");
    const established = conditions.some(
      (condition) => text(condition, "type") === "Established" && text(condition, "status") === "True",
    );
    if (established && (await ask(transport, "GET", `${resources}?limit=1`)).status === 200) return;
    await Bun.sleep(50);
  }
  throw new Error(`${name} is not established after ${PATIENCE / 1000} s`);
}

async function ask(transport: Transport, method: ApiRequest["method"], path: string, body?: string) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const result = await transport.request(
    { method, path, headers, ...(body === undefined ? {} : { body }) },
    30_000,
  );
  if (!result.ok) throw new Error(`${method} ${path}: ${result.error.message}`);
  return result.value;
}
