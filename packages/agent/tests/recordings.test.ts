import { EventEmitter } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentNotice, AgentRequest } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { thisFileSystem } from '../src/paths/index.ts';
import { Recordings } from '../src/recordings/index.ts';
import { type RecordedFile, type RoomViewer, UnfinishedFiles } from '../src/room/index.ts';
import { folderForTest } from './room-fixture.ts';

const SITE = 'https://meet.example.org';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

type Start = Extract<AgentRequest, { type: 'record-mp4-start' }>;

/** Recordings in rooms that are not there: what would be written ends when a test says so. */
function setUp() {
  const folder = folderForTest();
  mkdirSync(join(folder, 'files'));
  const heard: AgentNotice[] = [];
  let pageThere = true;
  const rooms: EventEmitter[] = [];
  const ends: ((reason: RecordedFile['reason'], sizeBytes?: number) => void)[] = [];
  let ids = 0;
  const logger = pino({ level: 'silent' });
  const unfinished = new UnfinishedFiles(join(folder, 'notes'), logger);
  const making = { promise: Promise.resolve() };
  const join_ = vi.fn(async () => {
    const room = Object.assign(new EventEmitter(), {
      leave: vi.fn(async () => {}),
      renew: vi.fn(),
      recordMp4: async ({ userId, path }: { userId: string; path: string }) => {
        if (userId === 'nobody') throw new AircheckError('participant-not-found', 'nobody is not there');
        await (await unfinished.create({ id: userId, path, startedAt: 1 })).close();
        await making.promise;
        const { promise, resolve } = Promise.withResolvers<RecordedFile>();
        const end = (reason: RecordedFile['reason'], sizeBytes = 1) =>
          resolve({ reason, path, startedAt: 1, durationMs: 2000 * sizeBytes, sizeBytes });
        ends.push(end);
        ids += 1;
        return {
          id: `recording-${ids}`,
          startedAt: 1,
          ended: promise,
          progress: () => ({ durationMs: 1000, sizeBytes: 500 }),
          stop: () => {
            end('stopped');
            return promise;
          },
        };
      },
    });
    rooms.push(room);
    return room as unknown as RoomViewer;
  });
  const system = { ...thisFileSystem() };
  const recordings = new Recordings({
    settings: { folders: [join(folder, 'files')] },
    join: join_,
    system,
    unfinished,
    logger,
    notify: (_origin, notice) => {
      if (pageThere) heard.push(notice);
      return pageThere;
    },
    onChanged: () => {},
    newId: () => 'mix',
    now: () => performance.now(),
    wallClock: () => 1,
  });
  const call = { serverUrl: 'https://rec.example.org', token: 't', roomId: 'room' };
  const start = (account: string, path: string, changes: Partial<Start> = {}) =>
    recordings.record(SITE, {
      ...{ id: 1, type: 'record-mp4-start', ...call, account, path, source: 'camera', media: 'av' },
      ...changes,
    });
  const stop = (account: string) =>
    recordings.record(SITE, { id: 2, type: 'record-mp4-stop', roomId: 'room', account });
  return {
    ...{ recordings, heard, system, join: join_, rooms, ends, making, start, stop, files: join(folder, 'files') },
    page: (there: boolean) => {
      pageThere = there;
      if (there) recordings.pageCame(SITE);
      else recordings.pagesGone(SITE);
    },
  };
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: AircheckError) => error.code,
  );

const tokenOf = (sub: string) => `e30.${Buffer.from(JSON.stringify({ sub })).toString('base64url')}.x`;

describe('what the agent records for pages', () => {
  it('is one file for an account, under the names of the vendor, by one viewer for a room', async () => {
    const { recordings, heard, join: joined, rooms, start, stop, files } = setUp();
    const file = join(files, 'a.mp4');
    const begun = { type: 'mp4_start', mp4_file: file, time: 1, id: 'recording-1', account: 'ann', roomId: 'room' };
    expect(await start('ann', 'a.mp4')).toEqual(begun);
    expect(await codeOf(start('ann', 'again.mp4'))).toBe('recording-exists');
    expect(await codeOf(start('nobody', 'n.mp4'))).toBe('participant-not-found');
    await start('ben', 'b.mp4');
    expect(joined).toHaveBeenCalledTimes(1);
    expect(recordings.welcome(SITE).recordings.map(({ account }) => account)).toEqual(['ann', 'ben']);
    expect(recordings.welcome('https://other.example.org').recordings).toEqual([]);

    const closed = { ...begun, type: 'mp4_close', time: 2000, status: 0 };
    expect(await stop('ann')).toEqual(closed);
    expect(await codeOf(stop('ann'))).toBe('recording-not-found');
    const [room] = rooms as unknown as { leave: ReturnType<typeof vi.fn> }[];
    expect(room!.leave).not.toHaveBeenCalled();
    await stop('ben');
    expect(room!.leave).toHaveBeenCalledTimes(1);
    expect(heard.map(({ type }) => type)).toEqual(['mp4_start', 'mp4_start', 'mp4_close', 'mp4_close']);
    expect(heard).toContainEqual(closed);
    // The next one is another call.
    await start('ann', 'c.mp4');
    expect(joined).toHaveBeenCalledTimes(2);
    await recordings.close();
  });

  it('joins by another viewer for another user of the page', async () => {
    const { recordings, start, join: joined } = setUp();
    await start('ann', 'a.mp4', { token: tokenOf('ann@agent:1') });
    await start('ben', 'b.mp4', { token: tokenOf('ann@agent:2') });
    expect(joined).toHaveBeenCalledTimes(1);
    await start('cat', 'c.mp4', { token: tokenOf('ben@agent:3') });
    expect(joined).toHaveBeenCalledTimes(2);
    await recordings.close();
  });

  it('takes newer tokens for the calls that it records, of their own users alone', async () => {
    const { recordings, rooms, start } = setUp();
    const call = { id: 3, type: 'renew', serverUrl: 'https://rec.example.org', roomId: 'room' } as const;
    await start('ann', 'a.mp4', { token: tokenOf('ann@agent:1') });
    const token = tokenOf('ann@agent:2');
    await recordings.renew(SITE, { ...call, token });
    const [room] = rooms as unknown as { renew: ReturnType<typeof vi.fn> }[];
    expect(room!.renew.mock.calls).toEqual([[token]]);
    for (const other of [
      recordings.renew('https://other.example.org', { ...call, token }),
      recordings.renew(SITE, { ...call, token, roomId: 'another' }),
      recordings.renew(SITE, { ...call, token: tokenOf('ben@agent:3') }),
    ]) {
      expect(await codeOf(other)).toBe('recording-not-found');
    }
    expect(room!.renew).toHaveBeenCalledOnce();
    await recordings.close();
  });

  it('never makes one file for two', async () => {
    const { recordings, start } = setUp();
    const both = await Promise.allSettled([start('ann', 'a.mp4'), start('ben', 'a.mp4')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const twice = await Promise.allSettled([start('cat', 'c.mp4'), start('cat', 'd.mp4')]);
    expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await recordings.close();
  });

  it.each([
    ['left', 0],
    ['format-changed', 1],
    ['storage-full', 2],
  ] as const)('tells how a file ended by itself: %s is %i', async (reason, status) => {
    const { heard, ends, start, stop } = setUp();
    await start('ann', 'a.mp4');
    ends[0]!(reason);
    await expect.poll(() => heard.at(-1)).toMatchObject({ type: 'mp4_close', status });
    expect(await codeOf(stop('ann'))).toBe('recording-not-found');
  });

  it('does not tell of a good end where the call was lost, or where nothing came', async () => {
    const { recordings, heard, ends, rooms, start } = setUp();
    await start('ann', 'a.mp4');
    ends[0]!('left', 0);
    await expect.poll(() => heard.at(-1)).toMatchObject({ type: 'mp4_close', time: 0, status: 404 });
    await start('ann', 'b.mp4');
    rooms[1]!.emit('closed', 'idle', new AircheckError('token-expired', 'too late'));
    ends[1]!('left');
    await expect.poll(() => heard.at(-1)).toMatchObject({ type: 'mp4_close', time: 2000, status: 404 });
    await start('ann', 'c.mp4');
    rooms[2]!.emit('closed', 'room-closed', undefined);
    ends[2]!('room-closed');
    await expect.poll(() => heard.at(-1)).toMatchObject({ type: 'mp4_close', time: 2000, status: 0 });
    await recordings.close();
  });

  it('goes on while a page is loaded anew, and ends when none comes back in 35 s', async () => {
    const { recordings, heard, ends, start, page } = setUp();
    await start('ann', 'a.mp4');
    await start('ben', 'b.mp4');
    page(false);
    await vi.advanceTimersByTimeAsync(34_000);
    ends[1]!('left');
    await expect.poll(() => recordings.running).toHaveLength(1);
    page(true);
    // What ended meanwhile is told to the page that came; how far the other one is comes between, whenever the disk answers.
    await expect.poll(() => heard).toContainEqual(expect.objectContaining({ type: 'mp4_close', account: 'ben' }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(recordings.running).toHaveLength(1);
    page(false);
    await vi.advanceTimersByTimeAsync(35_000);
    await expect.poll(() => recordings.running).toEqual([]);
  });

  it('ends when the pairing of its page is taken back', async () => {
    const { recordings, start } = setUp();
    await start('ann', 'a.mp4');
    recordings.unpaired('https://other.example.org');
    expect(recordings.running).toHaveLength(1);
    recordings.unpaired(SITE);
    await expect.poll(() => recordings.running).toEqual([]);
  });

  it('does not begin any more when the pairing was taken back, or the agent ended, meanwhile', async () => {
    const { recordings, start, ends, making, files, join: joined } = setUp();
    const room = Promise.withResolvers<void>();
    const join_ = joined.getMockImplementation()!;
    joined.mockImplementation(async () => {
      await room.promise;
      return join_();
    });
    const late = codeOf(start('ann', 'a.mp4'));
    await expect.poll(() => joined.mock.calls).toHaveLength(1);
    recordings.unpaired(SITE);
    room.resolve();
    expect(await late).toBe('agent-not-paired');
    expect(readdirSync(files)).toEqual([]);
    // The file is being made: it is ended as soon as it is there.
    joined.mockImplementation(join_);
    const made = Promise.withResolvers<void>();
    making.promise = made.promise;
    const begins = start('ben', 'b.mp4');
    await expect.poll(() => readdirSync(files)).toEqual(['b.mp4']);
    const closing = recordings.close();
    made.resolve();
    await Promise.all([begins, closing]);
    expect(ends).toHaveLength(1);
    expect(recordings.running).toEqual([]);
  });

  it('tells how far it is, and what the disk has left', async () => {
    const { recordings, heard, start } = setUp();
    await start('ann', 'a.mp4');
    await vi.advanceTimersByTimeAsync(1000);
    const progress = {
      type: 'progress',
      id: 'recording-1',
      durationMs: 1000,
      sizeBytes: 500,
      freeBytes: expect.any(Number),
    };
    await expect.poll(() => heard.at(-1)).toEqual(progress);
    await recordings.close();
  });

  it('tells nothing more of a file that was closed while the disk was asked', async () => {
    const { heard, system, start, stop } = setUp();
    const answer = Promise.withResolvers<number>();
    const freeBytes = vi.fn(() => answer.promise);
    await start('ann', 'a.mp4');
    system.freeBytes = freeBytes;
    await vi.advanceTimersByTimeAsync(1000);
    expect(freeBytes).toHaveBeenCalledOnce();
    await stop('ann');
    answer.resolve(1);
    await answer.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard.map(({ type }) => type)).toEqual(['mp4_start', 'mp4_close']);
  });
});
