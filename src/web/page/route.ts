/** Where the page is; it stands behind the # of the address, so that it can be linked to and gone back from. */
export type Route =
  | { readonly page: "home" }
  | { readonly page: "pool"; readonly pool: string; readonly block?: string; readonly address?: string }
  | { readonly page: "search"; readonly text: string };

export function readRoute(hash: string): Route {
  const [path = "", text = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(text);
  if (path === "/pool") {
    const block = query.get("block");
    const address = query.get("address");
    return {
      page: "pool",
      pool: query.get("id") ?? "",
      ...(block && { block }),
      ...(address && { address }),
    };
  }
  if (path === "/search") return { page: "search", text: query.get("q") ?? "" };
  return { page: "home" };
}

export function linkTo(route: Route): string {
  if (route.page === "home") return "#/";
  if (route.page === "search") return `#/search?${new URLSearchParams({ q: route.text })}`;
  const query = new URLSearchParams({ id: route.pool });
  if (route.block) query.set("block", route.block);
  if (route.address) query.set("address", route.address);
  return `#/pool?${query}`;
}
