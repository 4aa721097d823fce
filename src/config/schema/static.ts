import * as v from "valibot";
import { addresses, CAPABILITIES, dns, routes } from "./common.ts";
import { anything, text } from "./field.ts";

export const staticIpam = v.strictObject({
  type: text("The plugin: static.", { const: "static" }),
  addresses,
  routes,
  dns,
  capabilities: anything(CAPABILITIES),
});
