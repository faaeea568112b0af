// The flame graph of one recording: what is alive, was allocated, or grew in a range of time.
import { Flame } from "./flame";
import type { FlameTree } from "./flame_tree";
import { bytes, counted, duration } from "./format";
import type { Model, TimeRange } from "./model";

const NOTHING: Record<string, string> = {
  live: "live bytes",
  allocated: "allocated bytes",
  peak: "bytes at the peak",
  growth: "known growth",
};

export class ReportFlame {
  readonly element: HTMLElement;
  private readonly flame: Flame;
  private range: TimeRange | null = null;

  constructor(private readonly model: Model) {
    this.flame = new Flame({
      model,
      python: model.data.process.python !== null,
      metrics: [
        ["live", "live"],
        ["allocated", "allocated"],
        ["peak", "peak"],
        ["growth", "growth"],
      ],
      values: (metric) => this.values(metric),
      changes: null,
      nothing: (metric) => `No call site has ${NOTHING[metric]}.`,
      explain: (metric, tree) => this.explain(metric, tree),
    });
    this.element = this.flame.element;
  }

  // The growth shown is of this time; null: the default one.
  setRange(range: TimeRange | null): void {
    this.range = range;
    const growth = this.flame.metric === "growth";
    if (range && !growth) this.flame.setMetric("growth");
    else if (!range && growth) this.flame.setMetric("live");
    else if (growth) this.flame.draw();
  }

  private shown(): TimeRange {
    return this.range ?? this.model.defaultRange;
  }

  private values(metric: string): (number | null)[] {
    const { sites } = this.model.data;
    if (metric === "allocated") return sites.alloc_bytes;
    if (metric === "peak") return sites.peak_bytes;
    if (metric === "live") return sites.live_bytes;
    return sites.id.map((_, site) => this.model.growth(site, this.range));
  }

  private explain(metric: string, tree: FlameTree): string {
    const { totals, sampling } = this.model.data;
    const range = this.shown();
    const words: Record<string, string> = {
      live: "Bytes alive at the end of the recording, by the stack that allocated them.",
      allocated: "Bytes ever allocated, by stack; most may be freed again.",
      peak: `Bytes alive when the process was at its largest, after ${duration(totals.peak_snapshot_t_s)}.`,
      growth: `Bytes by which call sites grew from ${duration(range.from)} to ${duration(range.to)}.`,
    };
    let text = `${words[metric]} Total ${bytes(tree.root.value)}; mappings are not in it.`;
    if (metric === "growth") {
      if (tree.shrinking > 0) text += ` Others shrank by ${bytes(tree.shrinking)}.`;
      if (tree.unknown > 0) {
        text += ` Of ${counted(tree.unknown, "call site")} the growth is not known: history is kept of the largest.`;
      }
    }
    if (sampling.estimates) text += " Sampled: estimates.";
    return text;
  }
}
