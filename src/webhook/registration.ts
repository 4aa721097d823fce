import type { KubeClient, KubeObject, Resource } from "../kube/api.ts";
import { err, ok, type Result } from "../result.ts";
import { bundleWith } from "./certificate.ts";

type Configuration = KubeObject & {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig?: { readonly caBundle?: string };
  }[];
};

export const CONFIGURATIONS: Resource<Configuration> = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
};

const ATTEMPTS = 10;

/**
 * Makes the API server trust a certificate: adds it to the bundle of each webhook of the configuration, beside those of other
 * copies of this server. Another copy that writes at the same time is noticed, and its certificate kept.
 */
export async function trust(
  client: KubeClient,
  name: string,
  certificate: string,
  now: number,
): Promise<Result<void, string>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await client.get(CONFIGURATIONS, { name });
    if (!found.ok)
      return err(`ValidatingWebhookConfiguration ${name}: ${found.error.message} (${found.error.hint})`);
    const { webhooks = [] } = found.value;
    const changed = webhooks.map((webhook) => {
      const known = Buffer.from(webhook.clientConfig?.caBundle ?? "", "base64").toString();
      const caBundle = Buffer.from(bundleWith(certificate, known, now)).toString("base64");
      return { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } };
    });
    if (JSON.stringify(changed) === JSON.stringify(webhooks)) return ok(undefined);
    const written = await client.update(CONFIGURATIONS, { ...found.value, webhooks: changed });
    if (written.ok) return ok(undefined);
    if (written.error.retry !== "conflict")
      return err(`ValidatingWebhookConfiguration ${name}: ${written.error.message}`);
  }
  return err(`ValidatingWebhookConfiguration ${name} is changed all the time by somebody else`);
}
