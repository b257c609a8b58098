import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Hotlinks } from '../../src/vendors/tencent/hotlink.ts';

const key = 'abcDEF12345';
const nowMs = 1_600_000_000_000;
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

function hotlinks(hotlinkKey: string | null = key, publicUrl?: string): Hotlinks {
  const settings = { recycleDays: 7, sdkAppId: 1, bizId: '1', adminIdentifier: 'administrator', hotlinkKey };
  return new Hotlinks({ settings: { get: async () => settings }, publicUrl, clock: { now: () => nowMs } });
}

describe('a hotlink signature', () => {
  const dir = '/v1/media/12345678901234567/';
  const t = Math.floor(nowMs / 1000).toString(16);

  it('opens its folder, with or without the parts that may be left out', async () => {
    for (const [exper, us] of [
      [undefined, undefined],
      ['30', undefined],
      [undefined, 'r4nd'],
      ['30', 'r4nd'],
    ]) {
      const sign = md5(key + dir + t + (exper ?? '') + (us ?? ''));
      const query = { t, sign, ...(exper && { exper }), ...(us && { us }) };
      const granted = await hotlinks().check('app', `${dir}film.mp4`, query);
      expect(Object.fromEntries(new URLSearchParams(granted!.query))).toEqual(query);
      expect(granted!.previewSeconds).toBe(exper === undefined ? undefined : 30);
      // The same signature opens what a playlist in the folder names.
      await hotlinks().check('app', `${dir}init.mp4`, query);
    }
  });

  it('is none where the query holds none, and takes the path of the public URL', async () => {
    expect(await hotlinks().check('app', `${dir}film.mp4`, { exp: '1', sig: 'x' })).toBeUndefined();
    const outside = { t, sign: md5(`${key}/air${dir}${t}`) };
    await expect(hotlinks().check('app', `${dir}a.mp4`, outside)).rejects.toMatchObject({ code: 'link-invalid' });
    expect(await hotlinks(key, 'https://example.org/air').check('app', `${dir}a.mp4`, outside)).toMatchObject({
      query: expect.stringContaining('sign='),
    });
  });

  it('is good for 300 seconds more than it says', async () => {
    for (const [late, opens] of [
      [299, true],
      [301, false],
    ] as const) {
      const ended = Math.floor(nowMs / 1000 - late).toString(16);
      const check = hotlinks().check('app', `${dir}a.mp4`, { t: ended, sign: md5(key + dir + ended) });
      if (opens) expect((await check)!.query).toContain(`t=${ended}`);
      else await expect(check).rejects.toMatchObject({ code: 'link-expired', status: 403 });
    }
  });

  it('opens all where exper is 0, and nothing where it is no number', async () => {
    const check = (exper: string) =>
      hotlinks().check('app', `${dir}a.mp4`, { t, exper, sign: md5(key + dir + t + exper) });
    expect(await check('0')).not.toHaveProperty('previewSeconds');
    expect(await check('')).not.toHaveProperty('previewSeconds');
    for (const exper of ['a', '1e3', '0x10', '030', '9999999999']) {
      await expect(check(exper)).rejects.toMatchObject({ code: 'link-invalid', input: 'query.exper' });
    }
    // Signed right behind the time, the seconds could be made a part of it.
    const sign = md5(`${key}${dir}${t}30`);
    await expect(hotlinks().check('app', `${dir}a.mp4`, { t: `${t}30`, sign })).rejects.toMatchObject({
      code: 'link-invalid',
    });
  });

  it('of a preview opens nothing more when its digits are moved', async () => {
    const check = (text: string, query: Record<string, string>) =>
      hotlinks().check('app', `${dir}a.mp4`, { t, ...query, sign: md5(key + dir + t + text) });
    const refused = (text: string, query: Record<string, string>, input: string) =>
      expect(check(text, query)).rejects.toMatchObject({ code: 'link-invalid', status: 403, input });
    expect(await check('30', { exper: '30' })).toMatchObject({ previewSeconds: 30 });
    await refused('30', { us: '30' }, 'query.us');
    await refused('30', { exper: '', us: '30' }, 'query.us');
    await refused('30', { exper: '3', us: '0' }, 'query.us');
    expect(await check('30r4nd', { exper: '30', us: 'r4nd' })).toMatchObject({ previewSeconds: 30 });
    await refused('30r4nd', { us: '30r4nd' }, 'query.us');
    // Nor is it one that could be enlarged so.
    await refused('105a', { exper: '10', us: '5a' }, 'query.us');
    // Nothing but 0 seconds begins with a 0: what follows is `us`, whatever it begins with.
    expect(await check('072d4cd1101', { exper: '0', us: '72d4cd1101' })).not.toHaveProperty('previewSeconds');
    await refused('072d4cd1101', { exper: '072', us: 'd4cd1101' }, 'query.exper');
    await refused('072d4cd1101', { us: '072d4cd1101' }, 'query.us');
  });

  it('is refused with 403 when anything of it is wrong, or the app takes none', async () => {
    const sign = md5(key + dir + t);
    const cases: [string, Record<string, unknown>][] = [
      [`${dir}a.mp4`, { t, sign: md5(`${key}${dir}${t}x`) }],
      ['/v1/media/99999999999999999/a.mp4', { t, sign }],
      [`${dir}a.mp4`, { t, sign, us: 'added' }],
      [`${dir}a.mp4`, { t: `${t}0`, sign }],
      [`${dir}a.mp4`, { t: 'zz', sign }],
      [`${dir}a.mp4`, { t: [t, t], sign }],
      [`${dir}a.mp4`, { t }],
      [`${dir}a.mp4`, { sign }],
    ];
    for (const [path, query] of cases) {
      await expect(hotlinks().check('app', path, query)).rejects.toMatchObject({ code: 'link-invalid', status: 403 });
    }
    await expect(hotlinks(null).check('app', `${dir}a.mp4`, { t, sign })).rejects.toMatchObject({ status: 403 });
  });
});
