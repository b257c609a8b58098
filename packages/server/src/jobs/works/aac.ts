import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';
import { describeMovie, makeMovie } from './make-movie.ts';
import { MediaInput } from './media-input.ts';
import { Pace } from './pace.ts';
import { PictureCopier } from './picture-copier.ts';
import { SoundTranscoder } from './sound-transcoder.ts';

const SOUND = { sampleRate: 48_000, channels: 2, bitrateBps: 128_000 } as const;

/**
 * Makes an MP4 with AAC sound for players that know no Opus; the pictures are taken over byte by byte.
 *
 * @throws AircheckError `media-invalid` when there is no sound that can be decoded, or pictures that MP4 does not keep;
 * `storage-full`, `storage-failed`, `jobs-unavailable`; the signal's reason
 */
export const aac: Work<'aac'> = async ({ source }, context) => {
  const input = await MediaInput.open(source.path);
  let sound: SoundTranscoder | undefined;
  try {
    const { video, audio } = input;
    if (audio === undefined) throw new AircheckError('media-invalid', 'The file has no sound');
    const pictures = video && new PictureCopier(input, video);
    sound = new SoundTranscoder(input, audio, SOUND);
    const name = video === undefined ? 'audio.m4a' : 'video.mp4';
    const movie = await makeMovie({
      input,
      pictures,
      sound,
      path: join(context.folder, name),
      pace: new Pace(context),
    });
    if (movie?.audio === undefined) {
      const why = sound.damage ?? input.damage ?? 'there is none';
      throw new AircheckError('media-invalid', `No sound of the file could be decoded: ${why}`);
    }
    return { files: [describeMovie(name, movie)] };
  } finally {
    sound?.close();
    await input.close();
  }
};
