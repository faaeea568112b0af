// The tree of a flame graph. A pure function of the model.
import { Kind, type Model, type View } from "./model";

export type Metric = "live" | "allocated" | "peak" | "growth";

export interface FlameNode {
  name: string;
  value: number;
  children: FlameNode[];
  kind: Kind | null;  // null: no frame
  source: string;
  hide?: boolean;  // these two are d3-flame-graph's own
  fade?: boolean;
}

export interface FlameTree {
  root: FlameNode;
  unknown: number;  // sites whose growth is not known
  shrinking: number;  // bytes by which sites shrank: they are not drawn
}

// Frames narrower than this part of the whole are drawn as one.
const LEAST = 1 / 3000;

// `values`: of each site, null where not known. `inverted`: from the innermost frame out.
export function flameTree(
  model: Model,
  values: (number | null)[],
  view: View,
  inverted: boolean,
): FlameTree {
  const { frames, sites } = model.data;
  const stacks: number[][] = [];
  const value: number[] = [];
  let unknown = 0;
  let shrinking = 0;
  let total = 0;
  values.forEach((bytes, site) => {
    if (bytes === null) ++unknown;
    if (bytes === null || sites.mapping[site]) return;
    if (bytes < 0) shrinking -= bytes;
    if (bytes <= 0) return;
    const stack = model.stackOf(site, view);
    if (!inverted) stack.reverse();
    stacks.push(stack);
    value.push(bytes);
    total += bytes;
  });
  const node = (name: string, kind: Kind | null, source: string): FlameNode => ({
    name,
    value: 0,
    children: [],
    kind,
    source,
  });
  const sum = (members: number[]): number => members.reduce((all, i) => all + value[i], 0);

  // Puts the callees (inverted: the callers) of `parent` below it; all members share its path.
  const grow = (parent: FlameNode, members: number[], depth: number): void => {
    const groups = new Map<number, number[]>();  // by function, whatever its line
    for (const i of members) {
      if (depth >= stacks[i].length) continue;
      const name = frames.function[stacks[i][depth]];
      const group = groups.get(name);
      if (group) group.push(i);
      else groups.set(name, [i]);
    }
    let small = 0;
    let smallCount = 0;
    for (const group of groups.values()) {
      const bytes = sum(group);
      if (bytes < total * LEAST) {
        small += bytes;
        ++smallCount;
        continue;
      }
      const frame = stacks[group[0]][depth];
      const child = node(model.functionOf(frame), frames.kind[frame], model.sourceOf(frame));
      child.value = bytes;
      parent.children.push(child);
      grow(child, group, depth + 1);
    }
    if (small > total * LEAST) {
      const rest = node(`[${smallCount} smaller]`, null, "");
      rest.value = small;
      parent.children.push(rest);
    }
    parent.children.sort((a, b) => b.value - a.value);
  };
  const root = node("all", null, "");
  root.value = total;
  grow(root, [...stacks.keys()], 0);
  return { root, unknown, shrinking };
}
