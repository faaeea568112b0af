// The call sites of one recording, with their growth in a range of time.
import { bytes, count, counted, duration, signedBytes } from "./format";
import type { Model, TimeRange } from "./model";
import { numberColumn, SiteTable } from "./site_table";

export class ReportSites {
  readonly element: HTMLElement;
  private readonly table: SiteTable;
  private range: TimeRange | null = null;

  constructor(private readonly model: Model) {
    const { sites } = model.data;
    const growth = (site: number): number | null => model.growth(site, this.range);
    this.table = new SiteTable({
      model,
      kind: "report",
      columns: [
        numberColumn("live", "live", (site) => sites.live_bytes[site], bytes),
        numberColumn("growth", "growth", growth, signedBytes),
        numberColumn("blocks", "blocks", (site) => sites.live_count[site], count),
        numberColumn("allocated", "allocated", (site) => sites.alloc_bytes[site], bytes),
        numberColumn("allocations", "allocations", (site) => sites.alloc_count[site], count),
        numberColumn("peak", "at peak", (site) => sites.peak_bytes[site], bytes),
        numberColumn("first", "first seen", (site) => sites.first_seen_s[site], duration),
      ],
      sortBy: "live",
      ascending: ["first"],
      keep: (site) => this.range === null || Boolean(model.growth(site, this.range)),
      note: (shown, filtered) => this.note(shown, filtered),
      facts: (site) => this.facts(site),
    });
    this.element = this.table.element;
  }

  // Only sites that are known to have changed in this time are shown, with their growth in it.
  setRange(range: TimeRange | null): void {
    this.range = range;
    const sorted = this.table.sortedBy;
    this.table.refill(range ? "growth" : sorted === "growth" ? "live" : sorted);
  }

  show(site: number): void {
    this.table.show(site);
  }

  private shown(): TimeRange {
    return this.range ?? this.model.defaultRange;
  }

  private note(shown: number, filtered: boolean): string {
    let text = counted(this.model.siteCount, "call site");
    if (filtered || this.range) text = `${count(shown)} of ${text}`;
    const range = this.shown();
    text += `; growth from ${duration(range.from)} to ${duration(range.to)}, "-" where the recording does not say`;
    if (this.range) text += "; only those known to have changed then";
    return `${text}.`;
  }

  private facts(site: number): string[] {
    const { sites, sampling } = this.model.data;
    const noun = sites.mapping[site] ? "mapping" : "block";
    const facts = [`${count(sites.live_bytes[site])} bytes in ${counted(sites.live_count[site], noun)}`];
    if (sampling.estimates && sites.live_se[site] > 0) {
      facts.push(`standard error ${bytes(sites.live_se[site])}, ${counted(sites.samples[site], "sample")}`);
    }
    if (sites.inherited_bytes[site] > 0) facts.push(`${bytes(sites.inherited_bytes[site])} of its parent`);
    return facts;
  }
}
