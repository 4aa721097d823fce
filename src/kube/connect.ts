import type { Clock } from "../clock.ts";
import type { KubeClient } from "./api.ts";
import { Client, type ClientOptions } from "./client.ts";
import { FetchTransport } from "./fetch-transport.ts";
import type { Connection } from "./kubeconfig.ts";

/** A client for a connection that `loadKubeconfig` or `inCluster` has found. Asks nothing yet. */
export function connect(
  { source, namespace }: Connection,
  clock: Clock,
  options: Omit<ClientOptions, "namespace"> & { readonly namespace?: string } = {},
): KubeClient {
  return new Client(new FetchTransport(source, clock), clock, { namespace, ...options });
}
