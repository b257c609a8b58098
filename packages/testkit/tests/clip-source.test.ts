import { beforeAll, describe, expect, test } from 'vitest';
import { ClipSource, type EncodedClip, encodeClip, readClip } from '../src/synthetic-media/index.ts';

let clip: EncodedClip;

beforeAll(async () => {
  clip = readClip(await encodeClip({ seconds: 4 }));
});

/** Index of the clip's sound that comes next. */
function nextSound(source: ClipSource): number {
  return clip.sounds.indexOf(source.nextSound());
}

describe('a source that repeats a clip', () => {
  test('begins anew after the last picture and the last sound', () => {
    const source = new ClipSource(clip);
    const counters = Array.from({ length: 122 }, () => source.nextPicture().counter);
    expect(counters.slice(118)).toEqual([118, 119, 0, 1]);
    const sounds = Array.from({ length: 201 }, () => nextSound(source));
    expect(sounds.slice(199)).toEqual([199, 0]);
  });

  test('jumps to the next IDR picture when asked, with the sound as far behind it as before', () => {
    const source = new ClipSource(clip);
    for (let picture = 0; picture < 10; picture += 1) source.nextPicture();
    for (let sound = 0; sound < 17; sound += 1) source.nextSound();
    source.requestKeyFrame();
    // 10/30 s and 11/30 s are no multiples of 20 ms; 12/30 s = 400 ms is: from there it jumps to 60/30 s = 2000 ms.
    const counters = Array.from({ length: 4 }, () => source.nextPicture().counter);
    expect(counters).toEqual([10, 11, 60, 61]);
    expect(nextSound(source)).toBe(17 + (2000 - 400) / 20);
  });

  test('does not jump when a key frame comes next anyway', () => {
    const source = new ClipSource(clip);
    source.requestKeyFrame();
    expect([source.nextPicture().counter, source.nextPicture().counter]).toEqual([0, 1]);
    expect(nextSound(source)).toBe(0);
  });
});
