import type { ClaimPage } from "../api.ts";
import { claimTable } from "./claims.ts";
import type { Answer } from "./client.ts";
import { h } from "./dom.ts";
import { count } from "./format.ts";

export type PagedWords = {
  /** Before how many there are. */
  readonly caption: string;
  readonly none: string;
};

/** Held addresses a page at a time, however many there are: the server cuts, the browser lays out one page. */
export class PagedTable {
  readonly element = h("div", { class: "paged" });
  readonly #load: (offset: number) => Promise<Answer<ClaimPage>>;
  readonly #words: PagedWords;
  #offset = 0;
  #step = 0;
  #turn = 0;

  constructor(load: (offset: number) => Promise<Answer<ClaimPage>>, words: PagedWords) {
    this.#load = load;
    this.#words = words;
  }

  /** Shows the same page as it is now; the button that has the focus keeps it. */
  async refresh(): Promise<void> {
    const turn = ++this.#turn;
    const page = await this.#load(this.#offset);
    if (turn !== this.#turn) return;
    if (!page.ok) {
      this.element.replaceChildren(h("p", { class: "trouble" }, page.error));
      return;
    }
    const { claims, total } = page.value;
    if (claims.length === 0 && this.#offset > 0) return this.#go(0); // fewer than before
    if (this.#offset === 0) this.#step = claims.length;
    const focused = document.activeElement?.getAttribute("data-to");
    const scrolled = this.element.querySelector(".scroll")?.scrollLeft ?? 0;
    this.element.replaceChildren(...this.#render(page.value));
    this.element.querySelector(".scroll")?.scrollTo({ left: scrolled });
    if (focused && total > claims.length) this.#focus(focused);
  }

  *#render({ claims, total }: ClaimPage): Generator<HTMLElement> {
    if (total === 0) {
      yield h("p", { class: "quiet" }, this.#words.none);
      return;
    }
    const last = this.#offset + claims.length;
    const isWhole = claims.length === total;
    const shown = isWhole ? count(total) : `${count(this.#offset + 1)}–${count(last)} of ${count(total)}`;
    yield claimTable(claims, `${this.#words.caption}: ${shown}`);
    if (isWhole) return;
    const step = this.#step || claims.length;
    const end = Math.floor((total - 1) / step) * step;
    yield h(
      "nav",
      { class: "pages", "aria-label": "Pages of the table" },
      this.#button("First", 0, this.#offset === 0),
      this.#button("Previous", Math.max(0, this.#offset - step), this.#offset === 0),
      this.#button("Next", this.#offset + step, last >= total),
      this.#button("Last", end, last >= total),
    );
  }

  #button(name: string, offset: number, isOff: boolean): HTMLElement {
    const go = () => void this.#go(offset);
    // Not `disabled`: the focus would be lost at both ends.
    return h(
      "button",
      {
        type: "button",
        "data-to": name,
        "aria-disabled": isOff ? "true" : "false",
        onclick: isOff ? () => undefined : go,
      },
      name,
    );
  }

  #go(offset: number): Promise<void> {
    this.#offset = offset;
    return this.refresh();
  }

  #focus(name: string): void {
    this.element.querySelector<HTMLElement>(`[data-to="${name}"]`)?.focus();
  }
}
