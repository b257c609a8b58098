import { join } from 'node:path';
import type { Work } from '../work-orders.ts';
import { Canvas, fitInside } from './canvas.ts';
import { FrameFinder } from './frame-finder.ts';
import { encodeJpeg } from './image-encoder.ts';
import { writeWhole } from './movie-file.ts';
import { Pace } from './pace.ts';
import { displaySize, PictureFitter } from './picture-fitter.ts';

const CANDIDATES = 10;
const LARGEST = { width: 1280, height: 1280 } as const;
/** Mean luma from 0 to 255: below is night, above a white page. */
const DARK = 28;
const BRIGHT = 240;
/** Standard deviation of luma, below which there is nothing to see. */
const BLANK = 8;
/** Pixels of a line or column between two that are looked at. */
const SAMPLING = 4;

/**
 * Takes ten pictures, spread over the file, that may stand for it: those with most to see first, dark and blank ones last.
 *
 * @throws AircheckError `media-invalid` when no picture can be decoded, `storage-full`, `storage-failed`,
 * `jobs-unavailable`; the signal's reason
 */
export const cover: Work<'cover'> = async ({ source }, context) => {
  const finder = await FrameFinder.open(source.path, new Pace(context));
  const { av, video } = finder.input;
  const fitter = new PictureFitter(av, video!.quarterTurns);
  try {
    const candidates: { data: Buffer; score: number; width: number; height: number; timeOffsetMs: number }[] = [];
    for (let index = 0; index < CANDIDATES; index += 1) {
      const timeOffsetMs = Math.round((finder.durationMs * (index + 0.5)) / CANDIDATES);
      const picture = await finder.at(timeOffsetMs, index / CANDIDATES);
      const size = fitInside(displaySize(picture, video!.quarterTurns), LARGEST);
      const canvas = new Canvas(av, size, 'full');
      fitter.draw(picture, canvas);
      candidates.push({ data: encodeJpeg(av, canvas), score: rate(canvas), ...size, timeOffsetMs });
      canvas.free();
    }
    candidates.sort((a, b) => b.score - a.score);
    const files = candidates.map(({ data, width, height, timeOffsetMs }, rank) => ({
      name: `cover-${String(rank + 1).padStart(2, '0')}.jpg`,
      mimeType: 'image/jpeg',
      sizeBytes: data.length,
      info: { width, height, timeOffsetMs },
    }));
    for (const [rank, { name }] of files.entries())
      await writeWhole(join(context.folder, name), candidates[rank]!.data);
    return { files };
  } finally {
    fitter.close();
    await finder.close();
  }
};

/** How much there is to see: contrast and edges; below zero for what is dark or blank. */
function rate({ planes, strides, width, height }: Canvas): number {
  const luma = planes[0]!;
  const stride = strides[0]!;
  let count = 0;
  let sum = 0;
  let squares = 0;
  let edges = 0;
  for (let y = 0; y + SAMPLING < height; y += SAMPLING) {
    for (let x = 0; x + SAMPLING < width; x += SAMPLING) {
      const at = y * stride + x;
      const value = luma[at]!;
      count += 1;
      sum += value;
      squares += value * value;
      edges += Math.abs(value - luma[at + SAMPLING]!) + Math.abs(value - luma[at + SAMPLING * stride]!);
    }
  }
  if (count === 0) return 0;
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  const score = deviation + edges / count;
  return mean < DARK || mean > BRIGHT || deviation < BLANK ? score - 1000 : score;
}
