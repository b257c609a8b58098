import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileIdOf } from '../../src/jobs/results.ts';
import { addRecording, describeOnBothDatabases } from '../databases.ts';
import { segmentOf } from '../recording/fake-workers.ts';
import { appId, type LibraryService, libraryService } from './library-service.ts';

const dayMs = 86_400_000;

describeOnBothDatabases('deletion', (database) => {
  const gone = (fileId: string, { library }: LibraryService) =>
    expect
      .poll(() => library.get(fileId, appId).catch((error: { code: string }) => error.code), { interval: 20 })
      .toBe('asset-not-found');

  const types = async (service: LibraryService) => (await service.events()).map(({ type }) => type);

  async function nothingIsLeft(service: LibraryService, fileId: string): Promise<void> {
    expect(existsSync(join(service.recordingsFolder, fileId))).toBe(false);
    expect(existsSync(join(service.derivedFolder, fileId))).toBe(false);
    for (const table of ['assets', 'derivatives', 'asset_tags'] as const) {
      const rows = await database.db.selectFrom(table).selectAll().where('file_id', '=', fileId).execute();
      expect([table, rows]).toEqual([table, []]);
    }
  }

  it('puts a file into the recycle bin, from which it can be taken for seven days', async () => {
    const service = await libraryService(database.db);
    const { library, clock, sweeper } = service;
    const fileId = await service.addFile({ tags: ['math'] });
    const { asset } = await library.remove(appId, fileId);
    expect(asset).toMatchObject({ state: 'recycled', recycledAt: new Date(clock.now()).toISOString() });
    expect((await library.list(appId, { limit: 10 })).total).toBe(0);
    expect((await library.list(appId, { limit: 10, state: 'recycled' })).items).toMatchObject([{ fileId }]);
    await expect(library.update(appId, fileId, { intro: 'x' })).rejects.toMatchObject({ code: 'asset-state' });

    clock.nowMs += 7 * dayMs - 1;
    await sweeper.sweep();
    const restored = (await library.restore(appId, fileId)).asset;
    expect(restored).toMatchObject({ state: 'ready', recycledAt: null, tags: ['math'] });
    expect((await library.list(appId, { limit: 10 })).items).toMatchObject([{ fileId }]);
    await expect(library.restore(appId, fileId)).rejects.toMatchObject({ code: 'asset-state' });
    expect(await types(service)).toEqual(['asset.ready', 'asset.recycled', 'asset.restored']);
  });

  it('removes bytes, renditions and rows when the recycle period is over, and tells of it', async () => {
    const service = await libraryService(database.db);
    const { library, clock, sweeper, jobs } = service;
    const fileId = await service.addFile({ tags: ['math', 'grade 1'] });
    const other = await service.addFile();
    await service.addRendition(fileId, 'r1');
    await service.addRendition(fileId, 'r2', 'sprite');
    await service.addRendition(other, 'r3');
    await library.remove(appId, fileId);
    await library.remove(appId, fileId);
    clock.nowMs += 7 * dayMs;
    await sweeper.sweep();
    expect((await library.get(fileId)).asset.state).toBe('deleting');
    await expect(library.restore(appId, fileId)).rejects.toMatchObject({ code: 'asset-state' });
    await jobs.start();
    await gone(fileId, service);
    await nothingIsLeft(service, fileId);
    expect(existsSync(join(service.derivedFolder, other, 'r3.mp4'))).toBe(true);
    expect((await service.events()).at(-1)).toEqual({
      type: 'asset.deleted',
      subject: fileId,
      data: {
        fileId,
        fileName: 'Lesson',
        recordingId: null,
        recycledAt: new Date(clock.nowMs - 7 * dayMs).toISOString(),
        reason: 'request',
      },
    });
    const { items } = await jobs.list(appId, { fileId, limit: 10 });
    expect(items.filter(({ type }) => type === 'delete')).toMatchObject([{ state: 'done' }]);
  });

  it('removes a clip that was being made of the file when the server was killed', async () => {
    const service = await libraryService(database.db);
    const { library, jobs, recordingsFolder } = service;
    const fileId = await service.addFile();
    const { jobId } = await jobs.create(appId, { type: 'clip', fileId, startMs: 0, endMs: 5000, fileName: 'Clip' });
    const row = await database.db.selectFrom('jobs').selectAll().where('job_id', '=', jobId).executeTakeFirstOrThrow();
    // Its bytes are in their place, its row is not there yet.
    const clip = join(recordingsFolder, fileIdOf(row));
    await mkdir(clip);
    await writeFile(join(clip, `0000-${fileIdOf(row)}.mp4`), 'bytes');
    await library.remove(appId, fileId, { now: true });
    await jobs.start();
    await gone(fileId, service);
    expect(await jobs.get(appId, jobId)).toMatchObject({ state: 'cancelled' });
    expect(existsSync(clip)).toBe(false);
  });

  it('removes at once what is asked for so, or where the app has no recycle period', async () => {
    const service = await libraryService(database.db);
    const { library, jobs } = service;
    await jobs.start();
    const [first, second, third] = [await service.addFile(), await service.addFile(), await service.addFile()];
    expect((await library.remove(appId, first, { now: true })).asset.state).toBe('deleting');
    await gone(first, service);
    await library.remove(appId, second);
    await library.settings.update(appId, { recycleDays: 0 });
    expect((await library.remove(appId, third)).asset.state).toBe('deleting');
    await gone(third, service);
    expect((await library.remove(appId, second)).asset.state).toBe('deleting');
    await gone(second, service);
    await expect(library.remove(appId, first)).rejects.toMatchObject({ code: 'asset-not-found' });
    await expect(library.remove('another-app', second)).rejects.toMatchObject({ code: 'asset-not-found' });
  });

  it('takes many requests for the same file as one', async () => {
    const service = await libraryService(database.db);
    const fileId = await service.addFile();
    const now = { now: true };
    const all = await Promise.all([0, 1, 2, 3].map(() => service.library.remove(appId, fileId, now)));
    expect(all.map(({ asset }) => asset.state)).toEqual(Array(4).fill('deleting'));
    expect((await service.jobs.list(appId, { fileId, type: ['delete'], limit: 10 })).items).toHaveLength(1);
  });

  it('does not delete what is being recorded', async () => {
    const service = await libraryService(database.db);
    const { library } = service;
    await addRecording(database.db, 'r');
    const owner = { appId, roomId: 'studio', userId: 'anna', fileName: 'Lesson', tags: [], classId: 0 };
    const segment = segmentOf('r');
    for (const state of ['recording', 'interrupted'] as const) {
      await library.save(owner, segment, state);
      await expect(library.remove(appId, segment.fileId, { now: true })).rejects.toMatchObject({ code: 'asset-state' });
    }
    await library.save(owner, segment, 'failed');
    // There is nothing to restore in it.
    expect((await library.remove(appId, segment.fileId)).asset.state).toBe('deleting');
    // What is told late of the recording does not bring it back.
    await library.save(owner, segment, 'ready');
    expect((await library.get(segment.fileId)).asset.state).toBe('deleting');
  });

  it('is tried again after a kill at any point, and tells once', async () => {
    const service = await libraryService(database.db);
    const { library, removals, jobs } = service;
    const untouched = await service.addFile();
    const bytesGone = await service.addFile();
    await service.addRendition(bytesGone, 'b1');
    const halfGone = await service.addFile();
    await service.addRendition(halfGone, 'h1');
    for (const fileId of [untouched, bytesGone, halfGone]) await library.remove(appId, fileId, { now: true });
    // Killed after all bytes and before the rows, and in the middle of the bytes.
    await removals.removeBytes(bytesGone);
    await rm(join(service.derivedFolder, halfGone, 'h1.mp4'));
    await jobs.start();
    for (const fileId of [untouched, bytesGone, halfGone]) {
      await gone(fileId, service);
      await nothingIsLeft(service, fileId);
    }
    // Done again after its end, it does and tells nothing.
    await removals.removeBytes(untouched);
    await database.db.transaction().execute((transaction) => removals.removeRows(transaction, untouched, 'request'));
    expect((await types(service)).filter((type) => type === 'asset.deleted')).toHaveLength(3);
  });

  it('removes nothing of a file that is not being deleted', async () => {
    const service = await libraryService(database.db);
    const fileId = await service.addFile();
    await service.removals.removeBytes(fileId);
    await database.db
      .transaction()
      .execute((transaction) => service.removals.removeRows(transaction, fileId, 'request'));
    expect(existsSync(join(service.recordingsFolder, fileId))).toBe(true);
    expect((await service.library.get(fileId)).asset.state).toBe('ready');
  });

  it('is begun anew by the sweeper where its job has come to nothing', async () => {
    const service = await libraryService(database.db);
    const { library, clock, sweeper, jobs } = service;
    const fileId = await service.addFile();
    await library.remove(appId, fileId, { now: true });
    await database.db.deleteFrom('jobs').execute();
    await jobs.start();
    await sweeper.sweep();
    expect((await library.get(fileId)).asset.state).toBe('deleting');
    clock.nowMs += 3_600_000;
    await sweeper.sweep();
    await gone(fileId, service);
  });

  it('is not begun anew while its job waits', async () => {
    const { library, clock, sweeper, jobs, addFile } = await libraryService(database.db);
    const fileId = await addFile();
    await library.remove(appId, fileId, { now: true });
    for (let hour = 0; hour < 3; hour++) {
      clock.nowMs += 3_600_000;
      await sweeper.sweep();
    }
    expect((await jobs.list(appId, { fileId, type: ['delete'], limit: 10 })).items).toHaveLength(1);
  });

  it('takes no rendition for a file that is going', async () => {
    const service = await libraryService(database.db);
    const fileId = await service.addFile();
    await service.library.remove(appId, fileId, { now: true });
    await expect(service.addRendition(fileId, 'late')).rejects.toMatchObject({ code: 'asset-state' });
    await expect(service.addRendition('17952585290000000', 'stray')).rejects.toMatchObject({ code: 'asset-not-found' });
  });

  it('deletes one rendition, and the cover that it was', async () => {
    const service = await libraryService(database.db);
    const { library, removals } = service;
    const fileId = await service.addFile();
    await service.addRendition(fileId, 'c', 'cover');
    await service.addRendition(fileId, 'c-2', 'cover');
    await service.addRendition(fileId, 's', 'sprite');
    await library.update(appId, fileId, { coverId: 'c' });
    const made = (await library.derivativesOf([fileId])).get(fileId)!;
    for (const stored of made.filter(({ derivative }) => derivative.derivativeId !== 'c-2')) {
      await removals.removeDerivative(stored);
    }
    expect(await readdir(join(service.derivedFolder, fileId))).toEqual(['c-2.mp4']);
    expect((await library.derivativesOf([fileId])).get(fileId)).toMatchObject([
      { derivative: { derivativeId: 'c-2' } },
    ]);
    expect((await library.get(fileId)).asset.coverId).toBeNull();
  });

  describe('by time', () => {
    it('deletes a file and all that was made of it when it expires, also out of the recycle bin', async () => {
      const service = await libraryService(database.db);
      const { library, clock, sweeper, jobs } = service;
      await jobs.start();
      const [first, second, third] = [await service.addFile(), await service.addFile(), await service.addFile()];
      await service.addRendition(first, 'r1');
      const expiresAt = new Date(clock.now() + 1000).toISOString();
      for (const fileId of [first, second]) await library.update(appId, fileId, { expiresAt });
      await library.remove(appId, second);
      clock.nowMs += 999;
      await sweeper.sweep();
      expect((await library.get(first)).asset.state).toBe('ready');
      clock.nowMs += 1;
      await sweeper.sweep();
      await gone(first, service);
      await gone(second, service);
      await nothingIsLeft(service, first);
      expect((await library.get(third)).asset.state).toBe('ready');
      const told = (await service.events()).filter(({ type }) => type === 'asset.deleted');
      // They go beside each other.
      expect(told.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))).toMatchObject([
        { data: { fileId: first, recycledAt: null, reason: 'expiry' } },
        { data: { fileId: second, recycledAt: expect.any(String), reason: 'expiry' } },
      ]);
    });

    it('keeps files as long as the rules say, per class', async () => {
      const service = await libraryService(database.db);
      const { library, clock, sweeper, jobs } = service;
      await jobs.start();
      const kept = (await library.classes.create(appId, 'Kept long')).classId;
      const short = (await library.classes.create(appId, 'Kept short')).classId;
      await library.retention.replace(appId, [
        { classId: -1, days: 30 },
        { classId: kept, days: 3650 },
        { classId: short, days: 1 },
      ]);
      const files = {
        other: await service.addFile(),
        kept: await service.addFile({ classId: kept }),
        short: await service.addFile({ classId: short }),
      };
      clock.nowMs += dayMs + 9_999;
      await sweeper.sweep();
      // It ended ten seconds after it began: the day counts from there.
      expect((await library.get(files.short)).asset.state).toBe('ready');
      clock.nowMs += 1;
      await sweeper.sweep();
      await gone(files.short, service);
      expect((await library.get(files.other)).asset.state).toBe('ready');
      clock.nowMs += 29 * dayMs;
      await sweeper.sweep();
      await gone(files.other, service);
      expect((await library.get(files.kept)).asset.state).toBe('ready');
      expect((await service.events()).at(-1)).toMatchObject({ data: { fileId: files.other, reason: 'retention' } });
    });

    it('keeps what was cut from an old recording as long as the rules say, from when it was made', async () => {
      const { library, clock, sweeper, addFile } = await libraryService(database.db);
      await library.retention.replace(appId, [{ classId: -1, days: 30 }]);
      const clip = await addFile({ source: 'clip', startedAt: clock.now() - 365 * dayMs });
      await sweeper.sweep();
      expect((await library.get(clip)).asset.state).toBe('ready');
      clock.nowMs += 30 * dayMs;
      await sweeper.sweep();
      expect((await library.get(clip)).asset.state).toBe('deleting');
    });

    it('goes on when some of what is due cannot be had', async () => {
      const { library, clock, sweeper, addFile } = await libraryService(database.db);
      const fileId = await addFile();
      await library.remove(appId, fileId);
      clock.nowMs += 7 * dayMs;
      library.retention.rules = async () => {
        throw new Error('the database refuses');
      };
      await sweeper.sweep();
      expect((await library.get(fileId)).asset.state).toBe('deleting');
    });

    it('forgets after 400 days what was served', async () => {
      const { clock, sweeper } = await libraryService(database.db);
      const dayBefore = (days: number) => new Date(clock.now() - days * dayMs).toISOString().slice(0, 10);
      const served = [0, 400, 401].map((days) => ({
        app_id: appId,
        day: dayBefore(days),
        file_id: 'f',
        bytes: 1,
        requests: 1,
      }));
      await database.db.insertInto('served_bytes').values(served).execute();
      await sweeper.sweep();
      const left = await database.db.selectFrom('served_bytes').select('day').orderBy('day', 'desc').execute();
      expect(left.map(({ day }) => day)).toEqual([dayBefore(0), dayBefore(400)]);
    });

    it('sweeps by itself while it runs', async () => {
      const service = await libraryService(database.db);
      const fileId = await service.addFile({ expiresAt: service.clock.now() - 1 });
      await service.jobs.start();
      service.sweeper.start();
      await gone(fileId, service);
    });
  });

  // Root may remove what is write-protected.
  it.skipIf(process.getuid?.() === 0)('is tried again when the disk refuses', async () => {
    const service = await libraryService(database.db);
    const fileId = await service.addFile();
    await chmod(join(service.recordingsFolder, fileId), 0o500);
    await service.library.remove(appId, fileId, { now: true });
    await expect(service.removals.removeBytes(fileId)).rejects.toMatchObject({ code: 'storage-failed' });
    await chmod(join(service.recordingsFolder, fileId), 0o700);
    await service.removals.removeBytes(fileId);
  });
});
