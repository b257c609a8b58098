export type VideoCodec = 'h264' | 'vp8' | 'vp9' | 'av1';
export type AudioCodec = 'opus' | 'aac';

/**
 * One encoded access unit of a track, in decode order, as a depacketizer gives it out.
 *
 * `data` is what a container sample holds:
 * - `h264`: NAL units, each behind a 4-byte big-endian length (ISO/IEC 14496-15 §5.3.4.2); parameter sets stay in band
 * - `vp8`, `vp9`: the frame (VP9: superframe) as the codec defines it
 * - `av1`: OBUs with size fields ("low overhead" format), without temporal delimiters
 * - `opus`: one Opus packet
 * - `aac`: one raw access unit
 */
export interface EncodedFrame {
  readonly data: Uint8Array;
  /** A decoder can start here. Always true for audio. */
  readonly keyFrame: boolean;
  /** RTP timestamp, unwrapped to a number that never jumps back by a wrap; in units of the track's clock rate. */
  readonly rtpTimestamp: number;
  /** When the frame's first packet arrived, milliseconds on the caller's monotonic clock. */
  readonly arrivalMs: number;
  /** Packets of this track, between the frame before and this one, that never came. */
  readonly lostPacketsBefore: number;
  /** Frames known or estimated to have been left out before this one, since they, or what they refer to, were damaged. */
  readonly lostFramesBefore: number;
}
