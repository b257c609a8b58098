import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import { deriveSessionKeys, type SrtpMasterKey, type SrtpProfile, type SrtpSessionKeys } from './key-derivation.ts';
import type { PacketCipher } from './packet-cipher.ts';

const tagLength = 16;
const rtcpHeaderLength = 8;
const encryptedFlag = 0x80000000;

/** AEAD_AES_128_GCM and AEAD_AES_256_GCM for SRTP (RFC 7714). */
export class GcmCipher implements PacketCipher {
  readonly #algorithm: CipherGCMTypes;
  readonly #rtp: SrtpSessionKeys;
  readonly #rtcp: SrtpSessionKeys;
  // OpenSSL copies the nonce when the cipher is made, so that one buffer serves all packets.
  readonly #nonce = Buffer.alloc(12);
  readonly #rtcpAad = Buffer.alloc(rtcpHeaderLength + 4);

  constructor(profile: SrtpProfile, master: SrtpMasterKey) {
    this.#algorithm = profile.cipher as CipherGCMTypes;
    this.#rtp = deriveSessionKeys(profile, master, 'rtp');
    this.#rtcp = deriveSessionKeys(profile, master, 'rtcp');
  }

  openRtp(packet: Buffer, headerLength: number, rolloverCount: number): number {
    const end = packet.length - tagLength;
    if (end < headerLength) return -1;
    this.#rtpNonce(packet, rolloverCount);
    return this.#open(this.#rtp, packet.subarray(0, headerLength), packet, headerLength, end, end) ? end : -1;
  }

  sealRtp(packet: Buffer, length: number, headerLength: number, rolloverCount: number): number {
    this.#rtpNonce(packet, rolloverCount);
    this.#seal(this.#rtp, packet.subarray(0, headerLength), packet, headerLength, length);
    return length + tagLength;
  }

  rtcpIndex(packet: Buffer): number {
    if (packet.length < rtcpHeaderLength + tagLength + 4) return -1;
    return packet.readUInt32BE(packet.length - 4) & ~encryptedFlag;
  }

  openRtcp(packet: Buffer): number {
    const indexOffset = packet.length - 4;
    const end = indexOffset - tagLength;
    if (end < rtcpHeaderLength) return -1;
    const word = packet.readUInt32BE(indexOffset);
    this.#rtcpNonce(packet, word & ~encryptedFlag);
    if (word >= encryptedFlag) {
      const aad = this.#rtcpAssociatedData(packet, word);
      return this.#open(this.#rtcp, aad, packet, rtcpHeaderLength, end, end) ? end : -1;
    }
    // Authenticated only: the whole packet and the index are associated data (RFC 7714 §9.3).
    const aad = Buffer.concat([packet.subarray(0, end), packet.subarray(indexOffset)]);
    return this.#open(this.#rtcp, aad, packet, end, end, end) ? end : -1;
  }

  sealRtcp(packet: Buffer, length: number, index: number): number {
    const word = (index | encryptedFlag) >>> 0;
    this.#rtcpNonce(packet, index);
    this.#seal(this.#rtcp, this.#rtcpAssociatedData(packet, word), packet, rtcpHeaderLength, length);
    packet.writeUInt32BE(word, length + tagLength);
    return length + tagLength + 4;
  }

  #open(keys: SrtpSessionKeys, aad: Buffer, packet: Buffer, from: number, to: number, tagOffset: number): boolean {
    const decipher = createDecipheriv(this.#algorithm, keys.encryption, this.#nonce);
    decipher.setAAD(aad);
    decipher.setAuthTag(packet.subarray(tagOffset, tagOffset + tagLength));
    const plain = decipher.update(packet.subarray(from, to));
    try {
      decipher.final();
    } catch {
      // The only thing final() throws for: the tag does not match.
      return false;
    }
    packet.set(plain, from);
    return true;
  }

  #seal(keys: SrtpSessionKeys, aad: Buffer, packet: Buffer, from: number, to: number): void {
    const cipher = createCipheriv(this.#algorithm, keys.encryption, this.#nonce);
    cipher.setAAD(aad);
    packet.set(cipher.update(packet.subarray(from, to)), from);
    cipher.final();
    packet.set(cipher.getAuthTag(), to);
  }

  /** 2 zero bytes, SSRC, rollover count, sequence number; XOR salt (RFC 7714 §8.1). */
  #rtpNonce(packet: Buffer, rolloverCount: number): void {
    const nonce = this.#nonce;
    const salt = this.#rtp.salt;
    nonce[0] = salt[0]!;
    nonce[1] = salt[1]!;
    nonce[2] = packet[8]! ^ salt[2]!;
    nonce[3] = packet[9]! ^ salt[3]!;
    nonce[4] = packet[10]! ^ salt[4]!;
    nonce[5] = packet[11]! ^ salt[5]!;
    nonce[6] = (rolloverCount >>> 24) ^ salt[6]!;
    nonce[7] = (rolloverCount >>> 16) ^ salt[7]!;
    nonce[8] = (rolloverCount >>> 8) ^ salt[8]!;
    nonce[9] = rolloverCount ^ salt[9]!;
    nonce[10] = packet[2]! ^ salt[10]!;
    nonce[11] = packet[3]! ^ salt[11]!;
  }

  /** 2 zero bytes, SSRC, 2 zero bytes, SRTCP index; XOR salt (RFC 7714 §9.1). */
  #rtcpNonce(packet: Buffer, index: number): void {
    const nonce = this.#nonce;
    const salt = this.#rtcp.salt;
    nonce.set(salt);
    for (let byte = 0; byte < 4; byte++) {
      nonce[2 + byte] = packet[4 + byte]! ^ salt[2 + byte]!;
      nonce[8 + byte] = ((index >>> (24 - 8 * byte)) & 0xff) ^ salt[8 + byte]!;
    }
  }

  #rtcpAssociatedData(packet: Buffer, word: number): Buffer {
    const aad = this.#rtcpAad;
    packet.copy(aad, 0, 0, rtcpHeaderLength);
    aad.writeUInt32BE(word, rtcpHeaderLength);
    return aad;
  }
}
