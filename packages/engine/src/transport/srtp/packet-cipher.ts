/** Longest packet that is protected or unprotected; a datagram that fits an Ethernet frame is far shorter. */
export const longestPacketBytes = 4096;

/** Most bytes that protection adds: GCM tag and SRTCP index, or HMAC tag and SRTCP index. */
export const longestTrailerBytes = 20;

/**
 * The cryptography of one direction of a DTLS-SRTP session, working in place. A result is the length of the packet
 * after the step; -1 says that it is not authentic.
 */
export interface PacketCipher {
  /** @param rolloverCount - upper 32 bits of the packet index */
  openRtp(packet: Buffer, headerLength: number, rolloverCount: number): number;
  /** @param packet - the plain packet with room for {@link longestTrailerBytes} behind it */
  sealRtp(packet: Buffer, length: number, headerLength: number, rolloverCount: number): number;
  /** The SRTCP index is in the packet: {@link rtcpIndex}. */
  openRtcp(packet: Buffer): number;
  /** @param index - 31-bit SRTCP index */
  sealRtcp(packet: Buffer, length: number, index: number): number;
  /** Reads the SRTCP index of a protected packet; -1 when it is too short to have one. */
  rtcpIndex(packet: Buffer): number;
}
