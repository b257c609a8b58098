import { type Cipheriv, createCipheriv } from 'node:crypto';
import { deriveSessionKeys, type SrtpMasterKey, type SrtpSessionKeys, srtpProfiles } from './key-derivation.ts';
import { longestPacketBytes, type PacketCipher } from './packet-cipher.ts';
import { Sha1Hmac } from './sha1-hmac.ts';

const tagLength = 10;
const rtcpHeaderLength = 8;
const encryptedFlag = 0x80000000;
const blockLength = 16;
const blockCount = longestPacketBytes / blockLength;

/**
 * The counter blocks of a packet, one after another: 14 bytes of initialization vector, 2 of counter (RFC 3711
 * §4.1.1). All contexts share it: packets are done one at a time, and the counters never change.
 */
const counterBlocks = Buffer.alloc(blockCount * blockLength);
const counterWords = new Uint32Array(counterBlocks.buffer, counterBlocks.byteOffset, blockCount * 4);
const counterHalves = new Uint16Array(counterBlocks.buffer, counterBlocks.byteOffset, blockCount * 8);
for (let block = 0; block < blockCount; block++) counterBlocks.writeUInt16BE(block, block * blockLength + 14);

/** AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1, §4.2.1). */
export class CounterModeCipher implements PacketCipher {
  readonly #rtp: Keystream;
  readonly #rtcp: Keystream;
  readonly #rtpHmac: Sha1Hmac;
  readonly #rtcpHmac: Sha1Hmac;

  constructor(master: SrtpMasterKey) {
    const rtp = deriveSessionKeys(srtpProfiles.SRTP_AES128_CM_HMAC_SHA1_80, master, 'rtp');
    const rtcp = deriveSessionKeys(srtpProfiles.SRTP_AES128_CM_HMAC_SHA1_80, master, 'rtcp');
    this.#rtp = new Keystream(rtp);
    this.#rtcp = new Keystream(rtcp);
    this.#rtpHmac = new Sha1Hmac(rtp.authentication);
    this.#rtcpHmac = new Sha1Hmac(rtcp.authentication);
  }

  openRtp(packet: Buffer, headerLength: number, rolloverCount: number): number {
    const end = packet.length - tagLength;
    if (end < headerLength) return -1;
    if (!this.#rtpHmac.matches(packet, end, rolloverCount, end, tagLength)) return -1;
    this.#rtp.apply(packet, headerLength, end, packet.readUInt32BE(8), rolloverCount, packet.readUInt16BE(2));
    return end;
  }

  sealRtp(packet: Buffer, length: number, headerLength: number, rolloverCount: number): number {
    this.#rtp.apply(packet, headerLength, length, packet.readUInt32BE(8), rolloverCount, packet.readUInt16BE(2));
    this.#rtpHmac.append(packet, length, rolloverCount, tagLength);
    return length + tagLength;
  }

  rtcpIndex(packet: Buffer): number {
    if (packet.length < rtcpHeaderLength + 4 + tagLength) return -1;
    return packet.readUInt32BE(packet.length - tagLength - 4) & ~encryptedFlag;
  }

  openRtcp(packet: Buffer): number {
    const tagOffset = packet.length - tagLength;
    const end = tagOffset - 4;
    if (end < rtcpHeaderLength) return -1;
    const word = packet.readUInt32BE(end);
    if (!this.#rtcpHmac.matches(packet, end, word, tagOffset, tagLength)) return -1;
    if (word >= encryptedFlag) {
      const index = word & ~encryptedFlag;
      this.#rtcp.apply(packet, rtcpHeaderLength, end, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
    }
    return end;
  }

  sealRtcp(packet: Buffer, length: number, index: number): number {
    const word = (index | encryptedFlag) >>> 0;
    this.#rtcp.apply(packet, rtcpHeaderLength, length, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
    packet.writeUInt32BE(word, length);
    this.#rtcpHmac.append(packet, length, word, tagLength, length + 4);
    return length + 4 + tagLength;
  }
}

/**
 * AES in counter mode by way of ECB over the counter blocks: an ECB cipher has no state, so one serves all packets.
 * Making a CTR cipher for each packet costs more than the encryption.
 */
class Keystream {
  readonly #cipher: Cipheriv;
  readonly #salt: Buffer;

  constructor(keys: SrtpSessionKeys) {
    this.#cipher = createCipheriv('aes-128-ecb', keys.encryption, null).setAutoPadding(false);
    this.#salt = keys.salt;
  }

  /** XORs bytes `from` up to `to` with the keystream of this SSRC and packet index (upper 32 and lower 16 bits). */
  apply(packet: Buffer, from: number, to: number, ssrc: number, indexHigh: number, indexLow: number): void {
    const length = to - from;
    const blocks = Math.ceil(length / blockLength);
    counterBlocks.set(this.#salt);
    const first = counterBlocks;
    first.writeUInt32BE((first.readUInt32BE(4) ^ ssrc) >>> 0, 4);
    first.writeUInt32BE((first.readUInt32BE(8) ^ indexHigh) >>> 0, 8);
    first.writeUInt16BE(first.readUInt16BE(12) ^ indexLow, 12);
    const word0 = counterWords[0]!;
    const word1 = counterWords[1]!;
    const word2 = counterWords[2]!;
    const half6 = counterHalves[6]!;
    for (let block = 1; block < blocks; block++) {
      counterWords[4 * block] = word0;
      counterWords[4 * block + 1] = word1;
      counterWords[4 * block + 2] = word2;
      counterHalves[8 * block + 6] = half6;
    }
    const keystream = this.#cipher.update(counterBlocks.subarray(0, blocks * blockLength));
    let done = 0;
    if (((packet.byteOffset + from) & 3) === 0 && (keystream.byteOffset & 3) === 0) {
      const words = length >>> 2;
      const target = new Uint32Array(packet.buffer, packet.byteOffset + from, words);
      const source = new Uint32Array(keystream.buffer, keystream.byteOffset, words);
      for (let word = 0; word < words; word++) target[word]! ^= source[word]!;
      done = words * 4;
    }
    for (; done < length; done++) packet[from + done]! ^= keystream[done]!;
  }
}
