// The report as the page uses it: plain arrays, with names for what the tool wrote. Built once, never changed.
import type { Unpacked } from './unpack.ts';

export interface Frame {
  name: string;
  file: string;
  line: number;
  module: string;
}

/** A place in the tree of stacks; node 0 stands for no frame at all. */
export interface Tree {
  parent: Float64Array;
  frame: Float64Array;
}

export interface Part {
  start: bigint;
  bytes: number;
  offset: number;
}

export interface Policy {
  name: string;
  peak_heap: number;
  overhead: number;
  header: number;
  padding: number;
  internal: number;
  external: number;
  grow_calls: number;
  shrink_calls: number;
}

export interface Finding {
  kind: string;
  message: string;
  class?: string;
  bytes?: number;
  blocks?: number;
  times?: number;
  stacks?: { role: string; frames: { function?: string; file?: string; line?: number; module?: string }[] }[];
}

export const kCompared = ['live', 'peak', 'bytes', 'allocations', 'temporary'] as const;
export type Compared = (typeof kCompared)[number];
export type ComparedFigures = Record<Compared, Float64Array>;

/** What differs from an earlier recording. Sites are its own: some are no longer there, some stand for several stacks. */
export interface Compare {
  name: string;
  program: string[];
  rebuilt: string[];
  /** Of the whole heap. */
  before: Record<Compared, number>;
  after: Record<Compared, number>;
  sites: { count: number; node: Float64Array; label: Float64Array; old: ComparedFigures; new: ComparedFigures };
  leftOut: number;
  hasSites: boolean;
}

export interface Report {
  name: string;
  program: string[];
  pid: number;
  started: number;
  machine: string;
  ending: string;
  remarks: string[];
  hasStacks: boolean;
  hasCrossings: boolean;
  events: number;
  threads: number;
  allSites: number;
  mergedSites: number;
  version: string;
  duration: number;
  buckets: number;
  peak: { bytes: number; time: number };
  bucket: Record<'live' | 'blocks' | 'headers' | 'padding' | 'peak' | 'allocations' | 'bytes' | 'frees' | 'freed' | 'resizes', Float64Array>;
  sample: Record<'time' | 'resident' | 'mapped' | 'crossings', Float64Array>;
  size: Record<'bucket' | 'bin' | 'allocations' | 'bytes', Float64Array>;
  frames: Frame[];
  tree: Tree;
  sites: {
    count: number;
    node: Float64Array;
    label: Float64Array;
    peak: Float64Array;
    peakBlocks: Float64Array;
    /** Where the sums of site i begin; those of the last end at first[count]. */
    first: Float64Array;
  };
  sum: Record<
    | 'bucket'
    | 'allocations'
    | 'bytes'
    | 'frees'
    | 'freed'
    | 'temporary'
    | 'temporary_bytes'
    | 'life'
    | 'kept'
    | 'kept_bytes',
    Float64Array
  >;
  map: {
    tile: number;
    tiles: number;
    parts: Part[];
    cells: Uint8Array;
    /** `header` bytes lie in front of a block's offset, `padding` behind its size. */
    blocks: Record<'offset' | 'size' | 'header' | 'padding' | 'born' | 'died' | 'site', Float64Array>;
    leftOut: number;
  };
  policies: Policy[];
  findings: Finding[] | null;
  compare: Compare | null;
}

/** Sums up in place: what was told as steps becomes positions. */
export function accumulate(steps: Float64Array): Float64Array {
  let sum = 0;
  for (let i = 0; i < steps.length; i++) steps[i] = sum += steps[i]!;
  return steps;
}

function firsts(counts: Float64Array): Float64Array {
  const out = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) out[i + 1] = out[i]! + counts[i]!;
  return out;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Head = any;

function policiesOf(head: Head): Policy[] {
  const list = Array.isArray(head.policies) ? head.policies : [];
  const number = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
  return list.map((p: Record<string, unknown>) => ({
    name: String(p.name),
    peak_heap: number(p.peak_heap),
    overhead: number(p.overhead),
    header: number(p.header),
    padding: number(p.padding),
    internal: number(p.internal),
    external: number(p.external),
    grow_calls: number(p.grow_calls),
    shrink_calls: number(p.shrink_calls),
  }));
}

function compareOf(
  head: Head,
  column: (name: string) => Float64Array,
  group: (prefix: string, names: Compared[]) => ComparedFigures,
): Compare {
  return {
    name: head.name,
    program: head.program,
    rebuilt: head.rebuilt,
    before: head.before,
    after: head.after,
    sites: {
      count: column('compare.node').length,
      node: column('compare.node'),
      label: column('compare.label'),
      old: group('compare.old', [...kCompared]),
      new: group('compare.new', [...kCompared]),
    },
    leftOut: head.left_out,
    hasSites: head.has_sites,
  };
}

export function reportOf({ head: plain, columns }: Unpacked): Report {
  const head = plain as Head;
  const column = (name: string): Float64Array => {
    const found = columns.get(name);
    if (!(found instanceof Float64Array)) throw new Error(`this report has no column ${name}`);
    return found;
  };
  const group = <K extends string>(prefix: string, names: K[]) =>
    Object.fromEntries(names.map((name) => [name, column(`${prefix}.${name}`)])) as Record<K, Float64Array>;
  const strings: string[] = head.strings;
  const fn = column('frame.function');
  const file = column('frame.file');
  const line = column('frame.line');
  const module = column('frame.module');
  const frames: Frame[] = [];
  for (let i = 0; i < fn.length; i++) {
    frames.push({
      name: strings[fn[i]!]!,
      file: strings[file[i]!]!,
      line: line[i]!,
      module: strings[module[i]!]!,
    });
  }
  const born = column('block.born');
  const died = column('block.life').map((life, i) => life + born[i]!);
  const recording = head.recording;
  const axes = head.axes;
  return {
    name: recording.name,
    program: recording.program,
    pid: recording.pid,
    started: recording.started,
    machine: recording.machine,
    ending: recording.ending,
    remarks: recording.remarks,
    hasStacks: recording.stacks,
    hasCrossings: recording.crossings,
    events: recording.events,
    threads: recording.threads,
    allSites: recording.sites,
    mergedSites: recording.merged_sites,
    version: head.version,
    duration: axes.duration,
    buckets: axes.buckets,
    peak: axes.peak,
    bucket: group('bucket', ['live', 'blocks', 'headers', 'padding', 'peak', 'allocations', 'bytes', 'frees', 'freed', 'resizes']),
    sample: group('sample', ['time', 'resident', 'mapped', 'crossings']),
    size: group('size', ['bucket', 'bin', 'allocations', 'bytes']),
    frames,
    tree: { parent: column('node.parent'), frame: column('node.frame') },
    sites: {
      count: column('site.node').length,
      node: column('site.node'),
      label: column('site.label'),
      peak: column('site.peak'),
      peakBlocks: column('site.peak_blocks'),
      first: firsts(column('site.sums')),
    },
    sum: group('sum', [
      'bucket',
      'allocations',
      'bytes',
      'frees',
      'freed',
      'temporary',
      'temporary_bytes',
      'life',
      'kept',
      'kept_bytes',
    ]),
    map: {
      tile: axes.tile,
      tiles: axes.tiles,
      parts: axes.parts.map((p: Head) => ({ start: BigInt(p.start), bytes: p.bytes, offset: p.offset })),
      cells: columns.get('map.cells') as Uint8Array,
      blocks: {
        offset: accumulate(column('block.offset')),
        size: column('block.size'),
        header: column('block.header'),
        padding: column('block.padding'),
        born,
        died,
        site: column('block.site'),
      },
      leftOut: head.blocks_left_out,
    },
    policies: policiesOf(head),
    findings: Array.isArray(head.findings) ? head.findings : null,
    compare: head.compare ? compareOf(head.compare, column, group) : null,
  };
}
