import { err, ok, type Result } from "../result.ts";
import type { ApiError, KubeClient, KubeObject, Resource } from "./api.ts";
import type { Endpoint, EndpointSource } from "./endpoint.ts";
import type { TransportError } from "./transport.ts";

/**
 * The same server, asked as the holder of a token. Nothing of our own identity goes along: a client certificate would count before
 * the token, and the holder would be us.
 */
export function onBehalfOf(source: EndpointSource, token: string): EndpointSource {
  const withoutUs = ({ server, tls: { ca, serverName, insecure } }: Endpoint): Endpoint => ({
    server,
    token,
    tls: {
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { serverName }),
      ...(insecure !== undefined && { insecure }),
    },
  });
  const endpoint = async (): Promise<Result<Endpoint, TransportError>> => {
    const own = await source.endpoint();
    return own.ok ? ok(withoutUs(own.value)) : own;
  };
  return { server: source.server, endpoint, refused: () => false };
}

/** `resourceAttributes` of a SelfSubjectAccessReview. */
export type Attributes = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Absent: all namespaces. */
  readonly namespace?: string;
};

type AccessReview = KubeObject & {
  readonly spec: { readonly resourceAttributes: Attributes };
  readonly status?: { readonly allowed?: boolean };
};

const ACCESS_REVIEWS: Resource<AccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "selfsubjectaccessreviews",
  kind: "SelfSubjectAccessReview",
  namespaced: false,
};

type SubjectReview = KubeObject & {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
};

const SUBJECT_REVIEWS: Resource<SubjectReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "selfsubjectreviews",
  kind: "SelfSubjectReview",
  namespaced: false,
};

/** The server refuses a review with a name. */
const METADATA = { name: "" };

/** Whether whoever this client is may do that, as the API server's authorizers say. */
export async function mayI(client: KubeClient, attributes: Attributes): Promise<Result<boolean, ApiError>> {
  const answer = await client.create(ACCESS_REVIEWS, {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    metadata: METADATA,
    spec: { resourceAttributes: attributes },
  });
  return answer.ok ? ok(answer.value.status?.allowed === true) : answer;
}

/** The user name of whoever this client is; "" where the server is too old to tell (before Kubernetes 1.28). */
export async function whoAmI(client: KubeClient): Promise<Result<string, ApiError>> {
  const answer = await client.create(SUBJECT_REVIEWS, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "SelfSubjectReview",
    metadata: METADATA,
  });
  if (answer.ok) return ok(answer.value.status?.userInfo?.username ?? "");
  const { code } = answer.error;
  return code === "not_found" || code === "kind_missing" ? ok("") : err(answer.error);
}
