import { type RefObject, useEffect, useState } from 'react';

const aspect = 16 / 9;
const gapPx = 12;

/** The number of columns at which tiles of 16:9 come out largest in a box. */
export function bestColumns(
  count: number,
  widthPx: number,
  heightPx: number,
): { columns: number; tileWidthPx: number } {
  let best = { columns: 1, tileWidthPx: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const byWidth = (widthPx - gapPx * (columns - 1)) / columns;
    const byHeight = ((heightPx - gapPx * (rows - 1)) / rows) * aspect;
    const tileWidthPx = Math.floor(Math.min(byWidth, byHeight));
    if (tileWidthPx > best.tileWidthPx) best = { columns, tileWidthPx };
  }
  return best;
}

/** Width of the tiles in an element of changing size. */
export function useTileWidth(element: RefObject<HTMLElement | null>, count: number): number {
  const [box, setBox] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setBox({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return bestColumns(count, box.width, box.height).tileWidthPx;
}
