import { type Clock, systemClock } from "../../src/clock.ts";
import type { Faults } from "./faults.ts";
import { type Counts, Gateway } from "./gateway.ts";
import { ADMIN, type User } from "./identity.ts";
import { child, type Json, text } from "./json.ts";
import { apiVersion, type Kind } from "./kinds.ts";
import { type LocalOptions, LocalTransport } from "./local.ts";
import { attachmentCrd, berthCrds, upstreamCrds } from "./manifests.ts";

export type DoubleOptions = {
  /** Time and chance; the system's where left out. */
  readonly clock?: Clock;
  /**
   * CustomResourceDefinitions installed at the start: those of upstream whereabouts (unknown fields of an allocation are
   * pruned), those of deploy/crds, or given ones; always with the one of NetworkAttachmentDefinitions. "upstream" where left out.
   */
  readonly crds?: "upstream" | "berth" | readonly Json[];
  /** Besides default, kube-system, kube-public and kube-node-lease. */
  readonly namespaces?: readonly string[];
  /** Changes of each resource that a watch can start behind; 1000 where left out. */
  readonly history?: number;
  /** Garbage collection and the emptying of deleted namespaces; true where left out. */
  readonly controllers?: boolean;
  /** Users by bearer token. Authentication is on where it is given, if only as `{}`; else all are the administrator. */
  readonly tokens?: { readonly [token: string]: User };
  /** Whether Roles and ClusterRoles are enforced; needs authentication. */
  readonly rbac?: boolean;
};

/** An API server in this process. */
export class Double {
  readonly gateway: Gateway;

  constructor(options: DoubleOptions = {}) {
    const { crds, namespaces = [], clock = systemClock, ...rest } = options;
    this.gateway = new Gateway({ ...rest, clock });
    for (const object of initialObjects(crds ?? "upstream", namespaces)) this.seed(object);
  }

  get faults(): Faults {
    return this.gateway.faults;
  }

  get counts(): Counts {
    return this.gateway.counts;
  }

  /** Users by bearer token, to add to and to revoke from. */
  get tokens(): Map<string, User> {
    return this.gateway.server.authenticator.tokens;
  }

  /** A wire to it for one client, without any network. */
  connect(options: LocalOptions): LocalTransport {
    return new LocalTransport(this.gateway, options);
  }

  /** Creates an object at once, past latency, faults, counters and authorization; throws what is refused. */
  seed(object: Json): Json {
    const kind = this.gateway.server.cluster.kindOf(
      text(object, "apiVersion") ?? "",
      text(object, "kind") ?? "",
    );
    if (!kind) throw new Error(`no kind ${object.apiVersion} ${object.kind} is served`);
    const path = collectionPath(kind, text(child(object, "metadata"), "namespace"));
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(object);
    const reply = this.gateway.server.handle({ method: "POST", path, headers, body }, ADMIN);
    if (reply.status !== 201) throw new Error(`POST ${path}: ${reply.body}`);
    return JSON.parse(reply.body);
  }

  /** All objects of a kind as they are stored, for checks of invariants: cheap, and to be read only. */
  objects(resource: Pick<Kind, "group" | "plural">): readonly Json[] {
    return this.gateway.server.cluster.store
      .list(`${resource.group}/${resource.plural}`)
      .map(({ object }) => object);
  }
}

export function initialObjects(crds: DoubleOptions["crds"], namespaces: readonly string[]): Json[] {
  const definitions = crds === "berth" ? berthCrds() : crds === "upstream" || !crds ? upstreamCrds() : crds;
  const own = new Set(definitions.map((definition) => text(child(definition, "metadata"), "name")));
  const attachment = attachmentCrd().filter(
    (definition) => !own.has(text(child(definition, "metadata"), "name")),
  );
  return [
    ...["default", "kube-system", "kube-public", "kube-node-lease", ...namespaces].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    })),
    ...definitions,
    ...attachment,
  ];
}

export function collectionPath(kind: Kind, namespace: string | undefined): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${apiVersion(kind)}`;
  return kind.namespaced
    ? `${root}/namespaces/${namespace ?? "default"}/${kind.plural}`
    : `${root}/${kind.plural}`;
}
