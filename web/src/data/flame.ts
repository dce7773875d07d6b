// The tree of stacks with a value for each node, and where each lies in a flame graph.
import type { Report, Tree } from './report.ts';

export interface Flame {
  /** Value of each node with all below it; node 0 is the whole. */
  total: Float64Array;
  children: number[][];
}

export interface Box {
  node: number;
  depth: number;
  /** From 0 to 1 of the width. */
  left: number;
  width: number;
}

/** Values of sites, given by their nodes, added up to the outermost frames. */
export function totalOf({ parent }: Tree, siteNodes: Float64Array, values: Float64Array): Float64Array {
  const total = new Float64Array(parent.length + 1);
  for (let site = 0; site < values.length; site++) total[siteNodes[site]!]! += values[site]!;
  // A node comes after its parent, so that one way back suffices.
  for (let node = parent.length; node > 0; node--) total[parent[node - 1]!]! += total[node]!;
  return total;
}

export function flameOf(tree: Tree, siteNodes: Float64Array, values: Float64Array): Flame {
  const { parent } = tree;
  const nodes = parent.length;
  const total = totalOf(tree, siteNodes, values);
  const children: number[][] = Array.from({ length: nodes + 1 }, () => []);
  for (let node = 1; node <= nodes; node++) {
    if (total[node]! > 0) children[parent[node - 1]!]!.push(node);
  }
  for (const list of children) list.sort((a, b) => total[b]! - total[a]!);
  return { total, children };
}

/** From the outermost frame to the node itself, without node 0. */
export function pathTo(report: Report, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at > 0; at = report.tree.parent[at - 1]!) path.push(at);
  return path.reverse();
}

/** Boxes of the focus (over the whole width), of all outside it, and of all inside it that are at least `least` wide. */
export function layOut(report: Report, flame: Flame, focus: number, least: number): Box[] {
  const boxes: Box[] = [{ node: 0, depth: 0, left: 0, width: 1 }];
  const path = pathTo(report, focus);
  path.forEach((node, i) => boxes.push({ node, depth: i + 1, left: 0, width: 1 }));
  const whole = flame.total[focus]!;
  if (whole <= 0) return boxes;
  const waiting: Box[] = [boxes[boxes.length - 1]!];
  for (let box = waiting.pop(); box; box = waiting.pop()) {
    let left = box.left;
    for (const node of flame.children[box.node]!) {
      const width = flame.total[node]! / whole;
      if (width < least) break;
      const child = { node, depth: box.depth + 1, left, width };
      boxes.push(child);
      waiting.push(child);
      left += width;
    }
  }
  return boxes;
}

export const frameOf = (report: Report, node: number) =>
  node === 0 ? null : report.frames[report.tree.frame[node - 1]!]!;

/** Which nodes a search finds, and how much of the whole lies below them. */
export function searchFlame(report: Report, flame: Flame, words: string): { found: Set<number>; share: number } {
  const found = new Set<number>();
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return { found, share: 0 };
  const hit = report.frames.map((f) => `${f.name}\n${f.file}\n${f.module}`.toLowerCase().includes(wanted));
  const under = new Uint8Array(report.tree.parent.length + 1);
  let sum = 0;
  for (let node = 1; node < under.length; node++) {
    const parent = report.tree.parent[node - 1]!;
    const matches = hit[report.tree.frame[node - 1]!]!;
    if (matches) found.add(node);
    if (matches && !under[parent]) sum += flame.total[node]!;
    under[node] = matches || under[parent] ? 1 : 0;
  }
  return { found, share: flame.total[0]! > 0 ? sum / flame.total[0]! : 0 };
}
