// Colours for what is drawn on a canvas: those of the style sheet, read again when the reader's system changes between dark and light.
import { useEffect, useState } from 'preact/hooks';

export interface Theme {
  dark: boolean;
  text: string;
  muted: string;
  line: string;
  surface: string;
  accent: string;
  second: string;
  free: string;
  untouched: string;
  header: string;
  padding: string;
}

const query = () => matchMedia('(prefers-color-scheme: dark)');

function read(): Theme {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    dark: query().matches,
    text: of('--text'),
    muted: of('--muted'),
    line: of('--line'),
    surface: of('--surface'),
    accent: of('--accent'),
    second: of('--second'),
    free: of('--free'),
    untouched: of('--untouched'),
    header: of('--header'),
    padding: of('--padding'),
  };
}

export function useTheme(): Theme {
  const [theme, set] = useState(read);
  useEffect(() => {
    const media = query();
    const change = () => set(read());
    media.addEventListener('change', change);
    return () => media.removeEventListener('change', change);
  }, []);
  return theme;
}

/** A steady colour for a number: neighbours differ, none shouts. */
export function hueOf(number: number): number {
  return (number * 137.508 + 200) % 360;
}

/** Width in CSS pixels of an element, kept up to date. */
export function useWidth(): [(element: Element | null) => void, number] {
  const [element, setElement] = useState<Element | null>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    setWidth(Math.floor(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, width];
}

/** A canvas of the size given in CSS pixels, sharp on any screen. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
