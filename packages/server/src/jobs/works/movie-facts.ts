import type { MoviePlan } from '@aircheck/media';
import type { AudioInfo, VideoInfo } from '@aircheck/protocol';
import type { MediaFacts } from '../work-orders.ts';

/** What will be in a planned file. Bit rates and pictures per second are averages over what is shown. */
export function factsOfPlan({ tracks, durationSeconds, byteLength }: MoviePlan): MediaFacts {
  let video: VideoInfo | null = null;
  let audio: AudioInfo | null = null;
  for (const track of tracks) {
    const { codec, width, height, channels, sampleRate, sampleCount } = track;
    const bitrateBps = durationSeconds > 0 ? Math.round((track.byteLength * 8) / durationSeconds) : 0;
    if (track.kind === 'video') {
      const fps = track.durationSeconds > 0 ? Math.round((sampleCount / track.durationSeconds) * 100) / 100 : 0;
      video ??= { codec, width, height, frames: sampleCount, fps, bitrateBps };
    } else {
      audio ??= { codec, sampleRate, channels, packets: sampleCount, bitrateBps };
    }
  }
  return {
    mimeType: video === null ? 'audio/mp4' : 'video/mp4',
    extension: 'mp4',
    durationMs: Math.round(durationSeconds * 1000),
    sizeBytes: byteLength,
    video,
    audio,
  };
}
