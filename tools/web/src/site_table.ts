// The table of call sites: any number of them, of which only the rows in sight are elements.
import { append, button, h, section } from "./dom";
import { counted } from "./format";
import { Kind, type Stacks } from "./model";
import { onPrint, shortcut } from "./page";

export interface ColumnDef {
  id: string;
  title: string;
  numeric: boolean;
  value: (site: number) => number | string | null;
  text: (site: number) => string;
  tone?: (site: number) => string;  // a class of the cell
}

// What a page lists. The first column is the site's name; it is made here.
export interface SitesSource {
  model: Stacks;
  kind: string;  // a class of style.css, which knows how wide the columns are
  columns: ColumnDef[];
  sortBy: string;
  ascending: string[];  // columns that are sorted upwards first
  keep: (site: number) => boolean;
  note: (shown: number, filtered: boolean) => string;
  facts: (site: number) => string[];  // of an open row
}

// A column of numbers.
export function numberColumn(
  id: string,
  title: string,
  value: (site: number) => number | null,
  text: (value: number) => string,
): ColumnDef {
  const shown = (site: number): string => {
    const n = value(site);
    return n === null ? "-" : text(n);
  };
  return { id, title, numeric: true, value, text: shown };
}

const ROW = 30;  // pixels; style.css has the same
const FRAME = 20;
const PADDING = 20;
const PRINTED = 40;

export class SiteTable {
  readonly element: HTMLElement;
  private readonly columns: ColumnDef[];
  private order: number[] = [];
  private tops: number[] = [];  // of each row; one more for the end
  private readonly open = new Set<number>();
  private sortBy: string;
  private descending = true;
  private focus = 0;
  private printing = false;
  private readonly names: string[] = [];
  private readonly body = h("div", { class: "rows", role: "rowgroup" });
  private readonly scroll: HTMLElement;
  private readonly head = h("div", { class: "row head", role: "row" });
  private readonly note = h("p", { class: "note", id: "sites-note", "aria-live": "polite" });
  private readonly filter = h("input", {
    type: "search",
    placeholder: "filter by function, file or module",
    "aria-label": "Filter call sites",
    id: "sites-filter",
  }) as HTMLInputElement;

  private readonly model: Stacks;

  constructor(private readonly source: SitesSource) {
    this.model = source.model;
    this.sortBy = source.sortBy;
    const name = (site: number): string => this.name(site);
    this.columns = [{ id: "name", title: "allocates", numeric: false, value: name, text: name }, ...source.columns];
    this.scroll = h(
      "div",
      { class: `sites ${source.kind}`, role: "grid", tabindex: 0, "aria-label": "Call sites", scroll: () => this.render() },
      this.head,
      this.body,
    );
    this.element = section(
      "Call sites",
      "sites",
      h("div", { class: "controls" }, this.filter),
      this.note,
      this.scroll,
    );
    let timer = 0;
    this.filter.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.update(), this.model.siteCount > 20000 ? 200 : 0) as unknown as number;
    });
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    shortcut("/", "filter call sites", () => this.filter.focus());
    onPrint((printing) => {
      this.printing = printing;
      this.layOut();
    });
    new ResizeObserver(() => this.render()).observe(this.scroll);
    this.update();
  }

  get sortedBy(): string {
    return this.sortBy;
  }

  // Lists the sites that are wanted now, the largest of this column first.
  refill(sortBy: string): void {
    if (sortBy !== this.sortBy) this.descending = true;
    this.sortBy = sortBy;
    this.update();
  }

  // Opens a site and scrolls it into sight.
  show(site: number): void {
    this.filter.value = "";
    this.open.add(site);
    this.update();
    const at = this.order.indexOf(site);
    if (at < 0) return;
    this.focus = at;
    this.scroll.scrollTop = this.tops[at];
    this.element.scrollIntoView();
    this.render();
  }

  private name(site: number): string {
    return (this.names[site] ??= this.model.nameOf(site));
  }

  private update(): void {
    const wanted = this.filter.value.trim().toLowerCase();
    const column = this.columns.find(({ id }) => id === this.sortBy) ?? this.columns[1];
    const found = wanted ? this.model.search(wanted) : null;
    const chosen: number[] = [];
    for (let site = 0; site < this.model.siteCount; ++site) {
      if (!this.source.keep(site)) continue;
      if (found && !found(site)) continue;
      chosen.push(site);
    }
    const keys = new Map(chosen.map((site) => [site, column.value(site)]));
    const sign = this.descending ? -1 : 1;
    chosen.sort((a, b) => {
      const x = keys.get(a) ?? null;
      const y = keys.get(b) ?? null;
      if (x === y) return a - b;
      if (x === null) return 1;  // not known: last, in either direction
      if (y === null) return -1;
      return x < y ? -sign : sign;
    });
    this.order = chosen;
    this.focus = Math.min(this.focus, Math.max(0, chosen.length - 1));
    this.writeHead();
    this.note.textContent = this.source.note(chosen.length, wanted !== "");
    this.layOut();
  }

  private writeHead(): void {
    this.head.replaceChildren(
      ...this.columns.map(({ id, title, numeric }) => {
        const sorted = id === this.sortBy;
        const order = sorted ? (this.descending ? "descending" : "ascending") : "none";
        const mark = sorted ? (this.descending ? " ▾" : " ▴") : "";
        const cell = h("div", { role: "columnheader", "aria-sort": order, class: numeric ? "number" : null });
        append(cell, button(title + mark, () => this.sort(id), { "data-column": id }));
        return cell;
      }),
    );
  }

  private sort(id: string): void {
    if (this.sortBy === id) this.descending = !this.descending;
    else this.descending = id !== "name" && !this.source.ascending.includes(id);
    this.sortBy = id;
    this.scroll.scrollTop = 0;
    this.update();
    this.head.querySelector<HTMLElement>(`[data-column="${id}"]`)?.focus();
  }

  private layOut(): void {
    this.tops = [0];
    for (const site of this.order) {
      const extra = this.open.has(site) ? this.panelHeight(site) : 0;
      this.tops.push(this.tops[this.tops.length - 1] + ROW + extra);
    }
    this.body.style.height = this.printing ? "auto" : `${this.tops[this.tops.length - 1]}px`;
    this.render();
  }

  private panelHeight(site: number): number {
    return (this.model.stackOf(site, "merged").length + 1) * FRAME + PADDING;
  }

  private render(): void {
    if (this.printing) {
      const rows = this.order.slice(0, PRINTED).map((_, at) => this.row(at));
      if (this.order.length > PRINTED) {
        rows.push(h("p", { class: "note" }, `${counted(this.order.length - PRINTED, "more call site")}.`));
      }
      this.body.replaceChildren(...rows);
      return;
    }
    const top = this.scroll.scrollTop - 10 * ROW;
    const bottom = this.scroll.scrollTop + this.scroll.clientHeight + 10 * ROW;
    let first = 0;
    let high = this.order.length;
    while (first < high) {
      const middle = (first + high) >> 1;
      if (this.tops[middle + 1] < top) first = middle + 1;
      else high = middle;
    }
    const rows: HTMLElement[] = [];
    for (let at = first; at < this.order.length && this.tops[at] < bottom; ++at) {
      const row = this.row(at);
      row.style.transform = `translateY(${this.tops[at]}px)`;
      rows.push(row);
    }
    this.body.replaceChildren(...rows);
    this.scroll.setAttribute("aria-rowcount", String(this.order.length + 1));
  }

  private row(at: number): HTMLElement {
    const site = this.order[at];
    const isOpen = this.open.has(site);
    const cells = this.columns.map((column) => {
      if (column.id !== "name") {
        const classes = `${column.numeric ? "number" : ""} ${column.tone?.(site) ?? ""}`.trim();
        return h("div", { role: "gridcell", class: classes || null }, column.text(site));
      }
      const place = this.model.placeOf(site);
      const mapping = this.model.data.sites.mapping[site] ? "mapping " : "";
      return h(
        "div",
        { role: "gridcell", class: "name", title: `${this.name(site)}  ${place}` },
        h("span", { class: "twist", "aria-hidden": "true" }, isOpen ? "▾" : "▸"),
        h("span", { class: "function" }, this.name(site)),
        h("span", { class: "source" }, mapping + place.slice(place.lastIndexOf("/") + 1)),
      );
    });
    const line = h(
      "div",
      {
        class: at === this.focus ? "row focus" : "row",
        role: "row",
        "aria-expanded": String(isOpen),
        "aria-rowindex": at + 2,
        "data-site": site,
        click: () => {
          this.focus = at;
          this.toggle(site);
        },
      },
      ...cells,
    );
    return h("div", { class: "entry", role: "presentation" }, line, isOpen && this.panel(site));
  }

  private panel(site: number): HTMLElement {
    const { frames } = this.model.data;
    const stack = this.model.stackOf(site, "merged");
    const place = this.model.placeIn(stack);
    const list = h("ol", {});
    stack.forEach((frame, i) => {
      const classes = ["frame"];
      if (i === place) classes.push("place");
      if (i < place) classes.push("plumbing");
      if (frames.kind[frame] === Kind.Python) classes.push("python");
      append(
        list,
        h(
          "li",
          { class: classes.join(" ") },
          h("span", { class: "function" }, this.model.functionOf(frame)),
          h("span", { class: "source" }, this.model.sourceOf(frame)),
        ),
      );
    });
    return h("div", { class: "panel" }, h("p", { class: "facts" }, this.source.facts(site).join("; ")), list);
  }

  private toggle(site: number): void {
    if (!this.open.delete(site)) this.open.add(site);
    this.layOut();
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.scroll) return;
    const page = Math.max(1, Math.floor(this.scroll.clientHeight / ROW) - 2);
    const last = this.order.length - 1;
    const to = {
      ArrowDown: this.focus + 1,
      ArrowUp: this.focus - 1,
      PageDown: this.focus + page,
      PageUp: this.focus - page,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) {
      this.focus = Math.max(0, Math.min(last, to));
      const top = this.tops[this.focus];
      const height = this.scroll.clientHeight - 2 * ROW;
      if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
      else if (top > this.scroll.scrollTop + height) this.scroll.scrollTop = top - height;
      this.render();
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.order.length) this.toggle(this.order[this.focus]);
    } else {
      return;
    }
    event.preventDefault();
  }
}
