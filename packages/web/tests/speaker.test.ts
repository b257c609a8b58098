import type { Track } from '@aircheck/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteTrack } from '../src/core/remote-track.ts';
import { Speaker } from '../src/core/speaker.ts';

/** An element of a browser that lets pages choose. */
class Element {
  srcObject: unknown;
  sinkId = '';
  async setSinkId(deviceId: string): Promise<void> {
    if (deviceId === 'gone') throw new DOMException('no such device', 'NotFoundError');
    this.sinkId = deviceId;
  }
}

beforeEach(() => {
  vi.stubGlobal('MediaStream', class {});
  vi.stubGlobal('HTMLMediaElement', Element);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function attached(speaker: Speaker): Element {
  const track = { trackId: 't', kind: 'audio', source: 'microphone', codec: 'opus', muted: false } satisfies Track;
  const element = new Element();
  const receiver = { track: {} } as unknown as RTCRtpReceiver;
  new RemoteTrack('ben', track, receiver, speaker).attach(element as unknown as HTMLMediaElement);
  return element;
}

test('the chosen loudspeaker plays what is attached before and after', async () => {
  const speaker = new Speaker();
  const before = attached(speaker);
  expect(before.sinkId).toBe('');
  await speaker.choose('headset');
  const after = attached(speaker);
  expect([before.sinkId, after.sinkId]).toEqual(['headset', 'headset']);
  await speaker.choose('');
  expect([before.sinkId, after.sinkId]).toEqual(['', '']);
});

test('with one that is gone everything plays on over the former one', async () => {
  const speaker = new Speaker();
  const element = attached(speaker);
  await speaker.choose('headset');
  await expect(speaker.choose('gone')).rejects.toMatchObject({ name: 'NotFoundError' });
  expect([element.sinkId, attached(speaker).sinkId]).toEqual(['headset', 'headset']);
});

test('a browser that does not let pages choose says so, and plays', async () => {
  vi.stubGlobal('HTMLMediaElement', class {});
  const speaker = new Speaker();
  await expect(speaker.choose('headset')).rejects.toMatchObject({ code: 'browser-unsupported' });
  expect(attached(speaker).srcObject).toBeDefined();
  vi.stubGlobal('HTMLMediaElement', undefined);
  await expect(speaker.choose('headset')).rejects.toMatchObject({ code: 'browser-unsupported' });
});
