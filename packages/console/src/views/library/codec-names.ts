import type { Codec } from '@aircheck/protocol';

/** Codecs as people write them. */
export const codecNames: Record<Codec, string> = {
  h264: 'H.264',
  vp8: 'VP8',
  vp9: 'VP9',
  av1: 'AV1',
  opus: 'Opus',
  aac: 'AAC',
};
