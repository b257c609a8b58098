const names: Readonly<Record<string, string>> = {
  h264: 'H.264',
  h265: 'H.265',
  hevc: 'H.265',
  mpeg4: 'MPEG-4',
  vp8: 'VP8',
  vp9: 'VP9',
  av1: 'AV1',
  opus: 'Opus',
  aac: 'AAC',
  mp3: 'MP3',
};

/** A codec as people write it; uploads may hold any. */
export function codecName(codec: string): string {
  return names[codec] ?? codec.toUpperCase();
}
