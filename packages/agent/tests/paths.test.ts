import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { describe, expect, it } from 'vitest';
import { decidePath, type PathSystem, thisFileSystem } from '../src/paths/index.ts';
import { parseRequestedPath } from '../src/paths/requested-path.ts';
import { folderForTest } from './room-fixture.ts';

const codeOf = (decision: Promise<string>) =>
  decision.then(
    (path) => path,
    (error: AircheckError) => error.code,
  );

/** A Windows computer with some folders and one file. */
function windows(folders: readonly string[], files: readonly string[] = [], free = 1e12): PathSystem {
  const known = new Map([...folders, ...files].map((path) => [path.toLowerCase(), path]));
  return {
    platform: 'win32',
    realpath: async (path) => {
      const real = known.get(path.toLowerCase());
      if (real === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return real;
    },
    exists: async (path) => known.has(path.toLowerCase()),
    makeFolder: async (path) => void known.set(path.toLowerCase(), path),
    mayWrite: async () => {},
    freeBytes: async () => free,
  };
}

describe('the path of a file that a page asks for', () => {
  it('is taken as the vendor writes it on Windows, and goes under the first folder elsewhere', async () => {
    const system = windows(['E:\\', 'E:\\talks']);
    expect(await decidePath('E:/test.mp4', 'mp4', ['E:\\'], system)).toBe('E:\\test.mp4');
    expect(await decidePath('e:\\TALKS\\new\\take 1', 'mp4', ['E:\\talks'], system)).toBe('E:\\talks\\new\\take 1.mp4');
    expect(await decidePath('take', 'aac', ['E:\\talks'], system)).toBe('E:\\talks\\take.m4a');

    const folder = folderForTest();
    const here = thisFileSystem();
    expect(await decidePath('E:/test.mp4', 'mp4', [folder], here)).toBe(join(folder, 'test.mp4'));
    expect(await decidePath(join(folder, 'a/b/录音.mp4'), 'mp4', [folder], here)).toBe(join(folder, 'a/b/录音.mp4'));
    expect(await decidePath('new/take', 'mp4', [join(folder, 'not there yet')], here)).toBe(
      join(folder, 'not there yet/new/take.mp4'),
    );
  });

  it.each([
    '../test.mp4',
    'a/../../test.mp4',
    '/etc/test.mp4',
    '//server/share/test.mp4',
    '~/../x.sh',
    'run.sh',
    '.bashrc',
    '.config/test.mp4',
    'a\0.mp4',
    'a\u202e4pm.mp4',
    'a\n.mp4',
    'folder/',
    'E:test.mp4',
    '',
    `${'x'.repeat(300)}.mp4`,
  ])('is refused elsewhere: %j', async (path) => {
    expect(await codeOf(decidePath(path, 'mp4', [folderForTest()], thisFileSystem()))).toBe('path-forbidden');
  });

  it.each([
    'C:\\Windows\\test.mp4',
    'E:/talks/../../x.mp4',
    'E:/talksters/x.mp4',
    '\\\\server\\share\\x.mp4',
    '\\\\?\\E:\\talks\\x.mp4',
    '\\\\.\\PhysicalDrive0',
    '//server/share/x.mp4',
    '\\talks\\x.mp4',
    'E:x.mp4',
    'E:/talks/x.mp4:stream.mp4',
    'E:/talks/CON.mp4',
    'E:/talks/nul.tar.mp4',
    'E:/talks/com1/x.mp4',
    'E:/talks/lpt¹.mp4',
    'E:/talks/folder./x.mp4',
    'E:/talks/folder /x.mp4',
    'E:/talks/what?.mp4',
    'E:/talks/x.exe',
  ])('is refused on Windows: %j', async (path) => {
    const system = windows(['C:\\', 'C:\\Windows', 'E:\\', 'E:\\talks', 'E:\\talksters']);
    expect(await codeOf(decidePath(path, 'mp4', ['E:\\talks'], system))).toBe('path-forbidden');
  });

  it('never leaves an allowed folder by a link, nor overwrites through one', async () => {
    const folder = folderForTest();
    const outside = folderForTest();
    const system = thisFileSystem();
    symlinkSync(outside, join(folder, 'way-out'));
    symlinkSync(join(outside, 'nothing here'), join(folder, 'dangling.mp4'));
    symlinkSync(join(outside, 'no folder'), join(folder, 'dangling'));
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'inside'));
    expect(await codeOf(decidePath('way-out/x.mp4', 'mp4', [folder], system))).toBe('path-forbidden');
    expect(await codeOf(decidePath('way-out/new/x.mp4', 'mp4', [folder], system))).toBe('path-forbidden');
    expect(await codeOf(decidePath('dangling.mp4', 'mp4', [folder], system))).toBe('file-exists');
    expect(await codeOf(decidePath('dangling/x.mp4', 'mp4', [folder], system))).toBe('storage-failed');
    expect(await decidePath('inside/x.mp4', 'mp4', [folder], system)).toBe(join(folder, 'real', 'x.mp4'));
    writeFileSync(join(folder, 'x.mp4'), 'mine');
    expect(await codeOf(decidePath('x.mp4', 'mp4', [folder], system))).toBe('file-exists');
    expect(await codeOf(decidePath('E:/TEST.mp4', 'mp4', ['E:\\'], windows(['E:\\'], ['E:\\test.mp4'])))).toBe(
      'file-exists',
    );
  });

  it('is refused where nothing can be made, or no room is left', async () => {
    const folder = folderForTest();
    writeFileSync(join(folder, 'file'), '');
    expect(await codeOf(decidePath('file/x.mp4', 'mp4', [folder], thisFileSystem()))).toBe('storage-failed');
    const refusing: PathSystem = {
      ...windows(['E:\\']),
      mayWrite: () => Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' })),
    };
    expect(await codeOf(decidePath('x.mp4', 'mp4', ['E:\\'], refusing))).toBe('storage-failed');
    expect(await codeOf(decidePath('x.mp4', 'mp4', ['E:\\'], windows(['E:\\'], [], 1e6)))).toBe('storage-full');
  });

  it('names the path in its refusal, so that a page can show it', () => {
    expect(() => parseRequestedPath('../x.mp4', 'mp4', 'linux')).toThrow(AircheckError);
    expect(() => parseRequestedPath('../x.mp4', 'mp4', 'linux')).toThrow(/"\.\.\/x\.mp4"/);
  });
});
