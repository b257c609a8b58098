import type { Recording } from '@aircheck/protocol';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { UserPrincipal } from '../../src/apps/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { Rooms } from '../../src/rooms/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp } from './service.ts';

const nothing = async (_appId: string, _roomIds: readonly string[]): Promise<Recording[]> => [];

const fixed = { now: (): number => 1_795_258_529_992 };

describeOnBothDatabases('rooms', (database) => {
  const open = (workers = new RecordingWorkers(), { live = nothing, clock = fixed } = {}) => {
    const rooms = new Rooms({
      db: database.db,
      workers,
      apps: { verifyToken: () => Promise.reject(new Error('nobody joins here')) },
      config: { idleSeconds: 60, iceServers: [] },
      recordings: { live },
      outbox: new Outbox(clock),
      clock,
      logger: pino({ level: 'silent' }),
    });
    onTestFinished(async () => {
      rooms.close();
      await rooms.settled();
    });
    return rooms;
  };
  const host: UserPrincipal = { kind: 'user', appId: 'default', userId: 'anna', roomId: 'new', role: 'host', exp: 0 };

  it('outlive the process', async () => {
    const created = await open().put('default', '演播室', 'pair');
    expect(created).toEqual({
      roomId: '演播室',
      type: 'pair',
      createdAt: '2026-11-21T10:55:29.992Z',
      participants: [],
      recordings: [],
    });
    const later = open();
    expect(await later.get('default', '演播室')).toEqual(created);
    expect(await later.type('default', '演播室')).toBe('pair');
    await expect(later.put('default', '演播室', 'multi')).rejects.toMatchObject({ code: 'room-type' });
    await later.delete('default', '演播室');
    expect(await later.type('default', '演播室')).toBeUndefined();
    await expect(later.delete('default', '演播室')).rejects.toMatchObject({ code: 'room-not-found' });
  });

  it('are listed newest first, page by page, each once, also where many were made at the same time', async () => {
    let nowMs = 1_000;
    const live = async (_appId: string, roomIds: readonly string[]) => {
      asked.push(roomIds);
      return [];
    };
    const asked: (readonly string[])[] = [];
    const rooms = open(undefined, { live, clock: { now: () => nowMs } });
    for (const roomId of ['d', 'e']) await rooms.put('default', roomId, 'multi');
    nowMs = 2_000;
    for (const roomId of ['b', '课', 'a']) await rooms.put('default', roomId, 'multi');
    asked.length = 0;
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await rooms.list('default', { cursor, limit: 2 });
      pages.push(page.items.map(({ roomId }) => roomId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
    expect(pages.flat().slice(3)).toEqual(['e', 'd']);
    expect(pages.flat().slice(0, 3).sort()).toEqual(['a', 'b', '课']);
    // Recordings are asked for once a page, not once a room.
    expect(asked).toEqual(pages);
    await expect(rooms.list('default', { cursor: 'x', limit: 2 })).rejects.toMatchObject({ code: 'request-invalid' });
  });

  it('of other apps are not seen', async () => {
    const rooms = open();
    await rooms.put('default', 'ours', 'multi');
    expect(await rooms.list('other', { limit: 10 })).toEqual({ items: [], nextCursor: null });
    await expect(rooms.get('other', 'ours')).rejects.toMatchObject({ code: 'room-not-found' });
    await expect(rooms.delete('other', 'ours')).rejects.toMatchObject({ code: 'room-not-found' });
  });

  it('are made once, however many ask at the same time', async () => {
    const rooms = open();
    await Promise.all([
      rooms.put('default', 'new', 'multi'),
      rooms.put('default', 'new', 'multi'),
      rooms.publishExternal(host, 'new', offerSdp(), undefined),
      rooms.publishExternal({ ...host, userId: 'ben' }, 'new', offerSdp('2'), undefined),
    ]);
    expect((await rooms.get('default', 'new')).participants.map(({ userId }) => userId)).toEqual(['anna', 'ben']);
  });

  it('have the ends of their meetings told by the next run of the server where a kill kept this one from it', async () => {
    const { db } = database;
    let nowMs = 1_000_000;
    const clock = { now: () => nowMs };
    const events = async () => {
      const rows = await db.selectFrom('events').select(['type', 'subject', 'data']).orderBy('seq').execute();
      return rows.map(({ data, ...row }) => ({ ...row, data: JSON.parse(data) }));
    };
    const rooms = open(undefined, { clock });
    await rooms.publishExternal({ ...host, roomId: 'ended' }, 'ended', offerSdp(), undefined);
    await rooms.publishExternal(host, 'new', offerSdp(), undefined);
    nowMs += 5000;
    await rooms.publishExternal({ ...host, userId: 'ben', role: 'guest' }, 'new', offerSdp(), undefined);
    await rooms.delete('default', 'ended');
    await rooms.settled();
    expect((await events()).map(({ subject }) => subject)).toEqual(['ended']);

    nowMs += 60_000;
    await open(undefined, { clock }).recover();
    expect((await events()).slice(1)).toEqual([
      {
        type: 'room.ended',
        subject: 'new',
        data: {
          roomId: 'new',
          channelId: expect.any(String),
          startedAt: new Date(1_000_000).toISOString(),
          endedAt: new Date(1_005_000).toISOString(),
          video: expect.any(Boolean),
          participants: [
            { userId: 'anna', creator: true, durationMs: 5000 },
            { userId: 'ben', creator: false, durationMs: 0 },
          ],
        },
      },
    ]);
    await open().recover();
    expect(await events()).toHaveLength(2);
  });

  it('that are deleted while somebody is on the way in take nobody', async () => {
    const workers = new RecordingWorkers();
    const rooms = open(workers);
    const answered = Promise.withResolvers<void>();
    workers.gates.set('publish', answered.promise);
    const publishing = rooms.publishExternal(host, 'new', offerSdp(), undefined);
    await workers.called('publish');
    await rooms.delete('default', 'new');
    answered.resolve();
    await expect(publishing).rejects.toMatchObject({ code: 'room-not-found' });
    expect(await workers.called('leave')).toEqual({ roomKey: 'default/new', userId: 'anna' });
    expect((await rooms.list('default', { limit: 10 })).items).toEqual([]);
  });
});
