// Numbers for people. One place, so that the same figure reads the same everywhere on the page.

const kUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(value: number): string {
  const sign = value < 0 ? '−' : '';
  let rest = Math.abs(value);
  let unit = 0;
  while (rest >= 1024 && unit + 1 < kUnits.length) {
    rest /= 1024;
    unit++;
  }
  const digits = unit === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${sign}${rest.toFixed(digits)} ${kUnits[unit]}`;
}

/** A difference with its sign; nothing at all is 0. */
export const signed = (value: number, format: (value: number) => string) =>
  value === 0 ? '0' : `${value > 0 ? '+' : '−'}${format(Math.abs(value))}`;

export const count = (value: number) => Math.round(value).toLocaleString('en-US');

/** Nanoseconds. */
export function time(value: number): string {
  if (value < 1e3) return `${Math.round(value)} ns`;
  if (value < 1e6) return `${(value / 1e3).toPrecision(3)} µs`;
  if (value < 1e9) return `${(value / 1e6).toPrecision(3)} ms`;
  if (value < 120e9) return `${(value / 1e9).toFixed(value < 10e9 ? 2 : 1)} s`;
  const minutes = Math.floor(value / 60e9);
  if (minutes < 120) return `${minutes} min ${Math.floor((value % 60e9) / 1e9)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function percent(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const share = (100 * part) / whole;
  return share > 0 && share < 0.1 ? '< 0.1 %' : `${share.toFixed(share >= 9.95 ? 0 : 1)} %`;
}

export const plural = (n: number, one: string, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

/** The last part of a path. */
export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);
