import { constants, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { alertDescription, DtlsError } from './alert.ts';

interface Scheme {
  readonly hash: string;
  readonly keyType: 'ec' | 'rsa';
  readonly pss: boolean;
}

/** Signature schemes that we verify (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3), the preferred first. */
const schemes = new Map<number, Scheme>([
  [0x0403, { hash: 'sha256', keyType: 'ec', pss: false }],
  [0x0503, { hash: 'sha384', keyType: 'ec', pss: false }],
  [0x0603, { hash: 'sha512', keyType: 'ec', pss: false }],
  [0x0804, { hash: 'sha256', keyType: 'rsa', pss: true }],
  [0x0805, { hash: 'sha384', keyType: 'rsa', pss: true }],
  [0x0806, { hash: 'sha512', keyType: 'rsa', pss: true }],
  [0x0401, { hash: 'sha256', keyType: 'rsa', pss: false }],
  [0x0501, { hash: 'sha384', keyType: 'rsa', pss: false }],
  [0x0601, { hash: 'sha512', keyType: 'rsa', pss: false }],
]);

export const signatureSchemes: readonly number[] = [...schemes.keys()];

/** The one that we sign with: our key is ECDSA P-256. */
export const ownSignatureScheme = 0x0403;

export function signWithOwn(privateKey: KeyObject, data: Buffer): Buffer {
  return sign('sha256', data, privateKey);
}

/** Public key of a DER certificate. */
export function certificateKey(certificate: Buffer): KeyObject {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch (cause) {
    throw Object.assign(new DtlsError(alertDescription.badCertificate, 'not a certificate'), { cause });
  }
}

/** @throws DtlsError when the signature is not one of `key` over `data` */
export function verifySignature(scheme: number, key: KeyObject, data: Buffer, signature: Buffer): void {
  const known = schemes.get(scheme);
  if (known === undefined || known.keyType !== key.asymmetricKeyType) {
    throw new DtlsError(alertDescription.illegalParameter, 'signature scheme that was not offered');
  }
  const options = known.pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : key;
  if (!verify(known.hash, data, options, signature)) {
    throw new DtlsError(alertDescription.decryptError, 'wrong signature');
  }
}
