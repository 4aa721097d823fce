import { type RunningApiServer, send } from "../apiserver/start.ts";

/** Nodes and attachments of a test, on whichever API server runs. */
export class CustomObjects {
  readonly #server: RunningApiServer;

  constructor(server: RunningApiServer) {
    this.#server = server;
  }

  node(name: string): Promise<void> {
    return this.#create("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  }

  attachment(name: string, ipam: object): Promise<void> {
    const config = JSON.stringify({ cniVersion: "1.0.0", name, type: "macvlan", ipam });
    const path = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";
    return this.#create(path, {
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name, namespace: "default" },
      spec: { config },
    });
  }

  async #create(path: string, object: object): Promise<void> {
    const { status, body } = await send(this.#server.transport, "POST", path, object);
    if (status !== 201) throw new Error(body);
  }
}
