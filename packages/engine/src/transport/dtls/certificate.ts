import { generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A self-signed certificate as WebRTC uses them: only its fingerprint is ever looked at (RFC 8827 §6.5). */
export interface DtlsCertificate {
  readonly der: Buffer;
  readonly privateKey: KeyObject;
  /** SHA-256, upper-case hex with colons, as in SDP (RFC 8122 §5). */
  readonly fingerprint: string;
}

const fingerprintHashes = new Map([
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
]);

const dayMs = 86_400_000;
const validityDays = 3650;
const oid = {
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
  commonName: Buffer.from('0603550403', 'hex'),
};

/**
 * Makes an ECDSA P-256 key and its certificate (RFC 5280 §4.1).
 * @param nowMs - since 1970
 */
export function createCertificate(nowMs: number): DtlsCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = der(0x30, oid.ecdsaWithSha256);
  const name = der(0x30, der(0x31, der(0x30, oid.commonName, der(0x0c, Buffer.from('aircheck')))));
  const serial = randomBytes(16);
  // Positive and without a leading zero byte, as DER wants an INTEGER.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    name,
    der(0x30, time(nowMs - dayMs), time(nowMs + validityDays * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const certificate = der(0x30, body, algorithm, signature);
  return { der: certificate, privateKey, fingerprint: fingerprintOf(certificate, 'sha256') };
}

export interface Fingerprint {
  readonly algorithm: string;
  readonly value: string;
}

/** Whether one of the fingerprints, of a hash that is still safe, is that of the certificate (RFC 8122 §5). */
export function matchesFingerprint(certificate: Buffer, fingerprints: readonly Fingerprint[]): boolean {
  return fingerprints.some(({ algorithm, value }) => {
    const name = fingerprintHashes.get(algorithm.toLowerCase());
    return name !== undefined && fingerprintOf(certificate, name) === value.toUpperCase();
  });
}

function fingerprintOf(certificate: Buffer, algorithm: string): string {
  const digest = hash(algorithm, certificate, 'hex').toUpperCase();
  return digest.match(/../g)!.join(':');
}

/** One element of the distinguished encoding rules (ITU-T X.690 §8.1). */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length];
  return Buffer.concat([Buffer.from(head), body]);
}

/** GeneralizedTime from 2050 on, UTCTime before (RFC 5280 §4.1.2.5). */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return digits >= '2050' ? der(0x18, Buffer.from(digits)) : der(0x17, Buffer.from(digits.slice(2)));
}
