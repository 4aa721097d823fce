import { err, ok, type Result } from "../../src/result.ts";
import type { Cluster } from "./cluster.ts";
import { badRequest, expired, type Failure } from "./failure.ts";
import type { Json } from "./json.ts";
import { apiVersion, table } from "./kinds.ts";
import { inVersion, partial, textOf } from "./render.ts";
import { fieldSelector, labelSelector, type Matches } from "./selector.ts";
import type { Target } from "./target.ts";

export type Selection = {
  readonly matches: Matches | undefined;
  /** The selectors as text. */
  readonly key: string;
  readonly metadataOnly: boolean;
};

export function selection(
  target: Target,
  query: URLSearchParams,
  metadataOnly: boolean,
): Result<Selection, Failure> {
  const fields = fieldSelector(query.get("fieldSelector") ?? "", target.kind.plural);
  if (!fields.ok) return fields;
  const labels = labelSelector(query.get("labelSelector") ?? "");
  if (!labels.ok) return labels;
  const terms = [fields.value, labels.value].filter((term) => term !== undefined);
  const matches = terms.length === 0 ? undefined : (object: Json) => terms.every((term) => term(object));
  const key = `${query.get("fieldSelector") ?? ""} ${query.get("labelSelector") ?? ""}`;
  return ok({ matches, key, metadataOnly });
}

/** An object as this request wants it, as JSON. */
export function show(target: Target, object: Json, metadataOnly: boolean): string {
  const shown = inVersion(object, apiVersion(target.kind));
  return textOf(metadataOnly ? partial(shown) : shown);
}

type Position = { readonly revision: number; readonly after: string };

/**
 * The list as JSON. A page after the first shows what is stored now, not as of the first page, under the revision of
 * the first one; the keys still come in order and each at most once.
 */
export function listJson(
  cluster: Cluster,
  target: Target,
  query: URLSearchParams,
  wanted: Selection,
): Result<string, Failure> {
  const { kind, namespace } = target;
  const limit = Number(query.get("limit") ?? 0);
  const token = query.get("continue") ?? "";
  const position = token === "" ? undefined : readToken(token);
  if (token !== "" && !position) return err(badRequest("continue key is not valid"));
  const asked = query.get("resourceVersion") ?? "";
  if (asked !== "" && !/^\d+$/.test(asked))
    return err(badRequest(`invalid resource version ${JSON.stringify(asked)}`));
  if (Number(asked) > cluster.store.revision) {
    const message = `Too large resource version: ${asked}, current: ${cluster.store.revision}`;
    return err({
      code: 504,
      reason: "Timeout",
      message,
      details: {
        causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
        retryAfterSeconds: 1,
      },
      retryAfter: 1,
    });
  }
  if (position && cluster.store.since(table(kind), position.revision) === undefined) {
    return err(expired("The provided continue parameter is too old to display a consistent list result."));
  }
  const prefix = namespace === undefined ? "" : `${namespace}/`;
  const present = cluster.store.revision;
  const found =
    asked === "0" && cluster.behind > 0
      ? cluster.store.listAt(table(kind), prefix, Math.max(1, present - cluster.behind))
      : { revision: present, all: cluster.store.list(table(kind), prefix) };
  const revision = position?.revision ?? found.revision;
  const all = found.all.filter(
    ({ key, object }) => (!position || key > position.after) && (!wanted.matches || wanted.matches(object)),
  );
  const page = limit > 0 && all.length > limit && asked !== "0" ? all.slice(0, limit) : all;
  const left = all.length - page.length;
  const metadata = {
    resourceVersion: String(revision),
    ...(left === 0 ? {} : { continue: makeToken({ revision, after: page.at(-1)?.key ?? "" }) }),
    ...(left === 0 || wanted.matches ? {} : { remainingItemCount: left }),
  };
  const head = wanted.metadataOnly
    ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata }
    : { kind: kind.listKind, apiVersion: apiVersion(kind), metadata };
  const items = page.map(({ object }) => show(target, object, wanted.metadataOnly));
  return ok(`${JSON.stringify(head).slice(0, -1)},"items":[${items.join(",")}]}`);
}

function makeToken(position: Position): string {
  return btoa(JSON.stringify(position));
}

function readToken(token: string): Position | undefined {
  try {
    const { revision, after } = JSON.parse(atob(token));
    return typeof revision === "number" && typeof after === "string" ? { revision, after } : undefined;
  } catch {
    return undefined;
  }
}
