import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { Work, WorkOrders } from '../work-orders.ts';
import { describeMovie, type Movie, makeMovie } from './make-movie.ts';
import { MediaInput } from './media-input.ts';
import { Pace } from './pace.ts';
import { largestPicture, renditionSize } from './picture-size.ts';
import { PictureTranscoder } from './picture-transcoder.ts';
import { SoundTranscoder } from './sound-transcoder.ts';
import { Watermark } from './watermark.ts';

/**
 * Makes an MP4 of H.264 and AAC of a file in any container and codec that is taken. It is written as recordings are, so
 * that it plays by ranges and as HLS. A track that the file lacks is left out; a file that is damaged is gone through as far as
 * it can be read.
 *
 * @throws AircheckError `media-invalid` when nothing of what the template asks for can be decoded, `storage-full`,
 * `storage-failed`, `jobs-unavailable`; the signal's reason
 */
export const transcode: Work<'transcode'> = async (order, context) => {
  const name = order.spec.container === 'm4a' ? 'audio.m4a' : 'video.mp4';
  const path = join(context.folder, name);
  const pace = new Pace(context);
  let movie = await attempt(order, path, pace, true);
  if (movie.emptySound) {
    // Sound that was told and never came would leave a track without an end: the file is made again without it.
    await rm(path);
    movie = await attempt(order, path, pace, false);
  }
  return { files: [describeMovie(name, movie)] };
};

async function attempt(
  { source, spec, watermark }: WorkOrders['transcode'],
  path: string,
  pace: Pace,
  withSound: boolean,
): Promise<Movie & { readonly emptySound: boolean }> {
  const input = await MediaInput.open(source.path);
  const { av, video, audio } = input;
  let pictures: PictureTranscoder | undefined;
  let sound: SoundTranscoder | undefined;
  try {
    if (video !== undefined && spec.video !== null && spec.container !== 'm4a') {
      const size = renditionSize(await largestPicture(input, source.path, pace), spec.video);
      const { bitrateBps, fps } = spec.video;
      const mark = watermark && (await Watermark.load(av, watermark, size));
      pictures = new PictureTranscoder(input, video, { size, bitrateBps, fps, watermark: mark });
    }
    if (audio !== undefined && spec.audio !== null && withSound) sound = new SoundTranscoder(input, audio, spec.audio);
    if (pictures === undefined && sound === undefined) {
      const [has, wanted] = video === undefined ? ['sound alone', 'picture'] : ['picture alone', 'sound'];
      throw new AircheckError('media-invalid', `The file has ${has}, and the template asks for ${wanted} alone`);
    }
    const movie = await makeMovie({ input, pictures, sound, path, pace });
    if (movie !== undefined && (pictures === undefined || movie.video !== undefined)) {
      return { ...movie, emptySound: sound !== undefined && movie.audio === undefined && movie.video !== undefined };
    }
    const why = [pictures?.damage, sound?.damage, input.damage].filter((reason) => reason !== undefined);
    const what = pictures === undefined ? 'sound' : 'picture';
    throw new AircheckError(
      'media-invalid',
      `No ${what} of the file could be decoded: ${why.join('; ') || 'there is none'}`,
    );
  } finally {
    pictures?.close();
    sound?.close();
    await input.close();
  }
}
