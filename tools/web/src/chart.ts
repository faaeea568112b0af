// Charts over time: uPlot with axes of bytes and seconds, in the page's colours, redrawn when the
// page changes its width or its colours.
import uPlot from "uplot";
import { axisDuration, bytes, duration } from "./format";
import type { TimeRange } from "./model";
import { colour, isPrinting, onTheme, PAPER_WIDTH } from "./page";

export interface Line {
  label: string;
  values: (number | null)[];
  colour: string;  // a CSS variable
  fill?: boolean;  // the area below is filled
  shown?: (value: number, index: number) => number;  // for the legend, of a stacked value
  dash?: number[];
}

export interface ChartOptions {
  label: string;  // accessible name
  times: number[];
  lines: Line[];
  height: number;
  range: TimeRange;  // of the x axis
  sync?: string;
  onSelect?: (range: TimeRange | null) => void;
  shade?: () => TimeRange | null;
}

const POWERS = Array.from({ length: 60 }, (_, i) => 2 ** i);
const SECONDS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600,
  43200, 86400, 172800, 604800, 1209600, 2592000,
];

export class Chart {
  readonly element = document.createElement("div");
  private plot: uPlot | null = null;
  private drawnWidth = 0;

  constructor(private readonly options: ChartOptions) {
    this.element.className = "chart";
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", options.label);
    onTheme(() => this.draw());
    new ResizeObserver(() => {
      if (Math.abs(this.element.clientWidth - this.drawnWidth) > 1) this.draw();
    }).observe(this.element);
  }

  redraw(): void {
    this.plot?.redraw();
  }

  clearSelection(): void {
    this.plot?.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  private draw(): void {
    const room = this.element.clientWidth;
    if (room === 0) return;
    this.plot?.destroy();
    this.drawnWidth = room;
    const width = isPrinting() ? PAPER_WIDTH : room;
    const { times, lines, height, range } = this.options;
    const axis: uPlot.Axis = {
      stroke: colour("faint"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const series = lines.map(
      (line): uPlot.Series => ({
        label: line.label,
        stroke: colour(line.colour),
        width: line.fill ? 1 : 2,
        fill: line.fill ? `${colour(line.colour)}` : undefined,
        dash: line.dash,
        points: { show: times.length < 3 },
        spanGaps: true,
        value: (_, value, __, index) => {
          if (value === null || value === undefined || index === null) return "-";
          return bytes(line.shown ? line.shown(value, index) : value);
        },
      }),
    );
    const plot = new uPlot(
      {
        width,
        height,
        padding: [8, 12, 0, 0],
        cursor: {
          sync: this.options.sync ? { key: this.options.sync, setSeries: false } : undefined,
          drag: { x: this.options.onSelect !== undefined, y: false, setScale: false },
          points: { size: 6 },
        },
        scales: {
          x: { time: false, range: () => [range.from, Math.max(range.to, range.from + 1e-3)] },
          y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
        },
        series: [{ label: "time", value: (_, t) => (t === null ? "-" : duration(t)) }, ...series],
        axes: [
          { ...axis, incrs: SECONDS, values: (_, splits) => splits.map(axisDuration) },
          {
            ...axis,
            incrs: POWERS,
            size: 76,
            values: (_, splits) => splits.map((v) => bytes(v).replace(".0 ", " ")),
          },
        ],
        hooks: {
          drawClear: [(u) => this.drawShade(u)],
          setSelect: [(u) => this.selected(u)],
        },
      },
      [times, ...lines.map((line) => line.values)],
      this.element,
    );
    this.plot = plot;
  }

  private drawShade(u: uPlot): void {
    const shade = this.options.shade?.();
    if (!shade) return;
    const left = u.valToPos(Math.max(shade.from, this.options.range.from), "x", true);
    const right = u.valToPos(Math.min(shade.to, this.options.range.to), "x", true);
    u.ctx.save();
    u.ctx.fillStyle = colour("shade");
    u.ctx.fillRect(left, u.bbox.top, Math.max(right - left, 1), u.bbox.height);
    u.ctx.restore();
  }

  private selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 3) return;
    const range = { from: u.posToVal(left, "x"), to: u.posToVal(left + width, "x") };
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);  // the shade shows it, in all
    this.options.onSelect?.(range);
  }
}
