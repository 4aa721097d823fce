import { Double } from "../../../test/apiserver/double.ts";
import { keepingCrds, openOn, withoutPods } from "../../../test/store/cluster.ts";
import { storeContract } from "../contract.ts";

storeContract(
  "kubernetes, agent",
  async () => openOn(withoutPods(new Double({ crds: keepingCrds() }))),
  async () => undefined,
);

storeContract(
  "kubernetes, one call",
  async () => openOn(withoutPods(new Double({ crds: keepingCrds() })), { staying: false }),
  async () => undefined,
);
