import type { AssetClass, Derivative } from '@aircheck/protocol';
import { describe, expect, test } from 'vitest';
import { commonRenditions, newestRenditions } from '../src/views/asset/common-renditions.ts';
import { parseSprite, tileAt } from '../src/views/asset/sprite.ts';
import { formatFilter, hiddenFilters, parseFilter, toQuery } from '../src/views/library/asset-filter.ts';
import { childrenOf, classPath, filesIn, possibleParents } from '../src/views/library/classes.ts';
import { toCsv } from '../src/views/library/csv.ts';

describe('the filter of the library', () => {
  test('comes back from its address as it was', () => {
    const filter = {
      q: 'a & b=ü',
      classId: 7,
      tag: '数学',
      room: 'r1',
      user: 'ann',
      source: 'upload',
      state: 'ready',
      from: '2026-01-31',
      to: '2026-02-01',
      sort: '-sizeBytes',
    } as const;
    expect(parseFilter(formatFilter(filter))).toEqual(filter);
    expect(hiddenFilters(filter)).toBe(7);
  });

  test('leaves out what is not valid', () => {
    expect(parseFilter('class=x&source=moon&state=&from=2026-13-99&sort=up&q=%20')).toEqual({});
  });

  test('asks for whole days of the reader, the last one included', () => {
    const { startedAfter, startedBefore } = toQuery({ from: '2026-01-31', to: '2026-01-31' });
    expect(new Date(startedAfter ?? '').getHours()).toBe(0);
    expect(Date.parse(startedBefore ?? '') - Date.parse(startedAfter ?? '')).toBe(86_400_000);
  });
});

describe('classes', () => {
  const one = (classId: number, parentId: number, name: string, level: number, fileCount: number): AssetClass => ({
    classId,
    parentId,
    name,
    level,
    fileCount,
    createdAt: null,
    updatedAt: null,
  });
  const classes = [
    one(0, 0, '其他', 1, 9),
    one(1, 0, 'A', 1, 1),
    one(2, 1, 'B', 2, 2),
    one(3, 2, 'C', 3, 4),
    one(4, 0, 'D', 1, 0),
  ];
  const t = (key: string) => key;

  test('are a tree with the default class beside it', () => {
    expect(childrenOf(classes, 0).map(({ classId }) => classId)).toEqual([1, 4]);
    expect([0, 1, 3].map((classId) => filesIn(classes, classId))).toEqual([9, 7, 4]);
    expect([0, 3, 99].map((classId) => classPath(classes, classId, t))).toEqual(['class.default', 'A / B / C', '#99']);
  });

  test('move to where neither a ring nor a fifth level comes of it', () => {
    const parents = (classId: number) =>
      possibleParents(classes, classes.find((found) => found.classId === classId)!).map((parent) => parent.classId);
    expect(parents(1)).toEqual([4]);
    expect(parents(4)).toEqual([1, 2, 3]);
    expect(parents(2)).toEqual([1, 4]);
  });
});

test('a table for spreadsheets keeps commas, quotes and line breaks, and runs no formulas', () => {
  expect(
    toCsv([
      ['a,b', 'say "x"', 'two\nlines', 12, null],
      ['=1+1', '-5', -5, '正常', ''],
    ]),
  ).toBe('\ufeff"a,b","say ""x""","two\nlines",12,\r\n\'=1+1,\'-5,-5,正常,\r\n');
});

describe('the tiles of a sprite', () => {
  const vtt = [
    'WEBVTT',
    '',
    '00:00:00.000 --> 00:00:02.000',
    'sheet-0.jpg#xywh=0,0,160,90',
    '',
    '1',
    '01:00:02.000 --> 01:00:04.500',
    'sheet-1.jpg#xywh=160,90,160,90',
    '',
    'NOTE nothing',
  ].join('\r\n');
  const tiles = parseSprite(vtt, 'http://h/v1/media/1/d/x/sprite.vtt?e=1&s=2');

  test('are read with the link that opens their sheets', () => {
    expect(tiles).toHaveLength(2);
    expect(tiles[1]).toEqual({
      fromMs: 3_602_000,
      toMs: 3_604_500,
      url: 'http://h/v1/media/1/d/x/sheet-1.jpg?e=1&s=2',
      x: 160,
      y: 90,
      width: 160,
      height: 90,
    });
  });

  test('are found by time, the nearest before where there is none', () => {
    expect([0, 1_999, 5_000, 9_000_000].map((ms) => tileAt(tiles, ms)?.fromMs)).toEqual([0, 0, 0, 3_602_000]);
    expect(tileAt([], 5)).toBeUndefined();
  });
});

describe('what a clip or a joined file is made of', () => {
  const made = (fileId: string, definition: number, derivativeId: string, kind: Derivative['kind'] = 'rendition') =>
    ({ fileId, definition, derivativeId, kind }) as Derivative;
  const derivatives: Record<string, Derivative[]> = {
    a: [made('a', 30, 'a1'), made('a', 10, 'a2'), made('a', 510, 'a3', 'sprite'), made('a', 30, 'a4')],
    b: [made('b', 510, 'b1', 'sprite'), made('b', 30, 'b2'), made('b', 20, 'b3')],
    c: [made('c', 510, 'c1', 'sprite')],
  };

  test('are the newest renditions of a file, one of each template', () => {
    expect(newestRenditions(derivatives.a!).map(({ derivativeId }) => derivativeId)).toEqual(['a2', 'a4']);
    expect(newestRenditions(derivatives.c!)).toEqual([]);
  });

  test('are those that all files have; none is asked for once nothing is left', async () => {
    const asked: string[] = [];
    const common = async (...fileIds: string[]) => {
      const renditions = await commonRenditions(fileIds, async (fileId) => {
        asked.push(fileId);
        return derivatives[fileId]!;
      });
      return renditions.map(({ derivativeId }) => derivativeId);
    };
    expect(await common('a', 'b')).toEqual(['a4']);
    expect(await common('a', 'c', 'b')).toEqual([]);
    expect(asked).toEqual(['a', 'b', 'a', 'c']);
    expect(await common()).toEqual([]);
  });
});
