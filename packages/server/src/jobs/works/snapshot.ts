import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { ProducedFile, Work } from '../work-orders.ts';
import { Canvas, fitInside } from './canvas.ts';
import { FrameFinder } from './frame-finder.ts';
import { encodeJpeg, encodePng } from './image-encoder.ts';
import { writeWhole } from './movie-file.ts';
import { Pace } from './pace.ts';
import { displaySize, PictureFitter } from './picture-fitter.ts';

/**
 * Takes the pictures that are shown at given times, as large as they are then, or of the width asked for if that is smaller.
 *
 * @throws AircheckError `request-invalid` for a time behind the end, `media-invalid` when no picture can be decoded,
 * `storage-full`, `storage-failed`, `jobs-unavailable`; the signal's reason
 */
export const snapshot: Work<'snapshot'> = async ({ source, offsetsMs, width, format }, context) => {
  const finder = await FrameFinder.open(source.path, new Pace(context));
  const { av, video } = finder.input;
  const fitter = new PictureFitter(av, video!.quarterTurns);
  try {
    const beyond = offsetsMs.find((offset) => offset > finder.durationMs);
    if (beyond !== undefined) {
      const detail = `${beyond} ms lies behind the end of the file, which is ${Math.round(finder.durationMs)} ms long`;
      throw new AircheckError('request-invalid', detail, { input: 'offsetsMs' });
    }
    const files: ProducedFile[] = [];
    // Rising times cost least; the answer keeps the order that was asked for.
    const rising = [...offsetsMs.entries()].sort(([, a], [, b]) => a - b);
    for (const [done, [index, timeOffsetMs]] of rising.entries()) {
      const picture = await finder.at(timeOffsetMs, done / rising.length);
      const box = { width: width ?? Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY };
      const size = fitInside(displaySize(picture, video!.quarterTurns), box);
      const canvas = new Canvas(av, size, format === 'jpeg' ? 'full' : 'video');
      fitter.draw(picture, canvas);
      const data = format === 'jpeg' ? encodeJpeg(av, canvas) : encodePng(av, canvas);
      canvas.free();
      const name = `snapshot-${String(index + 1).padStart(3, '0')}.${format === 'jpeg' ? 'jpg' : 'png'}`;
      await writeWhole(join(context.folder, name), data);
      files[index] = { name, mimeType: `image/${format}`, sizeBytes: data.length, info: { ...size, timeOffsetMs } };
    }
    return { files };
  } finally {
    fitter.close();
    await finder.close();
  }
};
