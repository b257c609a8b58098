import { MediaError } from '../errors.ts';
import type { AssembledFrame, Depacketizer } from './depacketizer.ts';

/** Longest packet (RFC 6716 §3.2.5), in ms. */
const MAX_PACKET_MS = 120;

/** An Opus packet of 20 ms that decodes to silence: one empty CELT fullband frame. */
export const OPUS_SILENCE: Uint8Array = Uint8Array.of(0xf8, 0xff, 0xfe);

/** Frame length in ms by the configuration in the TOC byte's high five bits (RFC 6716 table 2). */
function frameDurationMs(configuration: number): number {
  if (configuration < 12) return [10, 20, 40, 60][configuration & 3]!;
  if (configuration < 16) return [10, 20][configuration & 1]!;
  return [2.5, 5, 10, 20][configuration & 3]!;
}

/**
 * Length of the sound in one Opus packet (RFC 6716 §3.1, §3.2).
 *
 * @param sampleRate - samples per second to count in; RTP and MP4 count Opus at 48000
 * @returns samples
 * @throws MediaError `bitstream-malformed` when the packet is empty, has no frames or more than 120 ms
 */
export function opusPacketDuration(packet: Uint8Array, sampleRate: number): number {
  const toc = packet[0];
  if (toc === undefined) throw new MediaError('bitstream-malformed', 'empty Opus packet');
  const code = toc & 3;
  let frames = code === 0 ? 1 : 2;
  if (code === 3) {
    if (packet.byteLength < 2) throw new MediaError('bitstream-malformed', 'Opus packet ends before its frame count');
    frames = packet[1]! & 0x3f;
  }
  const durationMs = frames * frameDurationMs(toc >> 3);
  if (durationMs === 0 || durationMs > MAX_PACKET_MS) {
    throw new MediaError('bitstream-malformed', `Opus packet of ${durationMs} ms`);
  }
  return (durationMs * sampleRate) / 1000;
}

/**
 * Payload of the `dOps` box (Encapsulation of Opus in ISO Base Media File Format §4.3.2), for one or two channels.
 *
 * @param head.preSkip - samples at 48 kHz to leave out at the beginning; 0 for what began somewhere in a live stream
 * @param head.inputSampleRate - of the sound before encoding, in Hz; informative
 */
export function opusHead(head: {
  readonly channels: number;
  readonly preSkip: number;
  readonly inputSampleRate: number;
}): Uint8Array {
  if (head.channels !== 1 && head.channels !== 2) {
    throw new MediaError('argument-invalid', `Opus with ${head.channels} channels: mapping family 0 has 1 or 2`);
  }
  const bytes = new Uint8Array(11);
  const view = new DataView(bytes.buffer);
  bytes[1] = head.channels;
  view.setUint16(2, head.preSkip);
  view.setUint32(4, head.inputSampleRate);
  return bytes;
}

/**
 * Opus (RFC 7587): one packet is one frame, and its bytes are given out as they are, not copied. What DTX leaves out has no
 * packets, and in-band FEC stays in its packet.
 */
export class OpusDepacketizer implements Depacketizer {
  startsFrame(): boolean {
    return true;
  }

  packetsLost(): void {}

  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'damaged' {
    const packet = payloads[0];
    if (packet === undefined || payloads.length > 1) return 'damaged';
    try {
      opusPacketDuration(packet, 48_000);
    } catch (error) {
      if (error instanceof MediaError) return 'damaged';
      throw error;
    }
    return { data: packet, keyFrame: true };
  }
}

/**
 * RTP payload of one Opus packet (RFC 7587 §4.2): the packet itself.
 *
 * @throws MediaError `bitstream-malformed`
 */
export function packetizeOpus(packet: Uint8Array): Uint8Array[] {
  opusPacketDuration(packet, 48000);
  return [packet];
}
