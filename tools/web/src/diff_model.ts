// What analyser/report/html_diff.h writes.
import { type Report, Stacks, type StackTables } from "./model";

type Column = number[];

export interface DiffLedger {
  t_s: number;
  rss_bytes: number;
  buckets: Record<string, number>;
  residual_bytes: number;
}

export interface DiffSide {
  command: string;
  t_s: number;
  live_bytes: number;
  live_count: number;
  alloc_bytes: number;
  alloc_count: number;
  mapped_bytes: number;
  peak_live_bytes: number | null;
  rss_bytes: number | null;
  ledger: DiffLedger | null;
  recording: Report["recording"];
  process: Report["process"];
  status: string;
  totals: Record<string, number>;
  sampling: Report["sampling"];
  timeline: Report["timeline"];
  warnings: string[];
}

export interface DiffData extends StackTables {
  page: { kind: string; version: number };
  generator: Report["generator"];
  a: DiffSide;
  b: DiffSide;
  moments: boolean;
  same_process: boolean;
  change: { live_bytes: number; live_bytes_se: number; within_error: boolean };
  unnoted: { sites: number; most_bytes: [number, number]; change_bytes: number } | null;
  matched: Record<string, number>;
  match_kinds: string[];
  sites: Record<
    | "stack"
    | "brief"
    | "mapping"
    | "overflow"
    | "match"
    | "within_error"
    | "change_se"
    | "a_sites"
    | "b_sites"
    | "a_live_bytes"
    | "b_live_bytes"
    | "a_live_count"
    | "b_live_count"
    | "a_alloc_bytes"
    | "b_alloc_bytes",
    Column
  >;
}

// How a row's sites were matched, as the table says it.
export const MATCH_WORDS: Record<string, string> = {
  same: "same lines",
  moved: "lines moved",
  nearest: "nearest line",
  functions: "by function",
  names: "by names",
  only_a: "only in A",
  only_b: "new in B",
};

export class DiffModel extends Stacks<DiffData> {
  readonly change: number[];

  constructor(data: DiffData) {
    super(data);
    const { a_live_bytes: a, b_live_bytes: b } = data.sites;
    this.change = b.map((bytes, row) => bytes - a[row]);
  }

  matchOf(row: number): string {
    return this.data.match_kinds[this.data.sites.match[row]];
  }
}
