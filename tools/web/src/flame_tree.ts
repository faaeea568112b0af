// The tree of a flame graph. A pure function of the model.
import type { Kind, Stacks, View } from "./model";

export interface FlameNode {
  name: string;
  value: number;
  change: number | null;  // of a page that compares; its colour
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

// `values`: of each site, null where not known. `changes`: of each site. `inverted`: from the innermost frame out.
export function flameTree(
  model: Stacks,
  values: (number | null)[],
  view: View,
  inverted: boolean,
  changes: number[] | null,
): FlameTree {
  const { frames, sites } = model.data;
  const stacks: number[][] = [];
  const value: number[] = [];
  const change: number[] = [];
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
    if (changes) change.push(changes[site]);
    total += bytes;
  });
  const node = (name: string, kind: Kind | null, source: string): FlameNode => ({
    name,
    value: 0,
    change: null,
    children: [],
    kind,
    source,
  });
  const sum = (of: number[], members: number[]): number => members.reduce((all, i) => all + of[i], 0);

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
    let smallChange = 0;
    for (const group of groups.values()) {
      const bytes = sum(value, group);
      if (bytes < total * LEAST) {
        small += bytes;
        ++smallCount;
        if (changes) smallChange += sum(change, group);
        continue;
      }
      const frame = stacks[group[0]][depth];
      const child = node(model.functionOf(frame), frames.kind[frame], model.sourceOf(frame));
      child.value = bytes;
      if (changes) child.change = sum(change, group);
      parent.children.push(child);
      grow(child, group, depth + 1);
    }
    if (small > total * LEAST) {
      const rest = node(`[${smallCount} smaller]`, null, "");
      rest.value = small;
      if (changes) rest.change = smallChange;
      parent.children.push(rest);
    }
    parent.children.sort((a, b) => b.value - a.value);
  };
  const root = node("all", null, "");
  root.value = total;
  if (changes) root.change = sum(change, [...stacks.keys()]);
  grow(root, [...stacks.keys()], 0);
  return { root, unknown, shrinking };
}
