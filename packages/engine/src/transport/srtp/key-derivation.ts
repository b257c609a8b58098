import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';

/** DTLS-SRTP protection profiles in our order of preference (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const srtpProfiles = {
  SRTP_AEAD_AES_128_GCM: { id: 0x0007, cipher: 'aes-128-gcm', keyLength: 16, saltLength: 12 },
  SRTP_AEAD_AES_256_GCM: { id: 0x0008, cipher: 'aes-256-gcm', keyLength: 32, saltLength: 12 },
  SRTP_AES128_CM_HMAC_SHA1_80: { id: 0x0001, cipher: 'aes-128-ecb', keyLength: 16, saltLength: 14 },
} as const;

export type SrtpProfileName = keyof typeof srtpProfiles;
export type SrtpProfile = (typeof srtpProfiles)[SrtpProfileName];

export interface SrtpMasterKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

/** Key derivation labels of RFC 3711 §4.3.1. */
const labels = {
  rtp: { encryption: 0, authentication: 1, salt: 2 },
  rtcp: { encryption: 3, authentication: 4, salt: 5 },
} as const;

export interface SrtpSessionKeys {
  /**
   * As a KeyObject: a cipher made from one costs a quarter of a cipher made from bytes, which Node wraps and checks
   * anew for each packet.
   */
  readonly encryption: KeyObject;
  /** 20 bytes for HMAC-SHA1; unused with an AEAD. */
  readonly authentication: Buffer;
  readonly salt: Buffer;
}

/** Session keys of one direction (RFC 3711 §4.3 with a key derivation rate of 0; RFC 6188 for 256-bit keys). */
export function deriveSessionKeys(
  profile: SrtpProfile,
  master: SrtpMasterKey,
  protocol: 'rtp' | 'rtcp',
): SrtpSessionKeys {
  const label = labels[protocol];
  return {
    encryption: createSecretKey(derive(master, label.encryption, profile.keyLength)),
    authentication: derive(master, label.authentication, 20),
    salt: derive(master, label.salt, profile.saltLength),
  };
}

/** The AES-CM pseudo-random function; a 96-bit salt is padded on the right (RFC 7714 §11). */
export function derive(master: SrtpMasterKey, label: number, length: number): Buffer {
  const counter = Buffer.alloc(16);
  counter.set(master.salt);
  counter[7]! ^= label;
  return createCipheriv(`aes-${master.key.length * 8}-ctr`, master.key, counter).update(Buffer.alloc(length));
}
