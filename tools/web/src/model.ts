// What analyser/report/html_model.h writes, and questions asked of it.

type Column = number[];

export interface SeriesVerdict {
  verdict: string;
  probability: number;
  reason: string;
  rate_bytes_per_hour: { value: number; low: number; high: number } | null;
  detectable_bytes_per_hour: number | null;
  segment_s: [number, number] | null;
}

export interface Growing extends SeriesVerdict {
  site: number;
  growth_share: number;
  live_words: string;
}

export interface Held {
  site: Column;
  bytes: Column;
}

export interface Ledger {
  rss_bytes: number;
  t_s: number;
  walked_s: number;
  stale: boolean;
  heap_map: boolean;
  incomplete: boolean;
  buckets: Record<string, number>;
  residual_bytes: number;
  untouched_bytes: number;
  pinned_pages: number;
  diagnosis: string;
  sentence: string;
  advice: { action: string; reason: string }[];
  pinned_by: Held;
  mapped_by: Held;
  files: { path: string; bytes: number }[];
}

export interface Report {
  page: { kind: string; version: number };
  generator: { name: string; version: string };
  recording: { path: string; file_bytes: number; duration_s: number };
  command: string;
  process: {
    pid: number;
    parent_pid: number;
    uid: number;
    exe: string;
    argv: string[];
    working_directory: string;
    host: string;
    kernel: string;
    cgroup: string;
    thp: string;
    page_bytes: number;
    fork_depth: number;
    parent_recording: string | null;
    start_unix_s: number;
    allocator: { name: string; version: string | null; path: string | null };
    python: { version: string; mode: string } | null;
    settings: string[];
    notes: string[];
  };
  status: string;
  status_detail: string | null;
  stopped: { detail: string; t_s: number } | null;
  totals: Record<string, number>;
  losses_in_words: { count: number; sentence: string; lost_event: boolean }[];
  sampling: { mode: string; interval_bytes: number | null; estimates: boolean; off: { sentence: string } | null };
  unwind_check: { checked: number; differed: number } | null;
  verdict: SeriesVerdict & { line: string; evidence: string; next: string };
  verdict_series: { t_s: Column; live_bytes: Column };
  growing: Growing[];
  ledger: Ledger | null;
  ledger_history: {
    t_s: Column;
    rss_bytes: Column;
    residual_bytes?: Column;
    buckets?: Record<string, Column>;
  };
  timeline: {
    t_s: Column;
    rss_bytes: (number | null)[];
    anon_bytes: Column;
    live_bytes: Column;
    live_count: Column;
    alloc_bytes: Column;
    alloc_count: Column;
    mapped_bytes: Column;
  };
  threads: {
    tid: number;
    name: string;
    start_s: number;
    end_s: number | null;
    alloc_bytes: number;
    alloc_count: number;
    freed_bytes: number;
    freed_count: number;
  }[];
  modules: { path: string; build_id: string | null }[];
  strings: string[];
  frames: Record<"function" | "file" | "line" | "module" | "kind" | "plumbing", Column>;
  stacks: { parent: Column; frame: Column };
  sites: Record<
    | "stack"
    | "brief"
    | "id"
    | "mapping"
    | "overflow"
    | "live_bytes"
    | "live_count"
    | "alloc_bytes"
    | "alloc_count"
    | "peak_bytes"
    | "inherited_bytes"
    | "live_se"
    | "samples"
    | "first_seen_s",
    Column
  > & { growth: (number | null)[] };
  history: { site: Column; t_s: Column; live_bytes: Column };
  growth_s: [number, number];
  warnings: string[];
  damage: string[];
}

export const PAGE_VERSION = 1;

export const enum Kind {
  Native = 0,
  Inlined = 1,
  Python = 2,
}

// Which frames of a stack are looked at.
export type View = "merged" | "python" | "native" | "all";

export interface TimeRange {
  from: number;
  to: number;
}

// What the flame graph and the table of call sites need of a page's data.
export interface StackTables {
  strings: string[];
  frames: Record<"function" | "file" | "line" | "module" | "kind" | "plumbing", Column>;
  stacks: { parent: Column; frame: Column };
  sites: Record<"stack" | "brief" | "mapping" | "overflow", Column>;
}

export class Stacks<Data extends StackTables = StackTables> {
  readonly siteCount: number;

  constructor(readonly data: Data) {
    this.siteCount = data.sites.stack.length;
  }

  // Frames of a site, innermost first.
  stackOf(site: number, view: View): number[] {
    const { sites, stacks, frames } = this.data;
    const whole = view === "all" || view === "native";
    const result: number[] = [];
    for (let node = whole ? sites.stack[site] : sites.brief[site]; node; node = stacks.parent[node]) {
      const frame = stacks.frame[node];
      const python = frames.kind[frame] === Kind.Python;
      if (view === "python" && !python) continue;
      if (view === "native" && python) continue;
      result.push(frame);
    }
    return result;
  }

  functionOf(frame: number): string {
    return this.data.strings[this.data.frames.function[frame]];
  }

  sourceOf(frame: number): string {
    const { strings, frames } = this.data;
    const file = strings[frames.file[frame]];
    if (file) return frames.line[frame] ? `${file}:${frames.line[frame]}` : file;
    return strings[frames.module[frame]];
  }

  // Of the frames, the one a person would call the place of the allocation: the innermost of
  // Python, else the first that is none of the allocation functions.
  placeIn(stack: number[]): number {
    const { kind, plumbing } = this.data.frames;
    const python = stack.findIndex((frame) => kind[frame] === Kind.Python);
    if (python >= 0) return python;
    return Math.max(0, stack.findIndex((frame) => !plumbing[frame]));
  }

  nameOf(site: number): string {
    const stack = this.stackOf(site, "merged");
    if (stack.length === 0) {
      return this.data.sites.overflow[site] ? "[call sites without a record]" : "[no stack]";
    }
    return this.functionOf(stack[this.placeIn(stack)]);
  }

  placeOf(site: number): string {
    const stack = this.stackOf(site, "merged");
    return stack.length ? this.sourceOf(stack[this.placeIn(stack)]) : "";
  }

  // Whether a site has a frame with this text, in lower case, in its function, source or module.
  // Each frame and each node of the trie is looked at once, however many sites there are.
  search(wanted: string): (site: number) => boolean {
    const { strings, frames, stacks, sites } = this.data;
    const inFrame = frames.function.map((name, frame) => {
      if (frame === 0) return false;
      const source = `${strings[frames.file[frame]]}:${frames.line[frame]}`;
      return `${strings[name]}\n${source}\n${strings[frames.module[frame]]}`.toLowerCase().includes(wanted);
    });
    const inStack = new Uint8Array(stacks.parent.length);
    for (let node = 1; node < inStack.length; ++node) {
      inStack[node] = inStack[stacks.parent[node]] || inFrame[stacks.frame[node]] ? 1 : 0;
    }
    return (site) => inStack[sites.stack[site]] === 1;
  }
}

export class Model extends Stacks<Report> {
  readonly end: number;
  private readonly historyAt: Map<number, [begin: number, end: number]> = new Map();

  private readonly noted: number[];  // the times of the history

  constructor(data: Report) {
    super(data);
    this.noted = [...new Set(data.history.t_s)].sort((a, b) => a - b);
    this.end = Math.max(data.recording.duration_s, data.timeline.t_s.at(-1) ?? 0);
    const { site } = data.history;
    for (let i = 0; i < site.length; ) {
      let next = i + 1;
      while (next < site.length && site[next] === site[i]) ++next;
      this.historyAt.set(site[i], [i, next]);
      i = next;
    }
  }

  // Live bytes of a site at a time; null where the recording does not say. At a few times it noted
  // the largest sites: between two of them the figures are interpolated. Before it was first noted
  // a site was small, or not there.
  liveAt(site: number, t: number): number | null {
    const { sites, history } = this.data;
    if (t >= this.end) return sites.live_bytes[site];
    if (t < sites.first_seen_s[site] || t <= 0) return 0;
    const range = this.historyAt.get(site);
    if (!range) return null;
    let [low, high] = range;
    const first = history.t_s[low];
    if (t < first) {
      const before = this.noted[this.noted.indexOf(first) - 1] ?? 0;
      const begin = Math.max(before, sites.first_seen_s[site]);
      return t > begin ? (history.live_bytes[low] * (t - begin)) / (first - begin) : 0;
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (history.t_s[middle] <= t) low = middle;
      else high = middle;
    }
    const last = low + 1 === range[1];
    const t1 = last ? this.end : history.t_s[low + 1];
    const v1 = last ? sites.live_bytes[site] : history.live_bytes[low + 1];
    const t0 = history.t_s[low];
    const v0 = history.live_bytes[low];
    return t1 > t0 ? v0 + ((v1 - v0) * (t - t0)) / (t1 - t0) : v0;
  }

  // What a site last held that now holds nothing, as after a leak that was freed at the end.
  lastHeld(site: number): { t: number; bytes: number } | null {
    const range = this.historyAt.get(site);
    if (!range || this.data.sites.live_count[site] > 0) return null;
    const { t_s, live_bytes } = this.data.history;
    const last = range[1] - 1;
    return live_bytes[last] > 0 ? { t: t_s[last], bytes: live_bytes[last] } : null;
  }

  // null, for the range: none is chosen, and growth is that of --value growth.
  growth(site: number, range: TimeRange | null): number | null {
    if (range === null) return this.data.sites.growth[site];
    const from = this.liveAt(site, range.from);
    const to = this.liveAt(site, range.to);
    return from === null || to === null ? null : to - from;
  }

  // What growth is shown of while nothing is chosen.
  get defaultRange(): TimeRange {
    const [from, to] = this.data.growth_s;
    return { from, to };
  }
}
