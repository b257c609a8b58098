import { describe, expect, it } from 'vitest';
import { type AgentView, renderPage } from '../src/console/render-page.ts';
import { widthOf } from '../src/console/text-layout.ts';
import { systemLocale, textsFor } from '../src/console/texts.ts';

const view: AgentView = {
  version: '1.2.3',
  port: 17173,
  code: { code: '1234-5678', leftMs: 251_000 },
  pages: [{ origin: 'https://meet.example.org', connected: true }],
  folders: ['/home/ann/Aircheck', '/mnt/会议'],
  recordings: [
    { account: 'ann', file: '/home/ann/Aircheck/test.mp4', durationMs: 3_723_000, sizeBytes: 1_234_000_000 },
    { account: '', file: '/mnt/会议/mix.m4a', durationMs: 61_000, sizeBytes: 900_000 },
  ],
};

describe('the terminal page', () => {
  it('shows who may record, what is being recorded and where, and the latest lines', () => {
    const log = Array.from({ length: 50 }, (_, index) => `line ${index}`);
    const lines = renderPage(view, log, { columns: 100, rows: 24, texts: textsFor('en') });
    expect(lines).toHaveLength(23);
    const page = lines.join('\n');
    expect(page).toContain('Pairing code  1234-5678   valid for 4:11');
    expect(page).toContain('https://meet.example.org (connected)');
    expect(page).toMatch(/● ann {8}1:02:03 {3}1\.23 GB {2}\/home\/ann\/Aircheck\/test\.mp4/);
    expect(page).toMatch(/● everybody {5}1:01 {4}900 kB {2}\/mnt\/会议\/mix\.m4a/);
    expect(lines.at(-1)).toBe('  line 49');
    expect(page).not.toContain('line 10');
  });

  it('speaks Chinese to those whose system does, and aligns its wider letters', () => {
    const lines = renderPage({ ...view, code: undefined, recordings: [] }, [], {
      columns: 80,
      rows: 24,
      texts: textsFor(systemLocale({ LANG: 'zh_CN.UTF-8' })),
    });
    const [code, pages] = lines.slice(2);
    expect(code).toBe('配对码  无，按 p 生成');
    expect(widthOf(code!.slice(0, code!.indexOf('无')))).toBe(widthOf(pages!.slice(0, pages!.indexOf('https'))));
    expect(lines.join('\n')).toContain('录制\n  无');
    expect(textsFor(systemLocale({ LC_ALL: 'de_DE.UTF-8', LANG: 'zh_CN' })).recordings).toBe('Recordings');
  });

  it('fits into any terminal, and shows nothing that would steer it', () => {
    const hostile = { ...view, recordings: [{ ...view.recordings[0]!, account: 'a\u001b[2Jb\u202ec\r' }] };
    for (const [columns, rows] of [
      [20, 5],
      [40, 12],
      [200, 60],
    ] as const) {
      const lines = renderPage(hostile, ['\u001b]0;title\u0007'], { columns, rows, texts: textsFor('zh') });
      expect(lines.length).toBeLessThan(rows);
      for (const line of lines) {
        expect(widthOf(line)).toBeLessThanOrEqual(columns);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
        expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
      }
    }
  });
});
