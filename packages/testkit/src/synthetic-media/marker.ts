/*
 * What is burnt into every picture so that a program can tell which frame it sees.
 *
 * A picture of any size is a grid of 16 × 9 cells. The two upper rows hold 32 cells, white for 1 and black for 0, read
 * left to right: `10`, 24 bits of the frame counter, 4 check bits, `01`. A box at the right is white for the first
 * 100 ms of each second (the flash). Cells are 20 pixels or more from 320×180 up, which outlives any usable encoding
 * and a scaler in between.
 */

export const GRID_COLUMNS = 16;
export const GRID_ROWS = 9;
export const MARKER_ROWS = 2;
export const COUNTER_BITS = 24;

/** The flash's place in cells. */
export const FLASH_BOX = { column: 11, row: 3, columns: 4, rows: 4 } as const;
/** How long the flash and the beep last at the beginning of each second. */
export const EVENT_MS = 100;

/** Size a picture is scaled to before it is read: four pixels a cell each way. */
export const READ_WIDTH = GRID_COLUMNS * 4;
export const READ_HEIGHT = GRID_ROWS * 4;

export function checkBits(counter: number): number {
  let check = 0b1001;
  for (let shift = 0; shift < COUNTER_BITS; shift += 4) check ^= (counter >>> shift) & 15;
  return check;
}

/** The 32 cells of a counter, in reading order. */
export function markerCells(counter: number): boolean[] {
  const low24 = counter % 2 ** COUNTER_BITS;
  const bits = `10${low24.toString(2).padStart(COUNTER_BITS, '0')}${checkBits(low24).toString(2).padStart(4, '0')}01`;
  return [...bits].map((bit) => bit === '1');
}

/** Whether the flash is lit and the beep sounds at a media time. */
export function eventAt(mediaMs: number): boolean {
  return mediaMs % 1000 < EVENT_MS;
}

/**
 * Reads a picture back.
 * @param gray - `READ_WIDTH` × `READ_HEIGHT` bytes of luminance
 * @returns the counter, or null where the cells do not say one; and whether the flash is lit
 */
export function readMarker(gray: Uint8Array): { counter: number | null; flash: boolean } {
  let bits = '';
  for (let cell = 0; cell < GRID_COLUMNS * MARKER_ROWS; cell += 1) {
    const level = mean(gray, (cell % GRID_COLUMNS) * 4 + 1, Math.floor(cell / GRID_COLUMNS) * 4 + 1, 2, 2);
    // A cell that is neither black nor white is damage (or a picture without a marker), not a bit.
    bits += level > 160 ? '1' : level < 96 ? '0' : '?';
  }
  const { column, row, columns, rows } = FLASH_BOX;
  const flash = mean(gray, column * 4 + 2, row * 4 + 2, columns * 4 - 4, rows * 4 - 4) > 160;
  const match = /^10([01]{24})([01]{4})01$/.exec(bits);
  const counter = match === null ? Number.NaN : Number.parseInt(match[1] ?? '', 2);
  const whole = match !== null && checkBits(counter) === Number.parseInt(match[2] ?? '', 2);
  return { counter: whole ? counter : null, flash };
}

function mean(gray: Uint8Array, x: number, y: number, width: number, height: number): number {
  let sum = 0;
  for (let line = y; line < y + height; line += 1) {
    for (let column = x; column < x + width; column += 1) sum += gray[line * READ_WIDTH + column] ?? 0;
  }
  return sum / (width * height);
}
