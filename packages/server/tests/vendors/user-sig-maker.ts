import { createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';

/** A UserSig, made the way a back end makes it (TLSSigAPIv2), apart from the code that checks it. */
export function makeUserSig(of: {
  readonly secret: string;
  readonly sdkAppId: number;
  readonly userId: string;
  /** Seconds since 1970, and seconds from then on. */
  readonly time?: number;
  readonly expire?: number;
  readonly userbuf?: Buffer;
}): string {
  const { secret, sdkAppId, userId, time = Math.floor(Date.now() / 1000), expire = 600 } = of;
  const userbuf = of.userbuf?.toString('base64');
  let text = `TLS.identifier:${userId}\nTLS.sdkappid:${sdkAppId}\nTLS.time:${time}\nTLS.expire:${expire}\n`;
  if (userbuf !== undefined) text += `TLS.userbuf:${userbuf}\n`;
  const claims = {
    'TLS.ver': '2.0',
    'TLS.identifier': userId,
    'TLS.sdkappid': sdkAppId,
    'TLS.expire': expire,
    'TLS.time': time,
    'TLS.sig': createHmac('sha256', secret).update(text).digest('base64'),
    ...(userbuf !== undefined && { 'TLS.userbuf': userbuf }),
  };
  const base64 = deflateSync(JSON.stringify(claims)).toString('base64');
  return base64.replace(/\+/g, '*').replace(/\//g, '-').replace(/=/g, '_');
}

/** The rights to a room in a UserSig (`PrivateMapKey`); a room of letters goes in by its name. */
export function makeUserBuf(of: {
  readonly sdkAppId: number;
  readonly userId: string;
  readonly room: number | string;
  readonly rights: number;
  readonly endsAt?: number;
}): Buffer {
  const { sdkAppId, userId, room, rights, endsAt = Math.floor(Date.now() / 1000) + 600 } = of;
  const account = Buffer.from(userId);
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(sdkAppId, 0);
  numbers.writeUInt32BE(typeof room === 'number' ? room : 0, 4);
  numbers.writeUInt32BE(endsAt, 8);
  numbers.writeUInt32BE(rights, 12);
  const head = Buffer.from([typeof room === 'string' ? 1 : 0, account.length >> 8, account.length & 255]);
  const name = Buffer.from(typeof room === 'string' ? room : '');
  const tail = typeof room === 'string' ? [Buffer.from([name.length >> 8, name.length & 255]), name] : [];
  return Buffer.concat([head, account, numbers, ...tail]);
}
