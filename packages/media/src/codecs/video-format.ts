import type { AudioTrackOptions, VideoFormat } from '../container/container-writer.ts';
import { MediaError } from '../errors.ts';
import type { VideoCodec } from '../frame.ts';
import { av1Format } from './av1-sequence-header.ts';
import { h264Format } from './h264-parameter-sets.ts';
import { vp8Format } from './vp8.ts';
import { vp9Format } from './vp9.ts';

const READERS: Readonly<Record<VideoCodec, (frameData: Uint8Array) => VideoFormat | undefined>> = {
  h264: h264Format,
  vp8: vp8Format,
  vp9: vp9Format,
  av1: av1Format,
};

/**
 * What a key frame says of its pictures: size and codec configuration.
 *
 * @param keyFrameData - as an {@link EncodedFrame} holds it
 * @returns undefined when the frame does not say it, or not in a way that can be read
 */
export function videoFormat(codec: VideoCodec, keyFrameData: Uint8Array): VideoFormat | undefined {
  try {
    return READERS[codec](keyFrameData);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

/**
 * The codec's name in MIME types and playlists (RFC 6381; VP9 and AV1: their ISO Media File Format bindings).
 *
 * @throws MediaError `bitstream-malformed` when the description ends before what the name is made of
 */
export function codecString(
  format: Pick<VideoFormat, 'codec' | 'description'> | Pick<AudioTrackOptions, 'codec' | 'description'>,
): string {
  const { codec, description } = format;
  const byte = (offset: number): number => {
    const value = description[offset];
    if (value === undefined) throw new MediaError('bitstream-malformed', `${codec} description ends before ${offset}`);
    return value;
  };
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  const decimal = (value: number): string => String(value).padStart(2, '0');
  switch (codec) {
    case 'h264':
      return `avc1.${hex(byte(1))}${hex(byte(2))}${hex(byte(3))}`;
    case 'vp8':
      return 'vp8';
    case 'vp9': {
      // With or without version and flags before the fields.
      const start = description.byteLength >= 12 ? 4 : 0;
      return `vp09.${decimal(byte(start))}.${decimal(byte(start + 1))}.${decimal(byte(start + 2) >> 4)}`;
    }
    case 'av1': {
      const bitDepth = (byte(2) & 0x40) === 0 ? 8 : (byte(2) & 0x20) === 0 ? 10 : 12;
      const tier = (byte(2) & 0x80) === 0 ? 'M' : 'H';
      return `av01.${byte(1) >> 5}.${decimal(byte(1) & 0x1f)}${tier}.${decimal(bitDepth)}`;
    }
    case 'opus':
      return 'opus';
    case 'aac': {
      const objectType = byte(0) >> 3;
      return `mp4a.40.${objectType === 31 ? 32 + (((byte(0) & 7) << 3) | (byte(1) >> 5)) : objectType}`;
    }
  }
}
