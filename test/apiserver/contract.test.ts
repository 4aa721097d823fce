import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { goJson } from "../../src/kube/go-json.ts";
import { child, type Json, list, text } from "./json.ts";
import { type RunningApiServer, send, startApiServer } from "./start.ts";

/**
 * What a kube-apiserver answers, asked of the server that is at hand: the real one where KUBEBUILDER_ASSETS is set,
 * else the double. What the real one was seen to do wins over what the double does.
 */
let server: RunningApiServer;

beforeAll(async () => {
  server = await startApiServer({ tls: true });
  process.stderr.write(`API contract: against the ${server.kind} API server\n`);
}, 180_000);

afterAll(async () => {
  await server?.stop();
});

const POOLS = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools";
const JSON_PATCH = { "content-type": "application/json-patch+json" };
let count = 0;

function pool(name: string, allocations: Json = {}): Json {
  return {
    apiVersion: "whereabouts.cni.cncf.io/v1alpha1",
    kind: "IPPool",
    metadata: { name },
    spec: { range: "10.0.0.0/16", allocations },
  };
}

const owner = { id: "c1", podref: "default/a" };

async function made(allocations: Json = {}): Promise<{ name: string; path: string; object: Json }> {
  count += 1;
  const name = `pool-${count}`;
  const { status, json } = await send(server.transport, "POST", POOLS, pool(name, allocations));
  expect(status).toBe(201);
  return { name, path: `${POOLS}/${name}`, object: json as Json };
}

function version(object: unknown): string {
  return text(child(object, "metadata"), "resourceVersion") ?? "";
}

const patch = (path: string, operations: unknown, headers = JSON_PATCH) =>
  send(server.transport, "PATCH", path, operations, headers);

describe("writes", () => {
  test("a name that is taken: 409 AlreadyExists", async () => {
    const { name } = await made();
    const { status, json } = await send(server.transport, "POST", POOLS, pool(name));
    expect(status).toBe(409);
    expect(json).toMatchObject({ reason: "AlreadyExists", details: { name, kind: "ippools" } });
  });

  test.each(["Capital", "under_score"])("the illegal name %s: 422 with the field", async (name) => {
    const { status, json } = await send(server.transport, "POST", POOLS, pool(name));
    expect(status).toBe(422);
    expect(json).toMatchObject({ reason: "Invalid", details: { causes: [{ field: "metadata.name" }] } });
  });

  test("lacking fields: 422 with their paths", async () => {
    const object = { ...pool("lacking"), spec: { range: "10.0.0.0/16", allocations: { "1": { id: "x" } } } };
    const { status, json } = await send(server.transport, "POST", POOLS, object);
    expect(status).toBe(422);
    expect(list(child(json, "details"), "causes").map((cause) => text(cause, "field"))).toContain(
      "spec.allocations.1.podref",
    );
  });

  test("unknown fields are pruned with a warning", async () => {
    const object = pool("pruned", { "1": { ...owner, uid: "u" } });
    const { status, json, headers } = await send(server.transport, "POST", POOLS, object);
    expect(status).toBe(201);
    expect(child(json, "spec").allocations).toEqual({ "1": owner });
    expect(headers.warning).toContain('299 - "unknown field \\"spec.allocations.1.uid\\""');
  });

  test("a missing namespace: 404", async () => {
    const path = POOLS.replace("kube-system", "nowhere");
    const { status, json } = await send(server.transport, "POST", path, pool("a"));
    expect(status).toBe(404);
    expect(json).toMatchObject({ reason: "NotFound", details: { kind: "namespaces", name: "nowhere" } });
  });

  test("a put under an old version: 409 Conflict", async () => {
    const { path, object } = await made();
    await patch(path, [{ op: "add", path: "/spec/allocations/1", value: owner }]);
    const { status, json } = await send(server.transport, "PUT", path, object);
    expect(status).toBe(409);
    expect(json).toMatchObject({ reason: "Conflict" });
  });

  test("preconditions of a delete: 409, and 404 for what is missing", async () => {
    const { path } = await made();
    const wrong = await send(server.transport, "DELETE", path, { preconditions: { uid: "another" } });
    expect(wrong.status).toBe(409);
    expect((await send(server.transport, "DELETE", path)).status).toBe(200);
    expect((await send(server.transport, "DELETE", path)).status).toBe(404);
  });

  test("an object over etcd's limit and a body over 3 MiB", async () => {
    const big = {
      ...pool("big"),
      metadata: { name: "big" },
      spec: { range: "x".repeat(1_700_000), allocations: {} },
    };
    const { status, body } = await send(server.transport, "POST", POOLS, big);
    expect(status).toBe(500);
    expect(body).toContain("etcdserver: request is too large");
    const huge = await send(server.transport, "POST", POOLS, {
      ...big,
      spec: { range: "x".repeat(3_200_000) },
    });
    expect(huge.status).toBe(413);
  });
});

describe("patches", () => {
  const claim = [
    { op: "test", path: "/spec/allocations/7", value: null },
    { op: "add", path: "/spec/allocations/7", value: owner },
  ];

  test("a missing path equals null, a present one does not", async () => {
    const { path } = await made();
    expect((await patch(path, claim)).status).toBe(200);
    const { status, json } = await patch(path, claim);
    expect(status).toBe(422);
    expect(json).toMatchObject({
      reason: "Invalid",
      message: "the server rejected our request due to an error in our request",
    });
  });

  test.each([
    [{ op: "test", path: "/spec/nothing/below", value: null }],
    [{ op: "remove", path: "/spec/allocations/9" }],
    [{ op: "test", path: "/metadata/resourceVersion", value: "1" }],
  ])("%j does not fit: 422", async (operation) => {
    const { path } = await made();
    expect((await patch(path, [operation])).status).toBe(422);
  });

  test("a test compares texts: & < > equal what is stored only as Go writes them", async () => {
    const { path } = await made({ "1": { id: "a&b<c>", podref: "ü\u2028" } });
    const test = [{ op: "test", path: "/spec/allocations/1", value: { id: "a&b<c>", podref: "ü\u2028" } }];
    expect((await patch(path, test)).status).toBe(422);
    expect((await patch(path, goJson(test))).status).toBe(200);
  });

  test("an empty entry empties managedFields, and writes that follow bring none", async () => {
    const { path } = await made({ "1": owner });
    const emptied = await patch(path, [{ op: "add", path: "/metadata/managedFields", value: [{}] }]);
    expect(child(emptied.json, "metadata").managedFields).toBeUndefined();
    const { json } = await patch(path, [{ op: "add", path: "/spec/allocations/2", value: owner }]);
    expect(Object.keys(child(child(json, "spec"), "allocations"))).toEqual(["1", "2"]);
    expect(child(json, "metadata").managedFields).toBeUndefined();
  });

  test("what changes nothing keeps the version", async () => {
    const { path, object } = await made({ "1": owner });
    const { status, json } = await patch(path, [{ op: "add", path: "/spec/allocations/1", value: owner }]);
    expect(status).toBe(200);
    expect(version(json)).toBe(version(object));
  });

  test("missing object 404, no list 400, strategic 415", async () => {
    const { path } = await made();
    expect((await patch(`${POOLS}/missing`, claim)).status).toBe(404);
    expect((await patch(path, { op: "test" })).status).toBe(400);
    const type = { "content-type": "application/strategic-merge-patch+json" };
    expect((await patch(path, {}, type)).status).toBe(415);
  });

  test("null in a merge patch removes", async () => {
    const { path } = await made({ "1": owner, "2": owner });
    const type = { "content-type": "application/merge-patch+json" };
    const { json } = await patch(path, { spec: { allocations: { "1": null } } }, type);
    expect(child(json, "spec").allocations).toEqual({ "2": owner });
  });

  test("apply creates what is missing, and removes what it no longer names", async () => {
    const type = { "content-type": "application/apply-patch+yaml" };
    const path = `${POOLS}/applied?fieldManager=test&force=true`;
    const created = await patch(path, pool("applied", { "1": owner, "2": owner }), type);
    expect(created.status).toBe(201);
    await patch(`${POOLS}/applied`, [{ op: "add", path: "/spec/allocations/3", value: owner }]);
    const { status, json } = await patch(path, pool("applied", { "2": owner }), type);
    expect(status).toBe(200);
    expect(child(json, "spec").allocations).toEqual({ "2": owner, "3": owner });
  });
});

describe("watches", () => {
  /** The events of a watch until `enough` says so. */
  async function watch(
    query: string,
    enough: (events: Json[]) => boolean,
    act: () => Promise<unknown> = async () => 0,
  ) {
    const events: Json[] = [];
    const stop = new AbortController();
    const path = `${POOLS}?watch=true&timeoutSeconds=20&${query}`;
    const ended = server.transport.stream(
      { method: "GET", path, headers: { accept: "application/json" } },
      (line) => {
        events.push(JSON.parse(line));
        if (enough(events)) stop.abort();
      },
      stop.signal,
    );
    await act();
    await ended;
    return events;
  }

  test("events after a version, in order", async () => {
    const { path, name, object } = await made();
    const query = `resourceVersion=${version(object)}&fieldSelector=metadata.name=${name}`;
    const events = await watch(
      query,
      (seen) => seen.length === 2,
      async () => {
        await patch(path, [{ op: "add", path: "/spec/allocations/1", value: owner }]);
        await send(server.transport, "DELETE", path);
      },
    );
    expect(events.map(({ type }) => type)).toEqual(["MODIFIED", "DELETED"]);
  });

  test("what enters a selection by its labels comes as added, what leaves it as deleted, as it was", async () => {
    const { path, name, object } = await made();
    const query = `resourceVersion=${version(object)}&labelSelector=in%3D${name}`;
    const label = (value: string) => [{ op: "add", path: "/metadata/labels", value: { in: value } }];
    let left: unknown;
    const events = await watch(
      query,
      (seen) => seen.length === 2,
      async () => {
        await patch(path, label(name));
        left = (await patch(path, label("other"))).json;
      },
    );
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "DELETED"]);
    const { labels, resourceVersion } = child(child(events[1], "object"), "metadata");
    expect(labels).toEqual({ in: name });
    expect(resourceVersion).toBe(version(left));
  });

  test.each(["resourceVersion=0", ""])("with %p all there is comes as added", async (query) => {
    const { name } = await made();
    const events = await watch(`${query}&fieldSelector=metadata.name=${name}`, (seen) => seen.length === 1);
    expect(events[0]).toMatchObject({ type: "ADDED", object: { metadata: { name } } });
  });

  test("initial events end with a bookmark", async () => {
    const { name } = await made();
    const events = await watch(
      `sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name=${name}`,
      (seen) => seen.at(-1)?.type === "BOOKMARK",
    );
    expect(events.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK"]);
    const { annotations } = child(child(events[1], "object"), "metadata");
    // A server of 1.32 and later tells the form of the list in another one.
    expect(annotations).toMatchObject({ "k8s.io/initial-events-end": "true" });
  });
});

describe("lists", () => {
  test("pages, and a token that is none", async () => {
    for (let index = 0; index < 3; index += 1) await made();
    const first = await send(server.transport, "GET", `${POOLS}?limit=1`);
    const { continue: token = "", remainingItemCount } = child(first.json, "metadata");
    expect(list(first.json, "items")).toHaveLength(1);
    expect(remainingItemCount).toBeGreaterThanOrEqual(2);
    const rest = await send(
      server.transport,
      "GET",
      `${POOLS}?limit=500&continue=${encodeURIComponent(String(token))}`,
    );
    expect(list(rest.json, "items")).toHaveLength(Number(remainingItemCount));
    expect((await send(server.transport, "GET", `${POOLS}?limit=1&continue=nonsense`)).status).toBe(400);
  });

  test("metadata alone", async () => {
    const { name } = await made();
    const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    const { json } = await send(server.transport, "GET", POOLS, undefined, { accept });
    expect(json).toMatchObject({ kind: "PartialObjectMetadataList" });
    const item = list(json, "items").find((found) => text(child(found, "metadata"), "name") === name);
    expect(item).toMatchObject({ metadata: { name } });
    expect(item).not.toHaveProperty("spec");
  });

  test("labels choose", async () => {
    const labelled = { ...pool("labelled"), metadata: { name: "labelled", labels: { color: "red" } } };
    await send(server.transport, "POST", POOLS, labelled);
    const names = async (selector: string) => {
      const { json } = await send(
        server.transport,
        "GET",
        `${POOLS}?labelSelector=${encodeURIComponent(selector)}`,
      );
      return list(json, "items").map((item) => text(child(item, "metadata"), "name"));
    };
    expect(await names("color=red")).toEqual(["labelled"]);
    expect(await names("color in (red,blue)")).toEqual(["labelled"]);
    expect(await names("color=red,!color")).toEqual([]);
  });

  test("a kind that is not served: 404", async () => {
    expect((await send(server.transport, "GET", "/apis/nobody.example.com/v1/things")).status).toBe(404);
  });
});
