import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** STUN messages as ICE uses them (RFC 8489 §5, §14; RFC 8445 §16). */

export const stunMagicCookie = 0x2112a442;
const headerLength = 20;
const fingerprintXor = 0x5354554e;
const integrityLength = 24;
const fingerprintLength = 8;

export const stunMethodBinding = 0x0001;
export type StunClass = 'request' | 'indication' | 'success' | 'error';
const classBits: Record<StunClass, number> = { request: 0x000, indication: 0x010, success: 0x100, error: 0x110 };

export const stunAttribute = {
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  software: 0x8022,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

/** Comprehension-required attributes that a binding request may carry without being answered 420 (RFC 8489 §6.3.1). */
const understood: ReadonlySet<number> = new Set<number>([
  stunAttribute.mappedAddress,
  stunAttribute.username,
  stunAttribute.messageIntegrity,
  stunAttribute.errorCode,
  stunAttribute.unknownAttributes,
  stunAttribute.xorMappedAddress,
  stunAttribute.priority,
  stunAttribute.useCandidate,
]);

export interface StunMessage {
  readonly class: StunClass;
  readonly method: number;
  /** 12 bytes. */
  readonly transactionId: Buffer;
  readonly username: string | undefined;
  /** PRIORITY of a check; 0 when it carries none. */
  readonly priority: number;
  readonly useCandidate: boolean;
  readonly iceControlled: boolean;
  readonly iceControlling: boolean;
  /** Offset of the MESSAGE-INTEGRITY attribute's header; what comes before it is covered. */
  readonly integrityOffset: number | undefined;
  /** False when the attribute is missing or does not match. */
  readonly fingerprintValid: boolean;
  /** Comprehension-required attributes that we do not know. */
  readonly unknownAttributes: readonly number[];
  readonly bytes: Buffer;
}

const textLimitBytes = 513;

/**
 * Reads a STUN message.
 * @returns `undefined` when the bytes are not one well-formed STUN message
 */
export function parseStunMessage(bytes: Buffer): StunMessage | undefined {
  const length = bytes.length;
  if (length < headerLength || (length & 3) !== 0) return undefined;
  const type = bytes.readUInt16BE(0);
  if (type >= 0x4000 || bytes.readUInt16BE(2) !== length - headerLength || bytes.readUInt32BE(4) !== stunMagicCookie) {
    return undefined;
  }
  let username: string | undefined;
  let priority = 0;
  let useCandidate = false;
  let iceControlled = false;
  let iceControlling = false;
  let integrityOffset: number | undefined;
  let fingerprintValid = false;
  const unknownAttributes: number[] = [];
  let offset = headerLength;
  while (offset < length) {
    if (offset + 4 > length) return undefined;
    const attribute = bytes.readUInt16BE(offset);
    const size = bytes.readUInt16BE(offset + 2);
    const value = offset + 4;
    const next = value + ((size + 3) & ~3);
    if (next > length) return undefined;
    if (attribute === stunAttribute.fingerprint) {
      if (size !== 4 || next !== length) return undefined;
      fingerprintValid = bytes.readUInt32BE(value) === fingerprint(bytes.subarray(0, offset));
    } else if (integrityOffset === undefined) {
      // All that follows MESSAGE-INTEGRITY is unauthenticated and must be ignored (RFC 8489 §14.5).
      switch (attribute) {
        case stunAttribute.username:
          if (size > textLimitBytes) return undefined;
          username = bytes.toString('utf8', value, value + size);
          break;
        case stunAttribute.messageIntegrity:
          if (size !== integrityLength - 4) return undefined;
          integrityOffset = offset;
          break;
        case stunAttribute.priority:
          if (size !== 4) return undefined;
          priority = bytes.readUInt32BE(value);
          break;
        case stunAttribute.useCandidate:
          useCandidate = true;
          break;
        case stunAttribute.iceControlled:
          iceControlled = true;
          break;
        case stunAttribute.iceControlling:
          iceControlling = true;
          break;
        default:
          if (attribute < 0x8000 && !understood.has(attribute) && unknownAttributes.length < 16) {
            unknownAttributes.push(attribute);
          }
      }
    }
    offset = next;
  }
  return {
    class: classOf(type),
    method: (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2),
    transactionId: bytes.subarray(8, headerLength),
    username,
    priority,
    useCandidate,
    iceControlled,
    iceControlling,
    integrityOffset,
    fingerprintValid,
    unknownAttributes,
    bytes,
  };
}

/** Whether MESSAGE-INTEGRITY was made with this short-term password (RFC 8489 §14.5). */
export function hasIntegrity(message: StunMessage, password: string): boolean {
  const offset = message.integrityOffset;
  if (offset === undefined) return false;
  const expected = integrity(message.bytes.subarray(0, offset), password);
  return timingSafeEqual(expected, message.bytes.subarray(offset + 4, offset + integrityLength));
}

export interface StunMessageOptions {
  readonly class: StunClass;
  readonly transactionId: Uint8Array;
  readonly attributes: readonly (readonly [type: number, value: Uint8Array])[];
  /** Short-term password; without it no MESSAGE-INTEGRITY is written. */
  readonly password?: string;
}

/** Writes a binding message with FINGERPRINT and, given a password, MESSAGE-INTEGRITY. */
export function buildStunMessage(options: StunMessageOptions): Buffer {
  let length = headerLength + fingerprintLength + (options.password === undefined ? 0 : integrityLength);
  for (const [, value] of options.attributes) length += 4 + ((value.length + 3) & ~3);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt16BE(stunMethodBinding | classBits[options.class], 0);
  bytes.writeUInt16BE(length - headerLength, 2);
  bytes.writeUInt32BE(stunMagicCookie, 4);
  bytes.set(options.transactionId, 8);
  let offset = headerLength;
  for (const [type, value] of options.attributes) {
    bytes.writeUInt16BE(type, offset);
    bytes.writeUInt16BE(value.length, offset + 2);
    bytes.set(value, offset + 4);
    offset += 4 + ((value.length + 3) & ~3);
  }
  if (options.password !== undefined) {
    bytes.writeUInt16BE(stunAttribute.messageIntegrity, offset);
    bytes.writeUInt16BE(integrityLength - 4, offset + 2);
    bytes.set(integrity(bytes.subarray(0, offset), options.password), offset + 4);
    offset += integrityLength;
  }
  bytes.writeUInt16BE(stunAttribute.fingerprint, offset);
  bytes.writeUInt16BE(4, offset + 2);
  bytes.writeUInt32BE(fingerprint(bytes.subarray(0, offset)), offset + 4);
  return bytes;
}

/** ERROR-CODE value (RFC 8489 §14.8). */
export function errorCode(code: number, reason: string): Buffer {
  const head = Buffer.from([0, 0, Math.floor(code / 100), code % 100]);
  return Buffer.concat([head, Buffer.from(reason)]);
}

function classOf(type: number): StunClass {
  const bits = type & 0x110;
  if (bits === 0x000) return 'request';
  if (bits === 0x010) return 'indication';
  return bits === 0x100 ? 'success' : 'error';
}

/** HMAC-SHA1 over what precedes, with the header's length as if MESSAGE-INTEGRITY were the last attribute. */
function integrity(preceding: Buffer, password: string): Buffer {
  const head = Buffer.from(preceding.subarray(0, 4));
  head.writeUInt16BE(preceding.length - headerLength + integrityLength, 2);
  return createHmac('sha1', password).update(head).update(preceding.subarray(4)).digest();
}

function fingerprint(preceding: Buffer): number {
  const head = Buffer.from(preceding.subarray(0, 4));
  head.writeUInt16BE(preceding.length - headerLength + fingerprintLength, 2);
  return (crc32(preceding.subarray(4), crc32(head)) ^ fingerprintXor) >>> 0;
}
