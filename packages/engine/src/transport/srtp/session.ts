import { CounterModeCipher } from './counter-mode-cipher.ts';
import { GcmCipher } from './gcm-cipher.ts';
import type { SrtpMasterKey, SrtpProfile } from './key-derivation.ts';
import { longestPacketBytes, longestTrailerBytes, type PacketCipher } from './packet-cipher.ts';
import { guessPacketIndex, rtpHeaderLength } from './packet-index.ts';
import { ReplayWindow } from './replay-window.ts';

/** More flows than any publisher has: bounds what a peer can make us remember. */
const mostSources = 1024;

export interface SrtpKeys {
  readonly profile: SrtpProfile;
  readonly local: SrtpMasterKey;
  readonly remote: SrtpMasterKey;
}

/** SRTP and SRTCP of one peer, both directions (RFC 3711, RFC 7714). */
export class SrtpSession {
  readonly #incoming: PacketCipher;
  readonly #outgoing: PacketCipher;
  readonly #received = new Map<number, ReplayWindow>();
  readonly #receivedRtcp = new Map<number, ReplayWindow>();
  readonly #sent = new Map<number, ReplayWindow>();
  #sentRtcpIndex = 0;

  constructor(keys: SrtpKeys) {
    this.#incoming = createPacketCipher(keys.profile, keys.remote);
    this.#outgoing = createPacketCipher(keys.profile, keys.local);
  }

  /**
   * Decrypts in place.
   * @returns the plain packet, a part of `packet`; `undefined` when it is malformed, not authentic or seen before
   */
  openRtp(packet: Buffer): Buffer | undefined {
    if (packet.length > longestPacketBytes) return undefined;
    const headerLength = rtpHeaderLength(packet);
    if (headerLength < 0) return undefined;
    const ssrc = packet.readInt32BE(8);
    const window = this.#received.get(ssrc);
    let index = guessPacketIndex(packet.readUInt16BE(2), window === undefined ? -1 : window.highest);
    if (index < 0 || (window !== undefined && !window.admits(index))) return undefined;
    let length = this.#incoming.openRtp(packet, headerLength, Math.floor(index / 0x10000));
    if (length < 0 && window === undefined) {
      // A flow that began shortly before the wrap and whose first packets were lost: without this it would never
      // be taken. What is not authentic is unchanged.
      index += 0x10000;
      length = this.#incoming.openRtp(packet, headerLength, 1);
    }
    if (length < 0) return undefined;
    if (window === undefined && this.#received.size >= mostSources) return undefined;
    record(this.#received, window, ssrc, index);
    return packet.subarray(0, length);
  }

  /** As {@link openRtp}, for a compound RTCP packet. */
  openRtcp(packet: Buffer): Buffer | undefined {
    if (packet.length > longestPacketBytes) return undefined;
    const index = this.#incoming.rtcpIndex(packet);
    if (index < 0) return undefined;
    const ssrc = packet.readInt32BE(4);
    const window = this.#receivedRtcp.get(ssrc);
    if (window !== undefined && !window.admits(index)) return undefined;
    const length = this.#incoming.openRtcp(packet);
    if (length < 0) return undefined;
    if (window === undefined && this.#receivedRtcp.size >= mostSources) return undefined;
    record(this.#receivedRtcp, window, ssrc, index);
    return packet.subarray(0, length);
  }

  /**
   * Encrypts into `output`, which has room for {@link longestPacketBytes} and {@link longestTrailerBytes}.
   * @returns the length; -1 when the packet is malformed, too long, or would repeat an index: two packets under one
   *   nonce would give away the key that authenticates them (RFC 7714 §8.4), so what is sent again needs RTX
   */
  sealRtp(packet: Uint8Array, output: Buffer): number {
    const headerLength = rtpHeaderLength(packet);
    if (headerLength < 0 || packet.length > longestPacketBytes) return -1;
    output.set(packet);
    const ssrc = output.readInt32BE(8);
    const window = this.#sent.get(ssrc);
    const index = guessPacketIndex(output.readUInt16BE(2), window === undefined ? -1 : window.highest);
    if (index < 0 || (window !== undefined && !window.admits(index))) return -1;
    record(this.#sent, window, ssrc, index);
    return this.#outgoing.sealRtp(output, packet.length, headerLength, Math.floor(index / 0x10000));
  }

  /** As {@link sealRtp}, for a compound RTCP packet. */
  sealRtcp(packet: Uint8Array, output: Buffer): number {
    if (packet.length < 8 || packet.length > longestPacketBytes) return -1;
    output.set(packet);
    return this.#outgoing.sealRtcp(output, packet.length, this.#sentRtcpIndex++);
  }
}

/** Room that {@link SrtpSession.sealRtp} and {@link SrtpSession.sealRtcp} need. */
export const sealedPacketBytes = longestPacketBytes + longestTrailerBytes;

/** Windows are made for authentic packets only, so that forged SSRCs take no memory. */
function record(windows: Map<number, ReplayWindow>, known: ReplayWindow | undefined, ssrc: number, index: number) {
  const window = known ?? new ReplayWindow();
  if (known === undefined) windows.set(ssrc, window);
  window.record(index);
}

function createPacketCipher(profile: SrtpProfile, master: SrtpMasterKey): PacketCipher {
  return profile.cipher === 'aes-128-ecb' ? new CounterModeCipher(master) : new GcmCipher(profile, master);
}
