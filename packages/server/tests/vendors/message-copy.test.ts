import type { Asset } from '@aircheck/protocol';
import { expect, it } from 'vitest';
import { NotYet } from '../../src/events/index.ts';
import type { MediaUrls, StoredAsset } from '../../src/library/index.ts';
import { VendorFiles } from '../../src/vendors/vendor-files.ts';
import { MessageCopy } from '../../src/vendors/yunxin/message-copy.ts';

it('a copy of a file to Yunxin is put off until its digest is known, for 15 minutes', async () => {
  const startedAt = '2026-01-02T03:04:05.000Z';
  const asset = { fileId: 'f', source: 'record', segmentIndex: 0, sizeBytes: 7, userId: '5', startedAt } as Asset;
  let md5: string | null = null;
  let now = 0;
  const files = new VendorFiles(
    {
      get: async () => ({ asset: { ...asset, md5 }, path: 'f/0000-f.mp4' }) as StoredAsset,
      derivativesOf: async () => new Map(),
    },
    { forAsset: () => ({ mp4: 'http://a/f.mp4' }) } as unknown as MediaUrls,
  );
  const meeting = async () => ({ channelId: '9', creator: null });
  const copy = new MessageCopy({ files, meeting, clock: { now: () => now } });
  const subscriber = { subscriberId: 's', appId: 'default', secret: 'x', options: { appKey: 'k' } };
  const event = { seq: 1, eventId: 'e', appId: 'default', type: 'asset.ready', subject: 'f', data: asset } as const;
  const render = () => copy.render({ ...event, createdAt: 0 }, subscriber);
  const told = async () => JSON.parse(JSON.parse((await render())!.body).fileinfo)[0].md5;
  const endMs = 15 * 60_000;

  let looks = 0;
  while (now < endMs) {
    const error = await render().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotYet);
    now += (error as NotYet).afterMs;
    looks += 1;
  }
  expect([now, looks < 50]).toEqual([endMs, true]);
  expect(await told()).toBe('');
  now = 1000;
  md5 = 'd41d8cd98f00b204e9800998ecf8427e';
  expect(await told()).toBe(md5);
});
