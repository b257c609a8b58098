import { describe, expect, it } from 'vitest';
import { makeUserSig } from '../../../server/tests/vendors/user-sig-maker.ts';
import { readCredential } from '../../src/ilive/credential.ts';

const base64Url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('what a credential says of itself', () => {
  it('is read from a userSig', async () => {
    const sig = makeUserSig({ secret: 'secret', sdkAppId: 1_400_000_001, userId: '安娜' });
    await expect(readCredential(sig)).resolves.toEqual({
      userId: '安娜',
      sdkAppId: 1_400_000_001,
    });
  });

  it('is read from an access token', async () => {
    const token = `${base64Url({ alg: 'HS256' })}.${base64Url({ sub: '安娜?>', room: '*', exp: 1600 })}.c2ln`;
    await expect(readCredential(token)).resolves.toEqual({ userId: '安娜?>' });
  });

  it.each(['', 'x', 'a.b.c', `e.${base64Url({ sub: 7 })}.s`, 'eJwnonsense'])('is not there in %j', async (text) => {
    await expect(readCredential(text)).resolves.toBe('unreadable');
  });
});
