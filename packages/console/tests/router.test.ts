import { describe, expect, test } from 'vitest';
import { addressOf, parseRoute } from '../src/router.ts';
import { bestColumns } from '../src/views/room/tile-layout.ts';
import { readTokenClaims } from '../src/views/room/token-claims.ts';
import { isId, proposeRoomId } from '../src/views/rooms/ids.ts';

describe('addresses', () => {
  test('lead back to the route they were made of, whatever letters a room has', () => {
    for (const roomId of ['demo', 'a.b@c:d', '房间_1']) {
      expect(parseRoute(addressOf.room(roomId))).toEqual({ view: 'room', roomId });
      expect(parseRoute(addressOf.join(roomId, 'a.b-c_d'))).toEqual({ view: 'join', roomId, token: 'a.b-c_d' });
    }
    const fileId = '12345678901234567';
    expect(parseRoute(addressOf.asset(fileId))).toEqual({ view: 'asset', fileId });
    expect(parseRoute(addressOf.library())).toEqual({ view: 'library', search: '' });
    expect(parseRoute(addressOf.library('q=a%26b'))).toEqual({ view: 'library', search: 'q=a%26b' });
    expect(parseRoute(addressOf.recycleBin())).toEqual({ view: 'recycle-bin' });
    expect(parseRoute(addressOf.tasks())).toEqual({ view: 'tasks' });
    expect(parseRoute(addressOf.events('s/1'))).toEqual({ view: 'events', subscriberId: 's/1' });
    expect(parseRoute(addressOf.settings('procedures'))).toEqual({ view: 'settings', tab: 'procedures' });
    expect(parseRoute('#/settings/nothing')).toEqual({ view: 'settings', tab: 'general' });
  });

  test('with a one-time code sign in', () => {
    expect(parseRoute('#code=abc%2Bd')).toEqual({ view: 'sign-in', code: 'abc+d' });
  });

  test('that nobody knows lead home', () => {
    for (const hash of ['', '#', '#/', '#/nothing', '#/rooms/', '#/%E0%A4%A']) {
      expect(parseRoute(hash)).toEqual({ view: 'rooms' });
    }
  });
});

describe('tokens of invitations', () => {
  const token = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`;

  test('say who is invited where, in any script', () => {
    const claims = { sub: '小安?>', room: 'demo', role: 'guest', exp: 1 };
    expect(readTokenClaims(token(claims))).toEqual(claims);
  });

  test('that are cut or lack a claim are not taken', () => {
    expect(['', 'abc', 'a.b.c', token({ sub: 'x' })].map(readTokenClaims)).toEqual(Array(4).fill(undefined));
  });
});

test('a proposed room id is a room id', () => {
  expect(isId(proposeRoomId())).toBe(true);
  expect([' ', 'a b', '../x', '', 'x'.repeat(129)].map(isId)).toEqual(Array(5).fill(false));
});

test('tiles fill a wide box side by side and a tall one below each other', () => {
  expect(bestColumns(2, 1600, 500).columns).toBe(2);
  expect(bestColumns(2, 390, 700).columns).toBe(1);
  expect(bestColumns(4, 1280, 720)).toEqual({ columns: 2, tileWidthPx: 629 });
});
