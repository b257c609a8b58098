import type { AppSettings } from '@aircheck/protocol';
import { describe, expect, it } from 'vitest';
import { looksLikeUserSig, sdkAppIdOf, verifyUserSig } from '../../src/vendors/tencent/user-sig.ts';
import { UserSigs } from '../../src/vendors/tencent/user-sigs.ts';
import { makeUserBuf, makeUserSig } from './user-sig-maker.ts';

const secret = 'a secret of sixteen letters';
const key = new TextEncoder().encode(secret);
const time = 1_600_000_000;
const basic = { secret, sdkAppId: 1_400_000_001, userId: 'anna', time, expire: 100 };

describe('a UserSig', () => {
  it('says whose it is and when it ends', () => {
    const text = makeUserSig(basic);
    expect(looksLikeUserSig(text)).toBe(true);
    expect(sdkAppIdOf(text)).toBe(1_400_000_001);
    expect(verifyUserSig(text, key, (time + 99) * 1000)).toEqual({
      userId: 'anna',
      sdkAppId: 1_400_000_001,
      expiresAt: time + 100,
      room: undefined,
    });
    expect(() => verifyUserSig(text, key, (time + 100) * 1000)).toThrow('expired');
  });

  it('is refused when a letter of it was changed, or when it is of another app', () => {
    const text = makeUserSig(basic);
    const now = time * 1000;
    const other = new TextEncoder().encode('another secret of letters');
    expect(() => verifyUserSig(text, other, now)).toThrow('signature is wrong');
    for (let index = 0; index < text.length; index += 7) {
      const changed = text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
      // The last letter of Base64 may carry bits that mean nothing; all others count.
      if (changed !== text && index < text.length - 4) expect(() => verifyUserSig(changed, key, now)).toThrow();
    }
    expect(() => verifyUserSig('x'.repeat(100), key, now)).toThrow('cannot be read');
  });

  it('lets into the room that it names, as what its rights say', () => {
    const cases = [
      [1234, 0xff, '1234', 'host'],
      ['studio_1', 0xff, 'studio_1', 'host'],
      [4_294_967_295, 0x02 | 0x08 | 0x20 | 0x80, '4294967295', 'audience'],
      [7, 0x02 | 0x04 | 0x10, '7', 'guest'],
    ] as const;
    for (const [room, rights, roomId, role] of cases) {
      const userbuf = makeUserBuf({ ...basic, room, rights, endsAt: time + 50 });
      const sig = verifyUserSig(makeUserSig({ ...basic, userbuf }), key, time * 1000);
      expect([sig.room, sig.expiresAt]).toEqual([{ roomId, role, expiresAt: time + 50 }, time + 50]);
    }
  });

  it('is refused with rights that are of another user, of no room, over or cut off', () => {
    const bad = [
      makeUserBuf({ ...basic, userId: 'ben', room: 1, rights: 255, endsAt: time + 50 }),
      makeUserBuf({ ...basic, sdkAppId: 1, room: 1, rights: 255, endsAt: time + 50 }),
      makeUserBuf({ ...basic, room: 1, rights: 0, endsAt: time + 50 }),
      makeUserBuf({ ...basic, room: '..', rights: 255, endsAt: time + 50 }),
      makeUserBuf({ ...basic, room: 1, rights: 255, endsAt: time - 1 }),
      makeUserBuf({ ...basic, room: 1, rights: 255, endsAt: time + 50 }).subarray(0, 15),
      Buffer.alloc(0),
    ];
    for (const userbuf of bad) {
      expect(() => verifyUserSig(makeUserSig({ ...basic, userbuf }), key, time * 1000)).toThrow();
    }
  });

  it('is a user token when it is plain, and the token of a room when it says which', async () => {
    const settings = { get: async () => ({ sdkAppId: basic.sdkAppId }) as AppSettings };
    const apps = { secrets: () => [{ appId: 'default', secret: key }] };
    const sigs = new UserSigs({ apps, settings, clock: { now: () => time * 1000 } });
    const who = { kind: 'user', appId: 'default', userId: 'anna', exp: time + 100 };
    expect(await sigs.principal(makeUserSig(basic))).toEqual({ ...who, roomId: '*', role: 'host' });
    const userbuf = makeUserBuf({ ...basic, room: 'studio', rights: 0xaa, endsAt: time + 100 });
    expect(await sigs.principal(makeUserSig({ ...basic, userbuf }))).toMatchObject({
      roomId: 'studio',
      role: 'audience',
    });
  });
});
