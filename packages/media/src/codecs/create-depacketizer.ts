import type { VideoCodec } from '../frame.ts';
import { Av1Depacketizer } from './av1-depacketizer.ts';
import type { Depacketizer } from './depacketizer.ts';
import { H264Depacketizer } from './h264-depacketizer.ts';
import { OpusDepacketizer } from './opus.ts';
import { Vp8Depacketizer } from './vp8.ts';
import { Vp9Depacketizer } from './vp9.ts';

/** Codecs whose RTP payload formats are known. */
export type RtpCodec = VideoCodec | 'opus';

/** A depacketizer for one track. */
export function createDepacketizer(codec: RtpCodec): Depacketizer {
  switch (codec) {
    case 'h264':
      return new H264Depacketizer();
    case 'opus':
      return new OpusDepacketizer();
    case 'vp8':
      return new Vp8Depacketizer();
    case 'vp9':
      return new Vp9Depacketizer();
    case 'av1':
      return new Av1Depacketizer();
  }
}
