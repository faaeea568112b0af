// The timeline: RSS and what is alive, and below it the ledger's buckets, stacked; a range of time
// chosen here filters the flame graph and the call sites.
import { BUCKETS } from "./buckets";
import { Chart, type Line } from "./chart";
import { append, button, h, section } from "./dom";
import { bytes, duration, signedBytes } from "./format";
import type { Model, TimeRange } from "./model";
import { shortcut } from "./page";

export class Timeline {
  readonly element = section("Timeline", "timeline");
  private range: TimeRange | null = null;
  private readonly charts: Chart[] = [];
  private readonly from = this.input("from");
  private readonly to = this.input("to");
  private readonly clear = button("Clear", () => this.choose(null), { title: "key: Esc", disabled: true });
  private readonly chosen = h("p", { class: "note", id: "timeline-range", "aria-live": "polite" });

  constructor(
    private readonly model: Model,
    private readonly onRange: (range: TimeRange | null) => void,
  ) {
    const { timeline, ledger_history: ledger } = model.data;
    if (timeline.t_s.length === 0) {
      append(this.element, h("p", { class: "empty" }, "The recording has no timeline: it was too short."));
      return;
    }
    append(
      this.element,
      h(
        "div",
        { class: "controls" },
        h("label", {}, "from ", this.from, " s"),
        h("label", {}, "to ", this.to, " s"),
        this.clear,
        this.chosen,
      ),
    );
    this.add("RSS, live and mapped bytes over time", timeline.t_s, [
      { label: "RSS", values: timeline.rss_bytes, colour: "c-rss" },
      { label: "anonymous", values: timeline.anon_bytes, colour: "c-anon", dash: [4, 4] },
      { label: "live, heap", values: timeline.live_bytes, colour: "c-live" },
      { label: "mapped by the program", values: timeline.mapped_bytes, colour: "c-mappings", dash: [2, 3] },
    ], 240);
    if (ledger.t_s.length > 1 && ledger.buckets) {
      append(this.element, h("h3", {}, "RSS by bucket"));
      this.add("RSS by bucket over time, stacked", ledger.t_s, stacked(ledger.buckets), 260);
    }
    shortcut("Esc", "clear the chosen time", () => this.choose(null));
    this.say();
  }

  private input(name: string): HTMLInputElement {
    return h("input", {
      type: "number",
      min: 0,
      step: "any",
      id: `timeline-${name}`,
      "aria-label": `${name}, seconds since the start`,
      change: () => this.typed(),
    }) as HTMLInputElement;
  }

  private add(label: string, times: number[], lines: Line[], height: number): void {
    const chart = new Chart({
      label,
      times,
      lines,
      height,
      range: { from: 0, to: this.model.end },
      sync: "timeline",
      onSelect: (range) => this.choose(range),
      shade: () => this.range,
    });
    this.charts.push(chart);
    append(this.element, chart.element);
  }

  private typed(): void {
    const from = this.from.value === "" ? 0 : Number(this.from.value);
    const to = this.to.value === "" ? this.model.end : Number(this.to.value);
    if (to > from) this.choose({ from, to });
    else this.say();
  }

  private choose(range: TimeRange | null): void {
    if (!range && !this.range) return;
    this.range = range && { from: Math.max(0, range.from), to: Math.min(this.model.end, range.to) };
    this.say();
    for (const chart of this.charts) chart.redraw();
    this.onRange(this.range);
  }

  private say(): void {
    const { range } = this;
    (this.clear as HTMLButtonElement).disabled = range === null;
    const digits = this.model.end < 100 ? 2 : 0;
    this.from.value = range ? range.from.toFixed(digits) : "";
    this.to.value = range ? range.to.toFixed(digits) : "";
    if (!range) {
      this.chosen.textContent = "Drag over a chart to choose a time: flame graph and call sites then show its growth.";
      return;
    }
    const change = (values: (number | null)[]): string => {
      const at = (t: number): number => nearest(this.model.data.timeline.t_s, values, t);
      return `${signedBytes(at(range.to) - at(range.from))} to ${bytes(at(range.to))}`;
    };
    const { timeline } = this.model.data;
    this.chosen.textContent =
      `${duration(range.from)} to ${duration(range.to)}: ` +
      `RSS ${change(timeline.rss_bytes)}, live ${change(timeline.live_bytes)}`;
  }
}

function nearest(times: number[], values: (number | null)[], t: number): number {
  let best = 0;
  let distance = Number.POSITIVE_INFINITY;
  values.forEach((value, i) => {
    const away = Math.abs(times[i] - t);
    if (value !== null && away < distance) {
      distance = away;
      best = value;
    }
  });
  return best;
}

// Areas one on the other: each line is the sum of its bucket and those below, the largest sum
// drawn first so that the others stay in sight.
function stacked(buckets: Record<string, number[]>): Line[] {
  const lines: Line[] = [];
  let below: number[] | null = null;
  for (const { id, label, colour } of BUCKETS) {
    const values: number[] | undefined = buckets[id];
    if (!values || values.every((value) => value === 0)) continue;
    const base: number[] | null = below;
    const sums: number[] = values.map((value, i) => value + (base ? base[i] : 0));
    lines.push({ label, values: sums, colour, fill: true, shown: (_, index) => values[index] });
    below = sums;
  }
  return lines.reverse();
}
