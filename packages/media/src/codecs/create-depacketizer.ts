import type { VideoCodec } from '../frame.ts';
import type { Depacketizer } from './depacketizer.ts';
import { H264Depacketizer } from './h264-depacketizer.ts';
import { OpusDepacketizer } from './opus.ts';

/** Codecs whose RTP payload formats are known. */
export type RtpCodec = VideoCodec | 'opus';

/** A depacketizer for one track. */
export function createDepacketizer(codec: RtpCodec): Depacketizer {
  switch (codec) {
    case 'h264':
      return new H264Depacketizer();
    case 'opus':
      return new OpusDepacketizer();
    default:
      throw new Error(codec);
  }
}
