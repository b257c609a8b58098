import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Classes } from '../../src/library/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, libraryService } from './library-service.ts';

describeOnBothDatabases('classes', (database) => {
  const shape = async (classes: Classes) =>
    (await classes.list(appId)).map(({ name, level, fileCount }) => `${'>'.repeat(level)}${name} ${fileCount}`);

  it('are a tree below which files are counted, the default class first', async () => {
    const { library, addFile } = await libraryService(database.db);
    const { classes } = library;
    const school = await classes.create(appId, 'School');
    const grade = await classes.create(appId, '一年级', school.classId);
    await classes.create(appId, 'Archive');
    expect(grade).toMatchObject({ parentId: school.classId, level: 2, fileCount: 0 });
    await addFile();
    await addFile({ classId: grade.classId });
    const recycled = await addFile({ classId: grade.classId });
    await library.remove(appId, recycled);
    expect(await shape(classes)).toEqual(['>其他/Other 1', '>Archive 0', '>School 0', '>>一年级 1']);
    expect((await classes.list('another-app')).map(({ classId }) => classId)).toEqual([0]);
    await expect(classes.get('another-app', grade.classId)).rejects.toMatchObject({ code: 'class-not-found' });
  });

  it('have four levels at most, also when they are moved', async () => {
    const { library } = await libraryService(database.db);
    const { classes } = library;
    let parentId = 0;
    const chain: number[] = [];
    for (const name of ['1', '2', '3', '4']) {
      parentId = (await classes.create(appId, name, parentId)).classId;
      chain.push(parentId);
    }
    await expect(classes.create(appId, '5', parentId)).rejects.toMatchObject({ code: 'class-invalid' });
    const top = await classes.create(appId, 'top');
    await expect(classes.update(appId, chain[0]!, { parentId: top.classId })).rejects.toMatchObject({
      code: 'class-invalid',
      input: 'body.parentId',
    });
    await classes.update(appId, chain[1]!, { parentId: top.classId, name: 'two' });
    expect(await shape(classes)).toEqual(['>其他/Other 0', '>1 0', '>top 0', '>>two 0', '>>>3 0', '>>>>4 0']);
    await classes.update(appId, chain[2]!, { parentId: 0 });
    expect(await shape(classes)).toEqual(['>其他/Other 0', '>1 0', '>3 0', '>>4 0', '>top 0', '>>two 0']);
  });

  it('refuse loops, also those that two changes at the same time would make', async () => {
    const { library } = await libraryService(database.db);
    const { classes } = library;
    const a = (await classes.create(appId, 'a')).classId;
    const b = (await classes.create(appId, 'b', a)).classId;
    const c = (await classes.create(appId, 'c')).classId;
    for (const parentId of [a, b]) {
      await expect(classes.update(appId, a, { parentId })).rejects.toMatchObject({ code: 'class-invalid' });
    }
    const results = await Promise.allSettled([
      classes.update(appId, a, { parentId: c }),
      classes.update(appId, c, { parentId: b }),
    ]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await classes.list(appId)).toHaveLength(4);
    await expect(classes.update(appId, a, { parentId: 4711 })).rejects.toMatchObject({
      code: 'class-not-found',
      input: 'body.parentId',
    });
    await expect(classes.update(appId, 4711, { name: 'x' })).rejects.toMatchObject({ code: 'class-not-found' });
  });

  it('give their files to the default class when they are deleted', async () => {
    const { library, addFile } = await libraryService(database.db);
    const { classes, retention } = library;
    const parent = (await classes.create(appId, 'parent')).classId;
    const child = (await classes.create(appId, 'child', parent)).classId;
    const fileId = await addFile({ classId: child });
    await retention.replace(appId, [{ classId: child, days: 1 }]);
    await expect(classes.remove(appId, parent)).rejects.toMatchObject({ code: 'class-invalid' });
    await classes.remove(appId, child);
    expect((await library.get(fileId)).asset.classId).toBe(0);
    expect(await retention.rules(appId)).toEqual([]);
    await classes.remove(appId, parent);
    await expect(classes.remove(appId, parent)).rejects.toMatchObject({ code: 'class-not-found' });
    // A file that was on its way into it, as of a recording that still runs.
    expect((await library.get(await addFile({ classId: child }))).asset.classId).toBe(0);
    for (const change of [classes.remove(appId, 0), classes.update(appId, 0, { name: 'mine' })]) {
      await expect(change).rejects.toMatchObject({ code: 'class-invalid' });
    }
  });

  it('never give one id to two', async () => {
    const ids = [7, 7, 8];
    const classes = new Classes(database.db, systemClock, () => ids.shift()!);
    expect((await classes.create(appId, 'a')).classId).toBe(7);
    expect((await classes.create(appId, 'b')).classId).toBe(8);
  });
});
