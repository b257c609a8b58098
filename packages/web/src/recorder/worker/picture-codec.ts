import type { Container } from '../start-options.ts';

export type PictureCodec = 'h264' | 'vp8' | 'vp9';

/** H.264 levels by the largest picture, in macroblocks of 16 × 16 (ISO/IEC 14496-10 table A-1), for 30 pictures a second. */
const H264_LEVELS = [
  [1620, '1e'],
  [3600, '1f'],
  [8192, '28'],
  [8704, '2a'],
  [22080, '32'],
  [36864, '33'],
] as const;
const HIGHEST_LEVEL = '34';

function codecString(codec: PictureCodec, width: number, height: number): string {
  if (codec !== 'h264') return codec === 'vp8' ? 'vp8' : 'vp09.00.41.08';
  const macroblocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const level = H264_LEVELS.find(([most]) => macroblocks <= most)?.[1] ?? HIGHEST_LEVEL;
  // Constrained baseline: every encoder has it, and it is the least work.
  return `avc1.42e0${level}`;
}

export function pictureEncoderConfig(
  codec: PictureCodec,
  { width, height }: { readonly width: number; readonly height: number },
  bitrateBps: number,
): VideoEncoderConfig {
  return {
    codec: codecString(codec, width, height),
    width,
    height,
    bitrate: bitrateBps,
    framerate: 30,
    latencyMode: 'realtime',
    // Parameter sets in every key frame: a file cut off anywhere can be made whole from its pictures alone.
    ...(codec === 'h264' && { avc: { format: 'annexb' } }),
  };
}

/** The codec that goes into a container and that this browser encodes, best first. VP8 is not kept in MP4. */
export async function choosePictureCodec(container: Container): Promise<PictureCodec | undefined> {
  const wanted: readonly PictureCodec[] = container === 'webm' ? ['vp8', 'vp9'] : ['h264', 'vp9'];
  for (const codec of wanted) {
    const config = pictureEncoderConfig(codec, { width: 1280, height: 720 }, 2_000_000);
    if ((await VideoEncoder.isConfigSupported(config)).supported) return codec;
  }
  return undefined;
}
