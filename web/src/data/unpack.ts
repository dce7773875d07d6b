// From the text in the page to named columns. The layout is in docs/report.md; src/tool/render/report_columns.cpp writes it.

export interface Unpacked {
  head: Record<string, unknown>;
  columns: Map<string, Float64Array | Uint8Array>;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.trim());
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
  return out;
}

async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers in groups of seven bits, the lowest first. Beyond 2^53 they lose their last digits. */
export function readNumbers(bytes: Uint8Array, at: number, count: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let byte = bytes[at++];
    if (byte === undefined) throw new Error('the data of this report ends too early');
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = bytes[at++];
      if (byte === undefined) throw new Error('the data of this report ends too early');
      value += (byte & 0x7f) * scale;
    }
    out[i] = value;
  }
  return out;
}

export function unpackBytes(whole: Uint8Array): Unpacked {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const length = view.getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + length)));
  if (!String(head.schema).startsWith('loam-report/1')) {
    throw new Error(`this page reads loam-report/1, not ${String(head.schema)}`);
  }
  const columns = new Map<string, Float64Array | Uint8Array>();
  let at = 4 + length;
  for (const { name, kind, count, bytes } of head.columns) {
    columns.set(name, kind === 'bytes' ? whole.subarray(at, at + bytes) : readNumbers(whole, at, count));
    at += bytes;
  }
  if (at > whole.length) throw new Error('the data of this report ends too early');
  return { head, columns };
}

export async function unpack(text: string): Promise<Unpacked> {
  return unpackBytes(await inflate(fromBase64(text)));
}
