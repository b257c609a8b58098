import { join } from 'node:path';
import { AircheckError, type SpriteSpec } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';
import { Canvas, even, type Size } from './canvas.ts';
import { FrameFinder } from './frame-finder.ts';
import { encodeJpeg } from './image-encoder.ts';
import { writeWhole } from './movie-file.ts';
import { Pace } from './pace.ts';
import { displaySize, PictureFitter } from './picture-fitter.ts';

const SHORTEST_INTERVAL_MS = 1000;
/** What browsers decode without complaint, and what fits in memory a few times. */
const MAX_SHEET_PIXELS = 64 * 2 ** 20;
const MAX_SHEETS = 500;
const VTT = 'sprite.vtt';

/**
 * Makes sheets of small pictures for the scrub bar, and a WebVTT file that tells which of them belongs to which time
 * (`sprite-001.jpg#xywh=160,0,160,90`). The tile of a time shows the picture with which its interval begins.
 *
 * @returns the first sheet; `sizeBytes` is that of all files
 * @throws AircheckError `request-invalid` when the sheets would be too large or too many, `media-invalid` when no picture
 * can be decoded, `storage-full`, `storage-failed`, `jobs-unavailable`; the signal's reason
 */
export const sprite: Work<'sprite'> = async ({ source, spec }, context) => {
  const finder = await FrameFinder.open(source.path, new Pace(context));
  const { av, video } = finder.input;
  const fitter = new PictureFitter(av, video!.quarterTurns);
  const canvases: Canvas[] = [];
  try {
    const plan = makePlan(spec, displaySize(video!.parameters, video!.quarterTurns), finder.durationMs);
    const { tile, columns, perSheet, tiles, intervalMs } = plan;
    const tileCanvas = new Canvas(av, tile, 'full');
    canvases.push(tileCanvas);
    let sizeBytes = 0;
    const sheets: string[] = [];
    const cues: string[] = ['WEBVTT', ''];
    for (let first = 0; first < tiles; first += perSheet) {
      const count = Math.min(perSheet, tiles - first);
      const name = `sprite-${String(sheets.length + 1).padStart(3, '0')}.jpg`;
      const sheet = new Canvas(
        av,
        { width: Math.min(columns, count) * tile.width, height: Math.ceil(count / columns) * tile.height },
        'full',
      );
      canvases.push(sheet);
      for (let index = 0; index < count; index += 1) {
        const atMs = (first + index) * intervalMs;
        const left = (index % columns) * tile.width;
        const top = Math.floor(index / columns) * tile.height;
        fitter.draw(await finder.at(atMs, (first + index) / tiles), tileCanvas);
        sheet.prepare();
        sheet.draw(tileCanvas, left, top);
        const until = Math.min(atMs + intervalMs, Math.max(finder.durationMs, atMs + 1));
        cues.push(`${clock(atMs)} --> ${clock(until)}`, `${name}#xywh=${left},${top},${tile.width},${tile.height}`, '');
      }
      const data = encodeJpeg(av, sheet);
      canvases.pop()?.free();
      await writeWhole(join(context.folder, name), data);
      sizeBytes += data.length;
      sheets.push(name);
    }
    const vtt = Buffer.from(cues.join('\n'));
    await writeWhole(join(context.folder, VTT), vtt);
    const info = {
      sheets,
      vtt: VTT,
      tileWidth: tile.width,
      tileHeight: tile.height,
      columns,
      rows: spec.rows,
      tiles,
      intervalMs,
    };
    return { files: [{ name: sheets[0]!, mimeType: 'image/jpeg', sizeBytes: sizeBytes + vtt.length, info }] };
  } finally {
    for (const canvas of canvases) canvas.free();
    fitter.close();
    await finder.close();
  }
};

interface Plan {
  readonly tile: Size;
  readonly columns: number;
  readonly perSheet: number;
  readonly tiles: number;
  readonly intervalMs: number;
}

function makePlan({ tileWidth, columns, rows, intervalMs }: SpriteSpec, picture: Size, durationMs: number): Plan {
  const width = even(tileWidth);
  const tile = { width, height: even((width * picture.height) / picture.width) };
  const perSheet = columns * rows;
  const interval = intervalMs ?? Math.max(SHORTEST_INTERVAL_MS, Math.ceil(durationMs / perSheet));
  const tiles = Math.max(1, Math.ceil(durationMs / interval));
  const pixels = Math.min(perSheet, tiles) * tile.width * tile.height;
  if (pixels > MAX_SHEET_PIXELS) {
    const detail = `A sheet of ${columns}×${rows} tiles of ${tile.width}×${tile.height} has ${pixels} pixels`;
    throw new AircheckError('request-invalid', `${detail}: ${MAX_SHEET_PIXELS} are possible`, { input: 'spec' });
  }
  const sheets = Math.ceil(tiles / perSheet);
  if (sheets > MAX_SHEETS) {
    throw new AircheckError('request-invalid', `${sheets} sheets for one file: ${MAX_SHEETS} are possible`, {
      input: 'spec.intervalMs',
    });
  }
  return { tile, columns, perSheet, tiles, intervalMs: interval };
}

/** `hh:mm:ss.ttt` (WebVTT §4.3). */
function clock(ms: number): string {
  const whole = Math.round(ms);
  const part = (value: number, digits = 2): string => String(Math.floor(value)).padStart(digits, '0');
  return `${part(whole / 3_600_000)}:${part((whole / 60_000) % 60)}:${part((whole / 1000) % 60)}.${part(whole % 1000, 3)}`;
}
