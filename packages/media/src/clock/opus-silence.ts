/**
 * Opus packets that decode to silence, longest first: one empty CELT fullband frame of 20, 10, 5 and 2.5 ms
 * (RFC 6716 §3.1: configurations 31 to 28, mono, one frame; then the range coder's "silence" flag).
 * A stereo decoder plays them as well.
 */
const SILENT_PACKETS = [
  { samples: 960, data: Uint8Array.of(0xf8, 0xff, 0xfe) },
  { samples: 480, data: Uint8Array.of(0xf0, 0xff, 0xfe) },
  { samples: 240, data: Uint8Array.of(0xe8, 0xff, 0xfe) },
  { samples: 120, data: Uint8Array.of(0xe0, 0xff, 0xfe) },
] as const;

/** The shortest hole that silence can fill, in samples at 48 kHz: 2.5 ms. */
export const SHORTEST_SILENCE = 120;

/**
 * Opus packets of silence that fill a hole but for less than {@link SHORTEST_SILENCE}.
 * @param samples - length of the hole in samples at 48 kHz
 */
export function* opusSilence(samples: number): Generator<{ readonly samples: number; readonly data: Uint8Array }> {
  let left = samples;
  for (const packet of SILENT_PACKETS) {
    while (left >= packet.samples) {
      yield packet;
      left -= packet.samples;
    }
  }
}
