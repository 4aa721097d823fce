import type { PoolSummary } from "../api.ts";
import { bar, h } from "./dom.ts";
import { percent } from "./format.ts";
import { linkTo } from "./route.ts";

/** The list of pools beside the page, by network name. */
export function renderSide(pools: readonly PoolSummary[], current: string | undefined): HTMLElement {
  const groups = Map.groupBy(pools, ({ network }) => network);
  const lists = [...groups].map(([network, members]) => {
    const items = members.map((pool) => {
      const share = percent(pool.percent, pool.used);
      return h(
        "li",
        {},
        h(
          "a",
          {
            href: linkTo({ page: "pool", pool: pool.id }),
            "aria-current": pool.id === current ? "page" : undefined,
          },
          h("span", { class: "mono" }, pool.range),
          bar(pool.percent, `${share} full`),
        ),
      );
    });
    return h("section", {}, h("h2", {}, network === "-" ? "Common" : network), h("ul", {}, ...items));
  });
  return h(
    "div",
    {},
    h(
      "a",
      { href: "#/", class: "home-link", "aria-current": current === undefined ? "page" : undefined },
      "Overview",
    ),
    ...lists,
  );
}
