import { eventAt, FLASH_BOX, GRID_COLUMNS, GRID_ROWS, MARKER_ROWS, markerCells } from './marker.ts';
import { seededRandom } from './random.ts';

/** 3 × 5 dots a sign, rows from the top, bits from the left. */
const FONT: Readonly<Record<string, readonly number[]>> = {
  '0': [7, 5, 5, 5, 7],
  '1': [2, 6, 2, 2, 7],
  '2': [7, 1, 7, 4, 7],
  '3': [7, 1, 3, 1, 7],
  '4': [5, 5, 7, 1, 1],
  '5': [7, 4, 7, 1, 7],
  '6': [7, 4, 7, 5, 7],
  '7': [7, 1, 2, 2, 2],
  '8': [7, 5, 7, 5, 7],
  '9': [7, 5, 7, 1, 7],
  ':': [0, 2, 0, 2, 0],
  '.': [0, 0, 0, 0, 2],
};

const BLACK = 16;
const WHITE = 235;
const DARK = 40;

/**
 * Draws the moving test picture as planar YUV 4:2:0: the marker, a clock and the frame number for people, the flash,
 * a ball that crosses the picture, and noise that no encoder can predict, so that the bit rate asked for is used.
 */
export class TestPicture {
  readonly #width: number;
  readonly #height: number;
  readonly #frame: Buffer;
  readonly #background: Buffer;
  readonly #noise: Buffer;
  readonly #random = seededRandom(20);

  /** @param width, height - multiples of 16 and 2; from 320 × 180 on the marker can be read back */
  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#background = Buffer.alloc((width * height * 3) / 2, DARK);
    const chroma = width * height;
    for (let y = 0; y < height / 2; y += 1) {
      for (let x = 0; x < width / 2; x += 1) {
        const at = chroma + (y * width) / 2 + x;
        const coloured = y > height / 9;
        this.#background[at] = coloured ? 96 + Math.floor((x * 128) / width) : 128;
        this.#background[at + chroma / 4] = coloured ? 160 - Math.floor((y * 128) / height) : 128;
      }
    }
    for (let y = Math.floor((height * MARKER_ROWS) / GRID_ROWS); y < height; y += 1) {
      for (let x = 0; x < width; x += 1) this.#background[y * width + x] = 48 + Math.floor((x * 72) / width);
    }
    this.#noise = Buffer.alloc(65_536);
    for (let at = 0; at < this.#noise.length; at += 1) this.#noise[at] = 70 + Math.floor(this.#random() * 60);
    this.#frame = Buffer.from(this.#background);
  }

  /**
   * @param counter - frame number, the low 24 bits of which are burnt in
   * @param mediaMs - media time of the frame; the flash follows it
   * @returns one buffer that the next call overwrites
   */
  draw(counter: number, mediaMs: number): Buffer {
    const width = this.#width;
    const cellWidth = width / GRID_COLUMNS;
    const cellHeight = this.#height / GRID_ROWS;
    this.#background.copy(this.#frame);
    this.#drawNoise(cellHeight);
    const travel = (mediaMs / 4000) % 2;
    const ball = Math.floor((travel < 1 ? travel : 2 - travel) * cellWidth * 9);
    this.#fill(ball, 5.4 * cellHeight, cellWidth, cellHeight, 200);
    const seconds = Math.floor(mediaMs / 1000);
    const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
      .map((part) => String(Math.floor(part)).padStart(2, '0'))
      .join(':');
    const milliseconds = String(Math.floor(mediaMs % 1000)).padStart(3, '0');
    this.#write(`${clock}.${milliseconds}`, cellWidth / 2, 2.6 * cellHeight, Math.max(2, Math.floor(cellHeight / 5)));
    this.#write(String(counter), cellWidth / 2, 4.0 * cellHeight, Math.max(2, Math.floor(cellHeight / 5)));
    markerCells(counter).forEach((white, cell) => {
      const x = (cell % GRID_COLUMNS) * cellWidth;
      this.#fill(x, Math.floor(cell / GRID_COLUMNS) * cellHeight, cellWidth, cellHeight, white ? WHITE : BLACK);
    });
    const { column, row, columns, rows } = FLASH_BOX;
    const level = eventAt(mediaMs) ? WHITE : DARK;
    this.#fill(column * cellWidth, row * cellHeight, columns * cellWidth, rows * cellHeight, level);
    return this.#frame;
  }

  #drawNoise(cellHeight: number): void {
    for (let y = Math.ceil(7 * cellHeight); y < this.#height; y += 1) {
      const from = Math.floor(this.#random() * (this.#noise.length - this.#width));
      this.#noise.copy(this.#frame, y * this.#width, from, from + this.#width / 2);
    }
  }

  #fill(x: number, y: number, width: number, height: number, level: number): void {
    for (let line = Math.round(y); line < Math.round(y + height); line += 1) {
      const start = line * this.#width;
      this.#frame.fill(level, start + Math.round(x), start + Math.min(this.#width, Math.round(x + width)));
    }
  }

  #write(text: string, x: number, y: number, dot: number): void {
    [...text].forEach((sign, index) => {
      FONT[sign]?.forEach((dots, line) => {
        for (let column = 0; column < 3; column += 1) {
          if ((dots & (4 >> column)) === 0) continue;
          this.#fill(x + (index * 4 + column) * dot, y + line * dot, dot, dot, WHITE);
        }
      });
    });
  }
}
