import { createHmac, timingSafeEqual } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { AircheckError, type Role, RoomId, UserId } from '@aircheck/protocol';
import { z } from 'zod';

/** What a UserSig says, once its signature is known to be right. */
export interface UserSig {
  readonly userId: string;
  readonly sdkAppId: number;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** The room that it lets into, and as what (a `PrivateMapKey`); undefined for one that names the user alone. */
  readonly room: { readonly roomId: string; readonly role: Role } | undefined;
}

/** No UserSig is longer when it is unpacked; it is unpacked before its signature can be looked at. */
const maxBytes = 4096;

const Claims = z.object({
  'TLS.ver': z.literal('2.0'),
  'TLS.identifier': UserId,
  'TLS.sdkappid': z.coerce.number().int().min(1),
  'TLS.time': z.coerce.number().int().min(0),
  'TLS.expire': z.coerce.number().int().min(0),
  'TLS.sig': z.string().max(100),
  'TLS.userbuf': z.base64().max(1000).optional(),
});
type Claims = z.infer<typeof Claims>;

/** Rights of a `PrivateMapKey` (permission bits of ILiveSDK). */
const createRoom = 0x01;
const joinRoom = 0x02;
const sendAnything = 0x04 | 0x10 | 0x40;

/** A UserSig has no dots, which every JSON Web Token has two of. */
export function looksLikeUserSig(token: string): boolean {
  return /^[\w*-]{20,4000}$/.test(token) && !token.includes('.');
}

/** The number of the account that it was made for, before anything of it is known to be true. */
export function sdkAppIdOf(text: string): number {
  return readClaims(text)['TLS.sdkappid'];
}

/**
 * Checks a UserSig of Tencent's TLSSigAPIv2: JSON, deflated, in Base64 with `*-_` for `+/=`, whose `TLS.sig` is the
 * HMAC-SHA256 of its other fields, a line each.
 * @param secret - the app's
 * @throws AircheckError `unauthenticated`, `token-expired`
 */
export function verifyUserSig(text: string, secret: Uint8Array, nowMs: number): UserSig {
  const claims = readClaims(text);
  const lines = [
    `TLS.identifier:${claims['TLS.identifier']}\n`,
    `TLS.sdkappid:${claims['TLS.sdkappid']}\n`,
    `TLS.time:${claims['TLS.time']}\n`,
    `TLS.expire:${claims['TLS.expire']}\n`,
    ...(claims['TLS.userbuf'] === undefined ? [] : [`TLS.userbuf:${claims['TLS.userbuf']}\n`]),
  ];
  const right = createHmac('sha256', secret).update(lines.join('')).digest();
  const given = Buffer.from(claims['TLS.sig'], 'base64');
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw invalid('Its signature is wrong');
  const expiresAt = claims['TLS.time'] + claims['TLS.expire'];
  if (expiresAt * 1000 <= nowMs) throw new AircheckError('token-expired', 'The UserSig has expired');
  const room = claims['TLS.userbuf'] === undefined ? undefined : readRoom(claims);
  if (room !== undefined && room.expiresAt * 1000 <= nowMs) {
    throw new AircheckError('token-expired', 'The right to enter the room has expired');
  }
  return {
    userId: claims['TLS.identifier'],
    sdkAppId: claims['TLS.sdkappid'],
    expiresAt: Math.min(expiresAt, room?.expiresAt ?? expiresAt),
    room,
  };
}

function readClaims(text: string): Claims {
  try {
    const base64 = text.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=');
    const json = inflateSync(Buffer.from(base64, 'base64'), { maxOutputLength: maxBytes }).toString('utf8');
    return Claims.parse(JSON.parse(json));
  } catch (cause) {
    throw invalid('It cannot be read', cause);
  }
}

/**
 * The `userbuf` of a `PrivateMapKey`, numbers in network order: a byte of version (1: the room has a name), the account's
 * length (2 bytes) and the account, then of 4 bytes each the account's number, the room's number, the end, the rights
 * and the account's kind; last the length (2 bytes) and the name of the room.
 */
function readRoom(claims: Claims): { readonly roomId: string; readonly role: Role; readonly expiresAt: number } {
  const bytes = Buffer.from(claims['TLS.userbuf'] ?? '', 'base64');
  try {
    const named = bytes.readUInt8(0) === 1;
    const start = 3 + bytes.readUInt16BE(1);
    const account = bytes.toString('utf8', 3, start);
    const rights = bytes.readUInt32BE(start + 12);
    const roomId = named
      ? bytes.toString('utf8', start + 22, start + 22 + bytes.readUInt16BE(start + 20))
      : String(bytes.readUInt32BE(start + 4));
    const isOurs = account === claims['TLS.identifier'] && bytes.readUInt32BE(start) === claims['TLS.sdkappid'];
    if (!isOurs || !RoomId.safeParse(roomId).success) throw new RangeError('another account or room');
    if ((rights & (joinRoom | createRoom)) === 0) throw new RangeError('no right to enter');
    const mayCreate = (rights & createRoom) !== 0;
    const role = (rights & sendAnything) === 0 ? 'audience' : mayCreate ? 'host' : 'guest';
    return { roomId, role, expiresAt: bytes.readUInt32BE(start + 8) };
  } catch (cause) {
    throw invalid('Its room cannot be read', cause);
  }
}

function invalid(why: string, cause?: unknown): AircheckError {
  return new AircheckError('unauthenticated', `The UserSig is not valid. ${why}`, { cause });
}
