import type { AddressState, MapAnswer } from "../api.ts";
import * as client from "./client.ts";
import { bar, h } from "./dom.ts";
import { count, percent } from "./format.ts";
import { Grid, STATES } from "./grid.ts";
import { PagedTable } from "./paged.ts";
import { linkTo } from "./route.ts";

/** One pool: how full it is, and the map of a part of it, as cells or as a table. */
export class PoolPage {
  readonly element = h("div", { class: "pool" });
  #map: MapAnswer;
  #grid: Grid | undefined;
  #table: PagedTable | undefined;
  #asTable = false;
  #selected: string | undefined;
  readonly #look = h("output", { class: "look", "aria-live": "off" });
  readonly #body = h("div", { class: "body" });
  readonly #numbers = h("div", { class: "summary" });
  readonly #overlaps = h("p", { class: "name" });

  constructor(map: MapAnswer) {
    this.#map = map;
    this.#render();
  }

  get id(): string {
    return this.#map.pool.id;
  }

  get block(): string {
    return this.#map.block;
  }

  get pool(): MapAnswer["pool"] {
    return this.#map.pool;
  }

  /** Shows a newer state; what the reader has focused or opened stays. */
  update(map: MapAnswer): void {
    const moved = map.block !== this.#map.block || map.pool.id !== this.#map.pool.id;
    this.#map = map;
    this.#numbers.replaceChildren(...this.#summary());
    this.#showOverlaps();
    if (moved) this.#render();
    else if (this.#asTable) void this.#table?.refresh();
    else if (!this.#grid?.update(map)) this.#showGrid();
  }

  select(address: string | undefined): void {
    this.#selected = address;
    this.#grid?.select(address);
  }

  focusMap(): void {
    this.#grid?.focus();
  }

  #render(): void {
    const { pool, path } = this.#map;
    const crumbs = path.map((block, index) => {
      const link = linkTo({ page: "pool", pool: pool.id, block });
      const last = index === path.length - 1;
      return h("li", {}, h("a", { href: link, "aria-current": last ? "location" : undefined }, block));
    });
    const toggle = h(
      "button",
      { type: "button", class: "toggle", "aria-pressed": this.#asTable, onclick: () => this.#toggle() },
      "Table",
    );
    this.#numbers.replaceChildren(...this.#summary());
    this.#showOverlaps();
    this.element.replaceChildren(
      h("h1", { class: "mono" }, pool.range),
      h("p", { class: "name" }, about(pool)),
      this.#overlaps,
      this.#numbers,
      h(
        "div",
        { class: "tools" },
        h("nav", { "aria-label": "Part of the pool" }, h("ol", { class: "crumbs mono" }, ...crumbs)),
        toggle,
      ),
      this.#body,
    );
    if (this.#asTable) this.#showTable();
    else this.#showGrid();
  }

  #showOverlaps(): void {
    const links = this.#map.overlaps.flatMap(({ id, range }, index) => [
      index === 0 ? "" : ", ",
      h("a", { href: linkTo({ page: "pool", pool: id }), class: "mono" }, range),
    ]);
    this.#overlaps.hidden = links.length === 0;
    this.#overlaps.replaceChildren("Shares addresses with ", ...links);
  }

  *#summary(): Generator<HTMLElement> {
    const { pool } = this.#map;
    const share = percent(pool.percent, pool.used);
    yield bar(pool.percent, `${share} full`);
    yield h(
      "p",
      {},
      h("b", {}, count(pool.used)),
      ` held, ${count(pool.free)} free of ${count(pool.total)}`,
      h("span", {}, share),
    );
  }

  #toggle(): void {
    this.#asTable = !this.#asTable;
    this.#render();
    this.element.querySelector<HTMLElement>(".toggle")?.focus();
  }

  #showGrid(): void {
    this.#table = undefined;
    const { pool, path } = this.#map;
    this.#grid = new Grid(this.#map, {
      open: (cell) => {
        const part =
          "address" in cell ? { block: this.#map.block, address: cell.address } : { block: cell.block };
        location.hash = linkTo({ page: "pool", pool: pool.id, ...part });
      },
      look: (text) => {
        this.#look.textContent = text;
      },
      up: () => {
        const above = path.at(-2);
        if (above) location.hash = linkTo({ page: "pool", pool: pool.id, block: above });
      },
    });
    this.#grid.select(this.#selected);
    this.#look.textContent =
      this.#map.kind === "blocks"
        ? "Open a block to see what is inside."
        : "Open an address to see who holds it.";
    this.#body.replaceChildren(legend(this.#map), this.#grid.element, this.#look);
  }

  #showTable(): void {
    this.#grid = undefined;
    const { pool, block } = this.#map;
    this.#table = new PagedTable((offset) => client.claims(pool.id, block, offset), {
      caption: `Held in ${block}`,
      none: `Nobody holds an address of ${block}.`,
    });
    this.#body.replaceChildren(this.#table.element);
    void this.#table.refresh();
  }
}

function about(pool: MapAnswer["pool"]): string {
  const realm = pool.network === "-" ? "no network name" : `network name ${pool.network}`;
  return [realm, ...pool.networks].join(" · ");
}

function legend({ kind, cells }: MapAnswer): HTMLElement {
  if (kind === "blocks") {
    return h(
      "p",
      { class: "legend" },
      "Each cell is a block; the higher it is filled, the more of it is held.",
    );
  }
  const present = new Set(cells.map(({ state }) => state));
  const entries = (Object.keys(STATES) as AddressState[]).filter((state) => present.has(state));
  return h(
    "ul",
    { class: "legend", "aria-label": "What the cells mean" },
    ...entries.map((state) =>
      h(
        "li",
        {},
        h("span", { class: `cell ${state}`, "aria-hidden": true }, STATES[state].mark),
        STATES[state].name,
      ),
    ),
  );
}
