import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FragmentInfo } from '../../src/container/index.ts';
import { chainedPlaylist, masterPlaylist, mediaPlaylist } from '../../src/hls/index.ts';
import { Mp4FragmentIndex } from '../../src/mp4/index.ts';
import { decode, encodeMedia, probe } from '../mp4/encoded-media.ts';
import { MemoryFile, writeMp4 } from '../mp4/written-file.ts';

const urls = { mediaUrl: 'media.mp4?exp=1&sig=a_b', initUrl: 'init.mp4?exp=1&sig=a_b' };

/** Fragments one behind another; `keys` says which are independent. */
function fragmentsOf(durations: readonly number[], keys: (index: number) => boolean): FragmentInfo[] {
  let offset = 1000;
  let startSeconds = 0;
  return durations.map((durationSeconds, index) => {
    const fragment = { offset, byteLength: 10 + index, startSeconds, durationSeconds, independent: keys(index) };
    offset += fragment.byteLength;
    startSeconds += durationSeconds;
    return fragment;
  });
}

const halves = (count: number) => Array.from({ length: count }, () => 0.5);

function parse(playlist: string) {
  const ranges = [...playlist.matchAll(/#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.*)\n/g)];
  return {
    target: Number(/#EXT-X-TARGETDURATION:(\d+)\n/.exec(playlist)![1]),
    segments: ranges.map(([, seconds, length, offset, url]) => ({
      seconds: Number(seconds),
      length: Number(length),
      offset: Number(offset),
      url,
    })),
  };
}

describe('a media playlist', () => {
  it('is written as RFC 8216 says', () => {
    const fragments = fragmentsOf(halves(8), (index) => index % 4 === 0);
    expect(
      mediaPlaylist({
        ...urls,
        fragments,
        ended: true,
        targetSeconds: 2,
        startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      }),
    ).toBe(
      [
        '#EXTM3U',
        '#EXT-X-VERSION:7',
        '#EXT-X-TARGETDURATION:3',
        '#EXT-X-MEDIA-SEQUENCE:0',
        '#EXT-X-PLAYLIST-TYPE:EVENT',
        '#EXT-X-INDEPENDENT-SEGMENTS',
        '#EXT-X-MAP:URI="init.mp4?exp=1&sig=a_b"',
        '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z',
        '#EXTINF:2.00000,',
        '#EXT-X-BYTERANGE:46@1000',
        'media.mp4?exp=1&sig=a_b',
        '#EXTINF:2.00000,',
        '#EXT-X-BYTERANGE:62@1046',
        'media.mp4?exp=1&sig=a_b',
        '#EXT-X-ENDLIST',
        '',
      ].join('\n'),
    );
  });

  it('begins segments at independent fragments where they come in time', () => {
    const fragments = fragmentsOf(halves(12), (index) => index % 5 === 0);
    const playlist = mediaPlaylist({ ...urls, fragments, ended: true, targetSeconds: 2 });
    expect(parse(playlist).segments.map((segment) => segment.seconds)).toEqual([2.5, 2.5, 1]);
    expect(playlist).toContain('#EXT-X-INDEPENDENT-SEGMENTS');
  });

  it('lists a first segment soon, and longer ones later', () => {
    const lengths = (every: number, ended: boolean, count: number) =>
      parse(
        mediaPlaylist({
          ...urls,
          fragments: fragmentsOf(halves(count), (index) => index % every === 0),
          ended,
          targetSeconds: 4,
        }),
      ).segments.map(({ seconds }) => seconds);
    // Key frames each second, every other second, every four seconds.
    expect(lengths(2, false, 3)).toEqual([1]);
    expect(lengths(2, true, 40)).toEqual([1, 1, 2, 4, 4, 4, 4]);
    expect(lengths(4, false, 5)).toEqual([2]);
    expect(lengths(4, true, 40)).toEqual([2, 2, 4, 4, 4, 4]);
    expect(lengths(8, true, 40)).toEqual([4, 4, 4, 4, 4]);
  });

  it('is only appended to, up to its end', () => {
    const all = fragmentsOf(halves(60), (index) => index % 4 === 0);
    const options = { ...urls, targetSeconds: 4, startedAtMs: 0 };
    let before = mediaPlaylist({ ...options, fragments: all.slice(0, 5), ended: false });
    for (let count = 6; count <= all.length; count++) {
      const now = mediaPlaylist({ ...options, fragments: all.slice(0, count), ended: false });
      expect(now.startsWith(before)).toBe(true);
      before = now;
    }
    const ended = mediaPlaylist({ ...options, fragments: all, ended: true });
    expect(ended.startsWith(before)).toBe(true);
    expect(ended.endsWith('\n#EXT-X-ENDLIST\n')).toBe(true);
  });

  it('cuts without a key frame where none comes, and does not call that independent', () => {
    const fragments = fragmentsOf(halves(20), (index) => index === 0);
    const playlist = mediaPlaylist({ ...urls, fragments, ended: true, targetSeconds: 2 });
    expect(parse(playlist).segments.map((segment) => segment.seconds)).toEqual([3, 3, 3, 1]);
    expect(playlist).not.toContain('#EXT-X-INDEPENDENT-SEGMENTS');
  });

  it('only adds to what it listed, and keeps its target duration, while the file grows', () => {
    const durations = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        durations,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 30 }),
        (tenths, every, target) => {
          const all = fragmentsOf(
            tenths.map((value) => value / 10),
            (index) => index % every === 0,
          );
          const options = { ...urls, targetSeconds: Math.max(target / 10, 2) };
          let before = parse(mediaPlaylist({ ...options, fragments: [], ended: false }));
          for (let count = 1; count <= all.length; count++) {
            const text = mediaPlaylist({ ...options, fragments: all.slice(0, count), ended: false });
            const now = parse(text);
            expect(now.segments.slice(0, before.segments.length)).toEqual(before.segments);
            expect(now.target).toBe(before.target);
            for (const { seconds } of now.segments) expect(Math.round(seconds)).toBeLessThanOrEqual(now.target);
            expect(text).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');
            expect(text).not.toContain('#EXT-X-ENDLIST');
            before = now;
          }
          const ended = parse(mediaPlaylist({ ...options, fragments: all, ended: true }));
          expect(ended.segments.slice(0, before.segments.length)).toEqual(before.segments);
          expect(ended.target).toBe(before.target);
          // Every byte of every fragment once.
          let offset = 1000;
          for (const segment of ended.segments) {
            expect(segment.offset).toBe(offset);
            offset += segment.length;
          }
          expect(offset).toBe(all.at(-1)!.offset + all.at(-1)!.byteLength);
        },
      ),
    );
  });

  it('lists nothing, and ends all the same, where there is nothing', () => {
    const playlist = mediaPlaylist({ ...urls, fragments: [], ended: true, targetSeconds: 2 });
    expect(parse(playlist).segments).toEqual([]);
    expect(playlist).toContain('#EXT-X-ENDLIST');
    expect(playlist).not.toContain('#EXT-X-INDEPENDENT-SEGMENTS');
  });

  it('refuses URLs that would become tags, and targets that are not above 0', () => {
    const options = { ...urls, fragments: [], ended: true, targetSeconds: 2 };
    for (const url of ['', 'a\n#EXT-X-ENDLIST', 'a"b', '#a', 'a\u0000']) {
      expect(() => mediaPlaylist({ ...options, mediaUrl: url })).toThrowError(/not a URL/);
      expect(() => mediaPlaylist({ ...options, initUrl: url })).toThrowError(/not a URL/);
    }
    for (const targetSeconds of [0, -1, Number.NaN]) {
      expect(() => mediaPlaylist({ ...options, targetSeconds })).toThrowError(/targetSeconds/);
    }
  });
});

describe('a playlist of several files', () => {
  const part = (name: string, count: number) => ({
    mediaUrl: `${name}.mp4`,
    initUrl: `${name}-init.mp4`,
    fragments: fragmentsOf(halves(count), (index) => index % 4 === 0),
    startedAtMs: 0,
  });

  it('gives each a header and a clock of its own, and leaves out those without anything', () => {
    const parts = [part('a', 4), part('empty', 0), part('b', 4)];
    const lines = chainedPlaylist({ parts, lastGrows: false, ended: true, targetSeconds: 2 }).split('\n');
    expect(lines.slice(6)).toEqual([
      '#EXT-X-MAP:URI="a-init.mp4"',
      '#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z',
      '#EXTINF:2.00000,',
      '#EXT-X-BYTERANGE:46@1000',
      'a.mp4',
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-MAP:URI="b-init.mp4"',
      '#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z',
      '#EXTINF:2.00000,',
      '#EXT-X-BYTERANGE:46@1000',
      'b.mp4',
      '#EXT-X-ENDLIST',
      '',
    ]);
  });

  it('is only appended to while the last one grows, the next one comes, and the end', () => {
    let before = '#EXTM3U\n';
    for (let files = 1; files <= 3; files++) {
      const whole = ['a', 'b'].slice(0, files - 1).map((name) => part(name, 20));
      // A key frame every two seconds: with more than one run the first is sure to stay.
      for (let count = files === 1 ? 5 : 0; count <= 20; count++) {
        const parts = [...whole, part(['a', 'b', 'c'][files - 1]!, count)];
        const now = chainedPlaylist({ parts, lastGrows: true, ended: false, targetSeconds: 4 });
        expect(now.startsWith(before)).toBe(true);
        before = now;
      }
    }
    const parts = ['a', 'b', 'c'].map((name) => part(name, 20));
    const ended = chainedPlaylist({ parts, lastGrows: false, ended: true, targetSeconds: 4 });
    expect(ended.startsWith(before)).toBe(true);
    expect(ended.endsWith('\n#EXT-X-ENDLIST\n')).toBe(true);
  });
});

describe('a master playlist', () => {
  it('names codecs, size and bit rate', () => {
    expect(
      masterPlaylist({
        ...{ url: 'index.m3u8', codecs: ['avc1.42e01f', 'opus'], bandwidth: 1_600_000.4, averageBandwidth: 1_500_000 },
        ...{ width: 1280, height: 720, frameRate: 30 },
      }),
    ).toBe(
      [
        '#EXTM3U',
        '#EXT-X-VERSION:7',
        '#EXT-X-STREAM-INF:BANDWIDTH=1600001,AVERAGE-BANDWIDTH=1500000,CODECS="avc1.42e01f,opus",RESOLUTION=1280x720,FRAME-RATE=30.000',
        'index.m3u8',
        '',
      ].join('\n'),
    );
  });

  it('leaves out what sound does not have', () => {
    expect(masterPlaylist({ url: 'a.m3u8', codecs: ['opus'], bandwidth: 64000 })).toContain(
      '#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="opus"\na.m3u8\n',
    );
  });

  it('refuses what would break its line', () => {
    for (const codecs of [[], ['a"'], ['avc1,opus'], ['a\n']]) {
      expect(() => masterPlaylist({ url: 'a.m3u8', codecs, bandwidth: 1 })).toThrowError(/codec/);
    }
    expect(() => masterPlaylist({ url: 'a.m3u8', codecs: ['opus'], bandwidth: 0 })).toThrowError(/above 0/);
  });
});

describe('a player of the playlist', () => {
  it('gets every picture and every packet, while the file grows and after', async () => {
    const media = await encodeMedia({ seconds: 6, keyFrameInterval: 45 });
    const file = writeMp4(media);
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-hls-'));
    try {
      for (const stage of ['growing', 'finished'] as const) {
        const memory = new MemoryFile(file[stage]);
        const index = new Mp4FragmentIndex(memory.read);
        await index.update(memory.bytes.byteLength);
        const { fragments } = index;
        const options = { fragments, mediaUrl: 'media.mp4', initUrl: 'init.mp4', targetSeconds: 2 };
        const live = mediaPlaylist({ ...options, ended: false });
        await writeFile(join(folder, 'media.mp4'), file[stage]);
        await writeFile(join(folder, 'init.mp4'), index.init!);
        await writeFile(join(folder, 'ended.m3u8'), mediaPlaylist({ ...options, ended: true }));
        // The rest of a live playlist, which a player would wait for, is left out.
        await writeFile(join(folder, 'live.m3u8'), `${live}#EXT-X-ENDLIST\n`);
        const url = 'ended.m3u8';
        await writeFile(
          join(folder, 'master.m3u8'),
          masterPlaylist({ url, codecs: ['avc1.42c01e', 'opus'], bandwidth: 500_000 }),
        );

        expect(await decode(join(folder, 'ended.m3u8'))).toBe(180);
        expect(await decode(join(folder, 'master.m3u8'))).toBe(180);
        const { streams, durationSeconds } = await probe(join(folder, 'ended.m3u8'));
        expect(streams.map((stream) => stream.packets.length)).toEqual([180, 300]);
        expect(durationSeconds).toBeCloseTo(6, 2);

        const listed = parse(live).segments.reduce((sum, segment) => sum + segment.seconds, 0);
        expect(listed).toBeGreaterThan(2);
        expect(await decode(join(folder, 'live.m3u8'))).toBe(Math.round(listed * 30));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
