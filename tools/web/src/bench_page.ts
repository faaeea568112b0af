// The page of `mla bench --html`.
import { Chart } from "./chart";
import { append, h, section, table } from "./dom";
import { bytes, count, counted, duration } from "./format";
import { navigation } from "./page";
import { scatter } from "./scatter";

interface Measured {
  runs: (number | null)[];
  median: number | null;
  difference: { pairs: number; median: number | null; low: number | null; high: number | null } | null;
}

interface Configuration {
  name: string;
  baseline: boolean;
  records: boolean;
  command_line: string;
  problem: string | null;
  took_effect: boolean;
  memory: string;
  time: string;
  pareto: boolean;
  measures: Record<string, Measured>;
  memory_runs: ({ t_s: number[]; bytes: number[] } | null)[];
}

export interface BenchData {
  page: { kind: string; version: number };
  generator: { name: string; version: string };
  command: string[];
  ready: string | null;
  load: string | null;
  idle_s: number;
  rounds: number;
  interrupted: boolean;
  margin: number;
  judged: { memory: string; time: string };
  confidence: number;
  comparisons: number;
  configurations: Configuration[];
  conclusion?: string; // where nothing is recommended
  recommended: { name: string; gain: string; command_line: string } | null;
  trade_offs: { name: string; command_line: string }[];
  missing: string[];
  notes: string[];
}

// Colours repeat with another dash.
const COLOURS = ["c-rss", "c-live", "c-free", "c-pylive", "c-mappings", "c-pinned", "c-stacks", "c-pyfree"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const WORDS: Record<string, string> = {
  none: "",
  too_few_rounds: "too few rounds",
  better: "less",
  worse: "more",
  no_difference: "no difference",
  no_difference_shown: "no difference shown",
};
const KEYS: Record<string, string> = { peak: "peak_bytes", steady: "steady_bytes", idle: "idle_bytes" };

export function benchPage(app: HTMLElement, data: BenchData): void {
  document.title = `${data.command.join(" ")} - mla bench`;
  const setup = [
    data.ready && `ready at ${data.ready}`,
    data.load && `load ${data.load}`,
    data.idle_s > 0 && `then idle for ${duration(data.idle_s)}`,
    `${counted(data.rounds, "round")}${data.interrupted ? ", interrupted" : ""}`,
  ];
  append(
    app,
    navigation([
      { id: "result", text: "Result", key: "1" },
      { id: "memory", text: "Memory over time", key: "2" },
      { id: "pareto", text: "Memory against time", key: "3" },
      { id: "table", text: "Table", key: "4" },
      { id: "caveats", text: "Caveats", key: "5" },
    ]),
    h("header", {}, h("h1", {}, data.command.join(" ")), h("p", { class: "facts" }, setup.filter(Boolean).join(" · "))),
    resultSection(data),
    memorySection(data),
    paretoSection(data),
    tableSection(data),
    caveatsSection(data),
  );
}

const memoryOf = (data: BenchData, one: Configuration): Measured | undefined =>
  one.measures[KEYS[data.judged.memory] ?? "integral_byte_s"];
const timeOf = (data: BenchData, one: Configuration): Measured | undefined =>
  one.measures[data.judged.time === "metric" ? "metric" : `${data.judged.time}_s`];
const memoryText = (data: BenchData, n: number): string =>
  data.judged.memory === "integral" ? `${bytes(n)} s` : bytes(n);
const timeText = (data: BenchData, n: number): string =>
  data.judged.time === "metric" ? n.toPrecision(4) : n < 1 ? `${(1000 * n).toFixed(n < 0.01 ? 2 : 0)} ms` : `${n.toFixed(2)} s`;
function percentage(part: number | null): string {
  if (part === null) return "";
  const text = (100 * part).toFixed(1).replace("-0.0", "0.0");
  return `${part > 0 ? "+" : ""}${text} %`;
}

function resultSection(data: BenchData): HTMLElement {
  const element = section("Result", "result");
  const { recommended } = data;
  const undecided = data.configurations.some((one) => one.memory === "too_few_rounds" || one.time === "too_few_rounds");
  const title = undecided && !recommended ? "Too few rounds to decide" : recommended ? `${recommended.name}: less ${recommended.gain}` : "No difference worth having is shown";
  append(
    element,
    h(
      "div",
      { class: `verdict ${recommended ? "good" : ""}` },
      h("p", { class: "headline" }, title),
      recommended ? h("p", {}, h("code", {}, recommended.command_line)) : null,
      data.conclusion ? h("p", {}, data.conclusion.trim().replaceAll("\n", " ")) : null,
    ),
  );
  if (data.trade_offs.length) {
    append(
      element,
      h("h3", {}, "Less memory for more time"),
      h("ul", {}, ...data.trade_offs.map((one) => h("li", {}, `${one.name}: `, h("code", {}, one.command_line)))),
    );
  }
  return element;
}

const style = (i: number): { colour: string; dash: number[] } => ({
  colour: COLOURS[i % COLOURS.length],
  dash: DASHES[Math.floor(i / COLOURS.length) % DASHES.length],
});

// The run of a configuration whose judged memory is in the middle.
function typicalRun(data: BenchData, one: Configuration): { t_s: number[]; bytes: number[] } | null {
  const measured = memoryOf(data, one);
  const rounds = one.memory_runs.map((_, round) => round).filter((round) => one.memory_runs[round] !== null);
  if (!measured || rounds.length === 0) return null;
  rounds.sort((a, b) => (measured.runs[a] ?? 0) - (measured.runs[b] ?? 0));
  return one.memory_runs[rounds[Math.floor((rounds.length - 1) / 2)]];
}

function memorySection(data: BenchData): HTMLElement {
  const element = section("Memory over time", "memory");
  const runs = data.configurations.map((one) => typicalRun(data, one));
  const times = [...new Set(runs.flatMap((run) => run?.t_s ?? []))].sort((a, b) => a - b);
  if (times.length === 0) {
    append(element, h("p", { class: "empty" }, "No configuration was measured."));
    return element;
  }
  const lines = data.configurations.flatMap((one, i) => {
    const run = runs[i];
    if (!run) return [];
    const at = new Map(run.t_s.map((t, k) => [t, run.bytes[k]]));
    return [{ label: one.name, values: times.map((t) => at.get(t) ?? null), ...style(i) }];
  });
  const chart = new Chart({
    label: "Memory of each configuration over time",
    times,
    lines,
    height: 320,
    range: { from: 0, to: times[times.length - 1] },
  });
  append(
    element,
    chart.element,
    h(
      "p",
      { class: "note" },
      `Of each configuration the run whose ${data.judged.memory} memory is in the middle: all processes of the ` +
        "command, shared pages divided among them (PSS), swapped ones included. The line joins samples: of a short " +
        "command it may miss the peak between two of them.",
    ),
  );
  return element;
}

function paretoSection(data: BenchData): HTMLElement {
  const element = section("Memory against time", "pareto");
  const points = data.configurations.flatMap((one, i) => {
    const x = timeOf(data, one)?.median ?? null;
    const y = memoryOf(data, one)?.median ?? null;
    if (x === null || y === null || !one.took_effect) return [];
    return [{ name: one.name, x, y, front: one.pareto, colour: style(i).colour }];
  });
  if (points.length === 0) {
    append(element, h("p", { class: "empty" }, "No configuration was measured."));
    return element;
  }
  append(
    element,
    scatter({
      label: "Memory and time of each configuration",
      points,
      xText: (n) => timeText(data, n),
      yText: (n) => memoryText(data, n),
      yBase: 2,
    }),
    h(
      "p",
      { class: "note" },
      `Across: ${data.judged.time}; up: ${data.judged.memory} memory, medians. Of a ring another configuration has ` +
        "less memory and takes less time; discs are the Pareto front, and differences may be chance: see the table.",
    ),
  );
  return element;
}

function tableSection(data: BenchData): HTMLElement {
  const columns = (measured: Measured | undefined, text: (n: number) => string): string[] => {
    const median = measured?.median ?? null;
    const difference = measured?.difference ?? null;
    const known = difference && difference.low !== null && difference.high !== null;
    return [
      median === null ? "-" : text(median),
      difference ? percentage(difference.median) : "",
      known ? `${percentage(difference.low)} to ${percentage(difference.high)}` : "",
    ];
  };
  const rows = data.configurations.map((one) => [
    h("span", { title: one.command_line }, one.name),
    ...columns(memoryOf(data, one), (n) => memoryText(data, n)),
    one.took_effect ? (WORDS[one.memory] ?? one.memory) : "did not take effect",
    ...columns(timeOf(data, one), (n) => timeText(data, n)),
    one.baseline ? "baseline" : one.problem ? "failed" : data.judged.time === "metric" ? one.time : WORDS[one.time],
  ]);
  const head = [
    "configuration",
    data.judged.memory,
    "difference",
    "95 % interval",
    "memory",
    data.judged.time,
    "difference",
    "95 % interval",
    "time",
  ];
  const element = section("Table", "table", table("Configurations", head, rows, [1, 2, 3, 5, 6, 7]));
  append(
    element,
    h(
      "p",
      { class: "note" },
      `Medians of ${counted(data.rounds, "round")}; intervals of the difference from the baseline, alone. A configuration ` +
        `is called less or more only if that holds beyond ${percentage(data.margin).slice(1)} and for all ` +
        `${count(data.comparisons)} comparisons together.`,
    ),
  );
  return element;
}

function caveatsSection(data: BenchData): HTMLElement {
  const lines = [
    ...data.missing,
    ...data.configurations.flatMap((one) => (one.problem ? [`${one.name}: ${one.problem}`] : [])),
    ...data.notes,
    `Measured by mla ${data.generator.version}.`,
  ];
  return section("Caveats", "caveats", h("ul", {}, ...lines.map((line) => h("li", {}, line))));
}
