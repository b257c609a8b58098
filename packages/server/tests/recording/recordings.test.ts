import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import { MediaError } from '@aircheck/media';
import { AircheckError, type Participant, type Recording, type Role, type RoomType } from '@aircheck/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { journalFolder, writeJournal } from '../../../engine/src/recorder/journal.ts';
import type { Principal, UserPrincipal } from '../../src/apps/index.ts';
import { Outbox } from '../../src/events/index.ts';
import type { Library } from '../../src/library/index.ts';
import { Recordings, type RecoverSegment } from '../../src/recording/index.ts';
import { addRecording, describeOnBothDatabases } from '../databases.ts';
import { makeLibrary } from '../library/make-library.ts';
import { FakeWorkers, segmentOf } from './fake-workers.ts';

const server: Principal = { kind: 'server', appId: 'default' };
const user = (userId: string, role: Role, roomId = 'studio'): UserPrincipal => ({
  kind: 'user',
  appId: 'default',
  userId,
  roomId,
  role,
  exp: 0,
});
const request = { userId: 'anna', fileName: 'Lesson 1' };

describeOnBothDatabases('recordings', (database) => {
  let folder: string;
  let workers: FakeWorkers;
  let library: Library;
  let recordings: Recordings;
  let participants: Map<string, Participant>;
  let rooms: Map<string, RoomType>;
  let told: Recording[];
  let onTold: (recording: Recording) => void;
  let recoverSegment: RecoverSegment;
  const clock = { nowMs: 1_795_258_529_000, now: () => clock.nowMs };

  function makeRecordings(): Recordings {
    return new Recordings({
      db: database.db,
      library,
      outbox: new Outbox(clock),
      workers,
      rooms: {
        type: async (_appId, roomId) => rooms.get(roomId),
        participant: (_appId, roomId, userId) => participants.get(`${roomId}/${userId}`),
        broadcast: (_appId, _roomId, notification) => {
          if (notification.type !== 'recording') return;
          told.push(notification.recording);
          onTold(notification.recording);
        },
      },
      config: { recordingsFolder: folder, segmentSeconds: 5400, idleSeconds: 60 },
      recoverSegment: (recordingsFolder, segment) => recoverSegment(recordingsFolder, segment),
      clock,
      logger: pino({ level: 'silent' }),
    });
  }

  /** What the outbox has of a recording, but for its files' own events. */
  async function eventsOf(recordingId: string): Promise<{ type: string; data: Recording }[]> {
    const rows = await database.db
      .selectFrom('events')
      .selectAll()
      .where('subject', '=', recordingId)
      .where('type', 'like', 'recording.%')
      .orderBy('seq')
      .execute();
    return rows.map(({ type, data }) => ({ type, data: JSON.parse(data) as Recording }));
  }

  /** Lets everything that was told so far be written down, by ending and starting anew. */
  async function settle(): Promise<void> {
    await recordings.close();
    recordings = makeRecordings();
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aircheck-recordings-'));
    await mkdir(journalFolder(folder));
    workers = new FakeWorkers();
    library = makeLibrary(database.db);
    const track = { muted: false, trackId: 't' };
    participants = new Map([
      [
        'studio/anna',
        {
          userId: 'anna',
          role: 'guest',
          via: 'sdk',
          connected: true,
          joinedAt: '2026-11-21T10:00:00.000Z',
          tracks: [
            { ...track, kind: 'audio', source: 'microphone', codec: 'opus' },
            { ...track, kind: 'video', source: 'camera', codec: 'h264' },
          ],
        },
      ],
    ]);
    rooms = new Map([
      ['studio', 'multi'],
      ['two', 'pair'],
    ]);
    told = [];
    onTold = () => {};
    recoverSegment = async () => {
      throw new Error('nothing is recovered here');
    };
    recordings = makeRecordings();
  });
  afterEach(async () => {
    await recordings.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('go into the default class when theirs is not there', async () => {
    expect(await recordings.start(server, 'studio', { ...request, classId: 4711 })).toMatchObject({ classId: 0 });
  });

  it('go from the request over the first frame to a file', async () => {
    const { classId } = await library.classes.create('default', 'Mathematics');
    const made = await recordings.start(server, 'studio', { ...request, tags: ['math'], classId });
    expect(made).toMatchObject({
      state: 'starting',
      roomId: 'studio',
      userId: 'anna',
      source: 'camera',
      media: 'av',
      fileName: 'Lesson 1',
      tags: ['math'],
      classId,
      segmentSeconds: 5400,
      idleSeconds: 60,
      createdAt: new Date(clock.nowMs).toISOString(),
      startedAt: null,
      fileIds: [],
    });
    expect(workers.started).toMatchObject([{ recordingId: made.recordingId, segmentMs: 5_400_000, idleMs: 60_000 }]);

    const segment = segmentOf(made.recordingId);
    workers.emit('recording-state', { recordingId: made.recordingId, state: 'recording', at: 1_795_258_530_000.4 });
    workers.emit('segment-opened', { segment: { ...segment, durationMs: 0, sizeBytes: 1000 } });
    workers.segments.set(made.recordingId, [segment]);
    const done = await recordings.stop(server, made.recordingId);

    expect(done).toMatchObject({
      state: 'ready',
      endReason: 'stopped',
      startedAt: '2026-11-21T10:55:30.000Z',
      fileIds: [segment.fileId],
      durationMs: 10_000.5,
      sizeBytes: 1_500_000,
    });
    expect(await recordings.get(server, made.recordingId)).toEqual(done);
    expect(told.map(({ state }) => state)).toEqual(['starting', 'recording', 'finalizing', 'ready']);
    const events = await eventsOf(made.recordingId);
    expect(events).toEqual(told.map((recording) => ({ type: `recording.${recording.state}`, data: recording })));
    expect(events.at(-1)?.data).toEqual(done);
    expect((await library.get(segment.fileId)).asset).toMatchObject({
      state: 'ready',
      fileName: 'Lesson 1',
      tags: ['math'],
      classId,
      video: segment.video,
      audio: segment.audio,
    });
  });

  it('pause and go on', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    await expect(recordings.pause(server, recordingId)).rejects.toMatchObject({ code: 'recording-state' });
    workers.emit('recording-state', { recordingId, state: 'recording', at: 1 });
    await settle();
    await expect(recordings.resume(server, recordingId)).rejects.toMatchObject({ code: 'recording-state' });
    expect((await recordings.pause(server, recordingId)).state).toBe('paused');
    expect((await recordings.resume(server, recordingId)).state).toBe('recording');
  });

  it('are one per participant and source, whoever asks at the same time', async () => {
    const attempts = await Promise.allSettled([1, 2, 3].map(() => recordings.start(server, 'studio', request)));
    const refused = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(refused.map(({ reason }) => [reason.code, reason.vendorCode])).toEqual([
      ['recording-exists', 30000415],
      ['recording-exists', 30000415],
    ]);
    expect(workers.started).toHaveLength(1);
  });

  it('may begin again once the former one has ended', async () => {
    const first = await recordings.start(server, 'studio', request);
    workers.segments.set(first.recordingId, []);
    await recordings.stop(server, first.recordingId);
    const second = await recordings.start(server, 'studio', request);
    expect(second.recordingId).not.toBe(first.recordingId);
  });

  it.each([
    ['nowhere', {}, 'room-not-found', 30000403],
    ['studio', { userId: 'bob' }, 'participant-not-found', 30000411],
    ['two', {}, 'room-pair', undefined],
    ['studio', { source: 'screen' as const }, 'track-not-found', undefined],
  ])('are refused in room %s with %o: %s', async (roomId, changes, code, vendorCode) => {
    const starting = recordings.start(server, roomId, { ...request, ...changes });
    await expect(starting).rejects.toMatchObject({ code, vendorCode });
    expect(workers.started).toEqual([]);
  });

  it('take sound alone from whoever has a microphone, whatever the source', async () => {
    const made = await recordings.start(server, 'studio', { ...request, source: 'screen', media: 'audio' });
    expect(made).toMatchObject({ source: 'screen', media: 'audio' });
  });

  it.each([
    [user('hanna', 'host'), undefined],
    [user('anna', 'guest'), undefined],
    [user('bob', 'guest'), 'recording-forbidden'],
    [user('anna', 'audience'), 'recording-forbidden'],
    [user('anna', 'host', 'another-room'), 'forbidden'],
  ])('of anna may be started, paused and ended by those with the right to: %o', async (principal, code) => {
    const attempt = async () => {
      const { recordingId } = await recordings.start(principal, 'studio', request);
      workers.segments.set(recordingId, []);
      await recordings.stop(principal, recordingId);
    };
    if (code === undefined) await attempt();
    else await expect(attempt()).rejects.toMatchObject({ code });

    const { recordingId } = await recordings.start(server, 'studio', request);
    workers.emit('recording-state', { recordingId, state: 'recording', at: 1 });
    await settle();
    if (code === undefined) expect((await recordings.pause(principal, recordingId)).state).toBe('paused');
    else await expect(recordings.pause(principal, recordingId)).rejects.toMatchObject({ code });
  });

  it('are ended once: the first stop answers with the files, the others wait and are told', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    workers.segments.set(recordingId, [segmentOf(recordingId)]);
    const gate = Promise.withResolvers<void>();
    workers.stopGate = gate.promise;
    const stops = [1, 2, 3].map(() => recordings.stop(server, recordingId));
    const outcome = Promise.allSettled(stops);
    gate.resolve();
    const results = await outcome;
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') {
        expect(result.reason).toMatchObject({ code: 'recording-stopped', vendorCode: 30000412 });
      }
    }
    await expect(recordings.stop(server, recordingId)).rejects.toMatchObject({ code: 'recording-stopped' });
    expect(workers.stopped).toHaveLength(1);
  });

  it('know when they began, though it is told of only after they are stopped', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    workers.segments.set(recordingId, [segmentOf(recordingId)]);
    const gate = Promise.withResolvers<void>();
    workers.stopGate = gate.promise;
    onTold = ({ state }) => {
      if (state !== 'finalizing') return;
      for (const at of [1_795_258_530_000, 1_795_258_531_000]) {
        workers.emit('recording-state', { recordingId, state: 'recording', at });
      }
      gate.resolve();
    };
    const done = await recordings.stop(server, recordingId);
    expect(done).toMatchObject({ state: 'ready', startedAt: '2026-11-21T10:55:30.000Z' });
    expect(told.map(({ state }) => state)).toEqual(['starting', 'finalizing', 'ready']);
  });

  it('that are not there cannot be stopped', async () => {
    await expect(recordings.stop(server, 'nothing')).rejects.toMatchObject({ code: 'recording-not-found' });
  });

  it('end by themselves with the reason that the worker tells', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    workers.emit('segment-opened', { segment });
    workers.emit('recording-state', { recordingId, state: 'recording', at: 1 });
    workers.emit('recording-state', { recordingId, state: 'finalizing', at: 2 });
    workers.emit('segment-closed', { segment });
    workers.emit('recording-ended', { recordingId, reason: 'storage-full', detail: 'no space left' });
    await settle();
    expect(await recordings.get(server, recordingId)).toMatchObject({
      state: 'ready',
      endReason: 'storage-full',
      detail: 'no space left',
      fileIds: [segment.fileId],
    });
    expect(await recordings.live('default', ['studio'])).toEqual([]);
  });

  it('with a file that the worker could not finish tell so of it, and the next start finishes it', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const [first, second] = [segmentOf(recordingId), segmentOf(recordingId)];
    await writeJournal(folder, journalOf(second, false));
    workers.emit('recording-state', { recordingId, state: 'recording', at: 1 });
    workers.emit('segment-opened', { segment: first });
    workers.emit('segment-closed', { segment: first });
    workers.emit('segment-opened', { segment: second });
    workers.emit('recording-ended', { recordingId, reason: 'storage-failed', detail: 'input/output error' });
    await settle();
    expect(await recordings.get(server, recordingId)).toMatchObject({ state: 'ready', endReason: 'storage-failed' });
    expect((await library.get(second.fileId)).asset.state).toBe('interrupted');

    recoverSegment = async (_folder, segment) => ({ ...segment, durationMs: 4321 });
    await recordings.recover();
    expect((await library.get(second.fileId)).asset).toMatchObject({ state: 'ready', durationMs: 4321 });
    expect(await recordings.get(server, recordingId)).toMatchObject({ state: 'ready', endReason: 'storage-failed' });
  });

  it('without a single frame fail with no-media', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    workers.segments.set(recordingId, []);
    expect(await recordings.stop(server, recordingId)).toMatchObject({ state: 'failed', endReason: 'no-media' });
  });

  it('never were when the worker says that the caller is wrong', async () => {
    workers.failures.set('startRecording', new AircheckError('track-not-found', 'the track has gone'));
    await expect(recordings.start(server, 'studio', request)).rejects.toMatchObject({ code: 'track-not-found' });
    expect((await recordings.list(server, { limit: 10 })).items).toEqual([]);
    // Who heard of its start hears of its end.
    const rows = await database.db.selectFrom('events').select(['subject', 'type', 'data']).orderBy('seq').execute();
    expect(rows.map(({ type }) => type)).toEqual(['recording.starting', 'recording.failed']);
    expect(new Set(rows.map(({ subject }) => subject)).size).toBe(1);
    expect(JSON.parse(rows[1]!.data)).toMatchObject({ state: 'failed', detail: 'the track has gone' });
    await recordings.start(server, 'studio', request);
  });

  it('that the worker does not answer for fail, and do not block the next one', async () => {
    workers.failures.set('startRecording', new AircheckError('timeout', 'no answer'));
    await expect(recordings.start(server, 'studio', request)).rejects.toMatchObject({ code: 'timeout' });
    expect((await recordings.list(server, { limit: 10 })).items).toMatchObject([
      { state: 'failed', endReason: 'no-media' },
    ]);
    await recordings.start(server, 'studio', request);
  });

  it('write progress down, and never over the final figures', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    workers.emit('segment-opened', { segment: { ...segment, durationMs: 0, sizeBytes: 0 } });
    await settle();
    workers.emit('segment-progress', { segment: { ...segment, durationMs: 3000, sizeBytes: 400_000 } });
    await settle();
    expect((await library.get(segment.fileId)).asset).toMatchObject({
      durationMs: 3000,
      state: 'recording',
      endedAt: null,
    });
    expect((await recordings.get(server, recordingId)).durationMs).toBe(3000);
    workers.emit('segment-progress', { segment: { ...segment, durationMs: 9000, sizeBytes: 900_000 } });
    workers.emit('segment-closed', { segment });
    await settle();
    workers.emit('segment-progress', { segment: { ...segment, durationMs: 9500, sizeBytes: 950_000 } });
    await settle();
    expect((await library.get(segment.fileId)).asset).toMatchObject({ durationMs: 10_000.5, state: 'ready' });
  });

  it('merge the health of their segments', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const first = segmentOf(recordingId, { startedAt: 1_000_000, durationMs: 5000 });
    const second = segmentOf(recordingId, { startedAt: 1_005_000, durationMs: 15_000, segmentIndex: 1 });
    const gap = { kind: 'video', atMs: 100, durationMs: 40, reason: 'loss' } as const;
    workers.segments.set(recordingId, [
      { ...first, health: { ...first.health, gaps: [gap], gapCount: 1, lostFrames: 2, clockDriftPpm: { audio: 10 } } },
      {
        ...second,
        health: { ...second.health, gaps: [gap], gapCount: 5, lostFrames: 3, clockDriftPpm: { audio: 30 } },
      },
    ]);
    const { health, fileIds, durationMs } = await recordings.stop(server, recordingId);
    expect(fileIds).toEqual([first.fileId, second.fileId]);
    expect(durationMs).toBe(20_000);
    expect(health).toMatchObject({
      gaps: [gap, { ...gap, atMs: 5100 }],
      gapCount: 6,
      lostFrames: 5,
      clockDriftPpm: { audio: 25 },
    });
  });

  it('do not bring a file back that was deleted while they went on', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const first = segmentOf(recordingId);
    const second = segmentOf(recordingId, { segmentIndex: 1 });
    await whenReady(first);
    await removeRow(first.fileId);
    workers.segments.set(recordingId, [first, second]);
    const done = await recordings.stop(server, recordingId);
    expect(done).toMatchObject({ state: 'ready', fileIds: [second.fileId] });
    await expect(library.get(first.fileId)).rejects.toMatchObject({ code: 'asset-not-found' });
  });

  it.each(['in the recycle bin', 'gone'])('whose only file is %s have not failed', async (where) => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    await whenReady(segment);
    if (where === 'gone') await removeRow(segment.fileId);
    else await library.remove('default', segment.fileId);
    workers.segments.set(recordingId, [segment]);
    const done = await recordings.stop(server, recordingId);
    expect(done).toMatchObject({ state: 'ready', endReason: 'stopped' });
  });

  it('of a lost worker do not bring a deleted file back', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    await whenReady(segment);
    await removeRow(segment.fileId);
    const ended = new Promise<Recording>((resolve) => {
      onTold = (recording) => recording.endReason !== null && resolve(recording);
    });
    workers.lose('default/studio');
    expect(await ended).toMatchObject({ state: 'ready', endReason: 'interrupted', fileIds: [] });
  });

  async function whenReady(segment: SegmentSnapshot): Promise<void> {
    workers.emit('segment-opened', { segment });
    workers.emit('segment-closed', { segment });
    const state = () => library.get(segment.fileId).then(({ asset }) => asset.state, String);
    await expect.poll(state, { interval: 10 }).toBe('ready');
  }

  /** What the end of a file's removal does. */
  async function removeRow(fileId: string): Promise<void> {
    await database.db.deleteFrom('assets').where('file_id', '=', fileId).execute();
  }

  it('are listed newest first, page by page, and to users those of their room', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      clock.nowMs += round % 2;
      const { recordingId } = await recordings.start(server, 'studio', request);
      workers.segments.set(recordingId, []);
      await recordings.stop(server, recordingId);
      ids.push(recordingId);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await recordings.list(server, { limit: 2, cursor });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ recordingId }) => recordingId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    expect(seen[0] === ids[4] || seen[0] === ids[3]).toBe(true);

    expect((await recordings.list(server, { limit: 10, live: true })).items).toEqual([]);
    expect((await recordings.list(user('x', 'audience', 'elsewhere'), { limit: 10 })).items).toEqual([]);
    expect((await recordings.list(user('x', 'audience'), { limit: 10 })).items).toHaveLength(5);
    const foreign = recordings.list(user('x', 'host'), { limit: 10, roomId: 'elsewhere' });
    await expect(foreign).rejects.toMatchObject({ code: 'forbidden' });
    await expect(recordings.list(server, { limit: 1, cursor: 'bm9uc2Vuc2U' })).rejects.toMatchObject({
      code: 'request-invalid',
      input: 'query.cursor',
    });
  });

  it('are shown to a user token where its user is now, and its own always; acted on only where it is', async () => {
    const at = (where: [string, Role][], role: Role = 'host'): Principal => ({
      ...user('anna', role, '*'),
      presence: new Map(where),
    });
    await addRecording(database.db, 'own', { room_id: 'two', user_id: 'anna' });
    await addRecording(database.db, 'bens', { room_id: 'two', user_id: 'ben' });
    const ids = async (who: Principal, filter: object = {}) =>
      (await recordings.list(who, { limit: 10, ...filter })).items.map(({ recordingId }) => recordingId).toSorted();
    expect(await ids(at([]))).toEqual(['own']);
    expect(await ids(at([]), { roomId: 'two' })).toEqual(['own']);
    expect(await ids(at([['two', 'guest']]), { roomId: 'two' })).toEqual(['bens', 'own']);
    expect(await ids(server, { userId: 'ben' })).toEqual(['bens']);
    await expect(recordings.list(at([]), { limit: 10, userId: 'ben' })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await recordings.get(at([]), 'own')).recordingId).toBe('own');
    await expect(recordings.get(at([]), 'bens')).rejects.toMatchObject({ code: 'forbidden' });
    expect((await recordings.get(at([['two', 'audience']]), 'bens')).recordingId).toBe('bens');

    await expect(recordings.start(at([]), 'studio', request)).rejects.toMatchObject({ code: 'forbidden' });
    for (const [present, role] of [
      ['audience', 'host'],
      ['host', 'audience'],
    ] as const) {
      const starting = recordings.start(at([['studio', present]], role), 'studio', request);
      await expect(starting).rejects.toMatchObject({ code: 'recording-forbidden' });
    }
    const { recordingId } = await recordings.start(at([['studio', 'guest']]), 'studio', request);
    await expect(recordings.pause(at([]), recordingId)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('say what is to be made of their files', async () => {
    const process = { transcode: false, screenshot: true, watermark: false };
    const { recordingId } = await recordings.start(server, 'studio', { ...request, process: { screenshot: true } });
    expect((await recordings.get(server, recordingId)).process).toEqual(process);
    expect(await recordings.processOf(recordingId, database.db)).toEqual(process);
    const [told] = await eventsOf(recordingId);
    expect(told?.data.process).toEqual(process);
    participants.set('studio/ben', { ...participants.get('studio/anna')!, userId: 'ben' });
    const plain = { transcode: false, screenshot: false };
    const other = await recordings.start(server, 'studio', { ...request, userId: 'ben', process: plain });
    expect(other).not.toHaveProperty('process');
    expect(await recordings.processOf(other.recordingId, database.db)).toBeUndefined();
  });

  it('whose end the database refuses at first, as on a full disk, end when it takes it', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    const save = library.save.bind(library);
    let refusals = 1;
    library.save = async (...args) => {
      if (refusals-- > 0) throw new Error('database or disk is full');
      return save(...args);
    };
    const ended = new Promise<Recording>((resolve) => {
      onTold = (recording) => recording.state === 'ready' && resolve(recording);
    });
    workers.emit('segment-closed', { segment });
    workers.emit('recording-ended', { recordingId, reason: 'storage-full' });
    expect(await ended).toMatchObject({ endReason: 'storage-full', fileIds: [segment.fileId] });
  });

  it('of a lost worker are finished from what is on the disk', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId, { durationMs: 500 });
    workers.emit('segment-opened', { segment });
    recoverSegment = async (_folder, cut) => ({ ...cut, durationMs: 7777, sizeBytes: 42 });
    await writeJournal(folder, journalOf(segment, false));
    const ended = new Promise<void>((resolve) => {
      onTold = ({ state }) => state === 'ready' && resolve();
    });
    workers.lose('default/another', 'default/studio');
    await ended;
    expect(await recordings.get(server, recordingId)).toMatchObject({
      state: 'ready',
      endReason: 'interrupted',
      durationMs: 7777,
      fileIds: [segment.fileId],
    });
    expect(told.map(({ state }) => state)).toEqual(['starting', 'interrupted', 'ready']);
    expect(await readdir(journalFolder(folder))).toEqual([]);
  });

  it('of a lost worker answer a stop that was under way', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    const segment = segmentOf(recordingId);
    recoverSegment = async (_folder, cut) => cut;
    await writeJournal(folder, journalOf(segment, false));
    workers.failures.set('stopRecording', new AircheckError('worker-lost', 'gone'));
    const stopping = recordings.stop(server, recordingId);
    await expect.poll(() => told.at(-1)?.state, { interval: 1 }).toBe('finalizing');
    workers.lose('default/studio');
    expect(await stopping).toMatchObject({ state: 'ready', endReason: 'interrupted', fileIds: [segment.fileId] });
  });

  it('that a killed server left are finished at the next start', async () => {
    const whole = await recordings.start(server, 'studio', request);
    const first = segmentOf(whole.recordingId);
    const second = segmentOf(whole.recordingId, { segmentIndex: 1 });
    const third = segmentOf(whole.recordingId, { segmentIndex: 2 });
    const fourth = segmentOf(whole.recordingId, { segmentIndex: 3 });
    workers.emit('segment-closed', { segment: first });
    workers.emit('segment-opened', { segment: second });
    workers.emit('segment-opened', { segment: third });
    await settle();
    await writeJournal(folder, journalOf(second, true));
    await writeJournal(folder, journalOf(third, false));
    await writeJournal(folder, journalOf(fourth, false));
    recoverSegment = async (_folder, cut) => {
      // The last one was killed before its header: there is nothing in it.
      if (cut.fileId === fourth.fileId) throw new MediaError('container-malformed', 'no fragment');
      return { ...cut, durationMs: 3000 };
    };

    recordings = makeRecordings();
    await recordings.recover();
    expect(await recordings.get(server, whole.recordingId)).toMatchObject({
      state: 'ready',
      endReason: 'interrupted',
      fileIds: [first.fileId, second.fileId, third.fileId],
      durationMs: 10_000.5 * 2 + 3000,
    });
    expect((await library.get(fourth.fileId)).asset.state).toBe('failed');
    const types = (await eventsOf(whole.recordingId)).map(({ type }) => type);
    expect(types).toEqual(['recording.starting', 'recording.interrupted', 'recording.ready']);
    expect(await readdir(journalFolder(folder))).toEqual([]);
    await recordings.start(server, 'studio', request);
  });

  it('that the database knows nothing of are rebuilt from their journals', async () => {
    const segment = segmentOf('lost-from-the-database');
    await writeJournal(folder, journalOf(segment, false));
    recoverSegment = async (_folder, cut) => cut;
    await recordings.recover();
    expect(await recordings.get(server, 'lost-from-the-database')).toMatchObject({
      state: 'ready',
      endReason: 'interrupted',
      fileName: 'Lesson 1',
      userId: 'anna',
      fileIds: [segment.fileId],
    });
  });

  it('whose file the disk refuses stay for the next start', async () => {
    const { recordingId } = await recordings.start(server, 'studio', request);
    await writeJournal(folder, journalOf(segmentOf(recordingId), false));
    const cause = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    recoverSegment = async () => {
      throw new AircheckError('storage-failed', 'the disk refuses', { cause });
    };
    await recordings.recover();
    expect((await recordings.get(server, recordingId)).state).toBe('interrupted');
    recoverSegment = async (_folder, cut) => cut;
    await recordings.recover();
    expect((await recordings.get(server, recordingId)).state).toBe('ready');
  });

  function journalOf(segment: ReturnType<typeof segmentOf>, closed: boolean) {
    return {
      version: 1 as const,
      recording: {
        recordingId: segment.recordingId,
        appId: 'default',
        roomId: 'studio',
        userId: 'anna',
        source: 'camera' as const,
        media: 'av' as const,
        fileName: 'Lesson 1',
        segmentMs: 5_400_000,
        idleMs: 60_000,
      },
      recordingStartedAt: 1_795_258_530_000.25,
      segment,
      closed,
      writerPid: 999_999_999, // gone
    };
  }
});
