import { open } from 'node:fs/promises';
import { MediaError, readMp4Summary, type VideoCodec, videoFormat } from '@aircheck/media';
import type { TranscodeSpec } from '@aircheck/protocol';
import { even, fitInside, type Size } from './canvas.ts';
import { MediaInput } from './media-input.ts';
import type { Pace } from './pace.ts';
import { displaySize } from './picture-fitter.ts';

const SCANNED: ReadonlySet<string> = new Set<VideoCodec>(['vp8', 'vp9', 'av1']);

/**
 * The largest picture of a file, upright: a sender's pictures often begin small, and grow when the network proves good.
 * MP4 says it in its index; in WebM key frames are looked at.
 */
export async function largestPicture(input: MediaInput, path: string, pace: Pace): Promise<Size> {
  const { parameters, quarterTurns, codec } = input.video!;
  const { sampleAspectRatio } = parameters;
  let largest: Size = { width: parameters.width, height: parameters.height };
  if (input.format.startsWith('mov')) largest = largerOf(largest, await largestSampleEntry(path));
  else if (SCANNED.has(codec)) largest = largerOf(largest, await largestKeyFrame(path, codec as VideoCodec, pace));
  return displaySize({ ...largest, sampleAspectRatio }, quarterTurns);
}

function largerOf(a: Size, b: Size | undefined): Size {
  return b === undefined || a.width * a.height >= b.width * b.height ? a : { width: b.width, height: b.height };
}

async function largestSampleEntry(path: string): Promise<Size | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { tracks } = await readMp4Summary(async (offset, length) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    }, size);
    return tracks.find((track) => track.kind === 'video');
  } catch (error) {
    // An MP4 of another kind than ours: what FFmpeg said of it will do.
    if (error instanceof MediaError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

async function largestKeyFrame(path: string, codec: VideoCodec, pace: Pace): Promise<Size | undefined> {
  const input = await MediaInput.open(path);
  let largest: Size | undefined;
  try {
    for (let stream = input.read(); stream !== undefined; stream = input.read()) {
      if (stream.kind === 'video' && input.packet.isKeyframe) {
        const format = videoFormat(codec, input.packet.data ?? Buffer.alloc(0));
        if (format !== undefined) largest = largest === undefined ? format : largerOf(largest, format);
      }
      if (pace.due) await pace.pause(0);
    }
    return largest;
  } finally {
    await input.close();
  }
}

/**
 * Size of a rendition: with one side given the other follows, with both the picture is put whole into that shape; with
 * none it keeps its size. Never larger than the picture.
 */
export function renditionSize(picture: Size, { width, height }: NonNullable<TranscodeSpec['video']>): Size {
  if (width === undefined || height === undefined) {
    return fitInside(picture, { width: width ?? Number.POSITIVE_INFINITY, height: height ?? Number.POSITIVE_INFINITY });
  }
  const shrink = Math.min(1, Math.max(picture.width / width, picture.height / height));
  return { width: even(width * shrink), height: even(height * shrink) };
}
