import { AircheckError, type ErrorCode, errorKinds } from '@aircheck/protocol/errors';
import { describe, expect, it } from 'vitest';
import { type CallKind, toVendorError } from '../../src/ilive/error-mapping.ts';
import { describeError, type ErrorEntry, errorTable, ILiveConstants, ILiveError } from '../../src/ilive/index.ts';

/** Numbers of the vendor's pages: recording in channel mode, and the error tables of ILiveSDK and its AVSDK. */
const recordingNumbers = [
  [1, 2],
  [0, 1, 2, 3, 4].map((number) => 30_000_000 + number),
  [201, 202, 203, 207, 208, 301, 302, 303, 304, 305].map((number) => 30_000_000 + number),
  Array.from({ length: 15 }, (_, index) => 30_000_401 + index),
].flat();
const sdkNumbers = [
  0, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8008, 8009, 8010, 8011, 8012, 8020, 8021, 8022, 8023, 8024, 8050, 8051,
  8052, 8053, 10003, 10006, 10009, 10010, 40000500, 40001001, 40020101, 40020406,
];

const entries = Object.entries(errorTable) as [string, ErrorEntry][];

function reference(): string {
  const rows = entries
    .toSorted(([, a], [, b]) => a.code - b.code)
    .map(([name, { code, module, zh, en, advice, here, arises }]) => {
      const when = arises ? here : `**never**: ${here}`;
      return `| ${code} | \`${name}\` | ${module} | ${zh}<br>${en} | ${advice.zh}<br>${advice.en} | ${when} |`;
    });
  return `# Errors of ILiveSDK

What \`onError(module, errCode, errMsg)\` of \`@aircheck/web/ilive\` tells. The numbers are the vendor's, all of them are
constants in \`ILiveConstants\`, and \`describeError(code, 'zh' | 'en')\` gives the texts; those of recording have no names
in the vendor's SDK, and have ours. The table is made from \`packages/web/src/ilive\`
(\`npx vitest run packages/web/tests/ilive -u\`).

| number | constant | module | meaning | advice | when it comes here |
|--:|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** What the calls tell of conditions. That each number does come, `e2e/ilive-errors.test.ts` shows on a server. */
const mapped: [CallKind, ErrorCode, number][] = [
  ['record', 'draining', 30_000_207],
  ['record', 'worker-lost', 30_000_404],
  ['record', 'internal', 30_000_305],
  ['record', 'storage-failed', 30_000_305],
  ['record', 'request-body-missing', 30_000_001],
  ['record', 'source-invalid', 30_000_004],
  ['record', 'unauthenticated', 8009],
  ['record', 'forbidden', 30_000_411],
  ['room', 'room-full', 8006],
  ['room', 'draining', 8006],
  ['room', 'unauthenticated', 8009],
  ['room', 'timeout', 8012],
  ['media', 'timeout', 8012],
  ['media', 'internal', 8020],
];

describe('errors of ILiveSDK', () => {
  it('are all there, each under one number', () => {
    const numbers = entries.map(([, { code }]) => code).sort((a, b) => a - b);
    expect(numbers).toEqual([...recordingNumbers, ...sdkNumbers].sort((a, b) => a - b));
  });

  it('are constants, with a meaning and advice in both languages', () => {
    for (const [name, { code }] of entries) {
      expect(ILiveConstants).toHaveProperty(name, code);
      for (const language of ['zh', 'en'] as const) {
        const description = describeError(code, language);
        expect(description).toMatchObject({ code, name });
        expect(description?.meaning).toMatch(language === 'zh' ? /\p{Script=Han}/u : /^[\x20-\x7e]+$/);
        expect(description?.advice).toMatch(language === 'zh' ? /\p{Script=Han}.*。$/u : /^[\x20-\x7e]+\.$/);
      }
    }
    expect(describeError(4711)).toBeUndefined();
  });

  it('stand in the reference', async () => {
    await expect(reference()).toMatchFileSnapshot('../../../../docs/reference/ilive-errors.md');
  });

  it('have the same numbers as the server gives to the same conditions', () => {
    for (const [code, kind] of Object.entries(errorKinds)) {
      if (!('vendorCode' in kind)) continue;
      const { name } = toVendorError(new AircheckError(code as ErrorCode, 'x'), 'record');
      expect([code, errorTable[name].code]).toEqual([code, kind.vendorCode]);
    }
  });

  it.each(mapped)('%s: %s is told as %i', (kind, code, number) => {
    expect(errorTable[toVendorError(new AircheckError(code, 'x'), kind).name].code).toBe(number);
  });

  it.each([
    ['NotAllowedError', 8007],
    ['NotFoundError', 8022],
    ['NotReadableError', 8020],
  ])('a device refused with %s is told as %i', (name, number) => {
    expect(errorTable[toVendorError(new DOMException('x', name), 'media').name].code).toBe(number);
  });

  it('say what was wrong after what it means', () => {
    const error = new ILiveError('ERR_RECORD_NO_FILE_NAME', 'fileName', 'zh');
    expect(error).toMatchObject({ module: 'IMSDK', errCode: 30_000_002, errMsg: '录制请求没有文件名：fileName' });
    expect(new ILiveError('ERR_NO_ROOM', '', 'en').message).toBe('There is no room');
  });
});
