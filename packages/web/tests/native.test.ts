import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningServer, readRecording, SAMPLE_RATE, startServer, TestPicture, testSound } from '@aircheck/testkit';
import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RemoteTrack } from '../src/core/index.ts';
import { type NetworkInformation, nativePlatform } from '../src/native/index.ts';
import { becomeHermes } from './hermes.ts';

const WIDTH = 640;
const HEIGHT = 360;
const PICTURE_MS = 40;
/** What the library takes at once. */
const SOUND_MS = 10;

/** Camera and microphone of a program: the testkit's picture and sound, by the same clock. */
function synthesize(): { video: MediaStreamTrack; audio: MediaStreamTrack; sent(): number; stop(): void } {
  const pictures = new wrtc.nonstandard.RTCVideoSource();
  const sounds = new wrtc.nonstandard.RTCAudioSource();
  const picture = new TestPicture(WIDTH, HEIGHT);
  const startedAt = performance.now();
  let counter = 0;
  let soundMs = 0;
  const timer = setInterval(() => {
    const now = performance.now() - startedAt;
    for (; counter * PICTURE_MS <= now; counter += 1) {
      const data = new Uint8Array(picture.draw(counter, counter * PICTURE_MS));
      pictures.onFrame({ width: WIDTH, height: HEIGHT, data });
    }
    for (; soundMs <= now; soundMs += SOUND_MS) {
      const frames = (SAMPLE_RATE * SOUND_MS) / 1000;
      const stereo = testSound((soundMs * SAMPLE_RATE) / 1000, frames);
      const samples = Int16Array.from({ length: frames }, (_, index) => stereo.readInt16LE(index * 4));
      sounds.onData({ samples, sampleRate: SAMPLE_RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: frames });
    }
  }, SOUND_MS);
  return {
    video: pictures.createTrack() as MediaStreamTrack,
    audio: sounds.createTrack() as MediaStreamTrack,
    sent: () => counter,
    stop: () => clearInterval(timer),
  };
}

describe('the core outside of a browser, on libwebrtc and without what Hermes lacks', () => {
  let server: RunningServer;

  beforeAll(async () => {
    server = await startServer();
  });

  afterAll(async () => {
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  });

  test('publishes, is seen and heard by another, and is recorded whole', async () => {
    const [hostToken, viewerToken] = await Promise.all([
      server.token('phone', 'native'),
      server.token('tablet', 'native', 'audience'),
    ]);
    const putBack = becomeHermes();
    onTestFinished(putBack);
    vi.resetModules();
    const [{ Room }, { nativePlatform }] = await Promise.all([
      import('../src/core/index.ts'),
      import('../src/native/index.ts'),
    ]);
    const platform = nativePlatform(wrtc);
    const host = await Room.connect(server.url, hostToken, { platform });
    const viewer = await Room.connect(server.url, viewerToken, { platform });
    const seen = new Map<string, RemoteTrack>();
    viewer.on('track-added', (track) => seen.set(track.source, track));
    const { video, audio, sent, stop } = synthesize();
    try {
      await host.publish(audio, 'microphone');
      await host.publish(video, 'camera');
      await expect.poll(() => [...seen.keys()].sort()).toEqual(['camera', 'microphone']);
      const sink = new wrtc.nonstandard.RTCVideoSink(seen.get('camera')!.mediaStreamTrack);
      const pictureSeen = new Promise<{ width: number; height: number }>((resolve) => {
        sink.onframe = ({ frame }: { frame: { width: number; height: number } }) => resolve(frame);
      });
      await expect(pictureSeen).resolves.toMatchObject({ width: WIDTH, height: HEIGHT });
      sink.stop();

      const { recordingId } = await host.startRecording({ fileName: 'From an app' });
      await expect.poll(async () => (await host.api.recording(recordingId)).state).toBe('recording');
      const first = sent();
      await expect.poll(sent).toBeGreaterThan(first + 75);
      const { fileIds } = await host.stopRecording(recordingId);
      expect(fileIds).toHaveLength(1);
      putBack();
      const folder = join(server.dataFolder, 'recordings', recordingId);
      const content = await readRecording(join(folder, readdirSync(folder)[0] ?? ''));
      expect(content.errors).toEqual([]);
      const counters = content.pictures.flatMap(({ counter }) => counter ?? []);
      expect(counters.length).toBeGreaterThan(50);
      expect(counters).toEqual(counters.toSorted((a, b) => a - b));
      expect(content.beepsMs.length).toBeGreaterThan(1);
    } finally {
      stop();
      video.stop();
      audio.stop();
      await viewer.leave();
      await host.leave();
    }
  });
});

describe('changes of the network', () => {
  function watch() {
    let changes = 0;
    let tell: Parameters<NetworkInformation['addEventListener']>[0] = () => {};
    let inFront: (state: string) => void = () => {};
    let listening = 2;
    const platform = nativePlatform(wrtc, {
      netInfo: {
        addEventListener: (listener) => {
          tell = listener;
          return () => {
            listening -= 1;
          };
        },
      },
      appState: {
        addEventListener: (_type, listener) => {
          inFront = listener;
          return {
            remove: () => {
              listening -= 1;
            },
          };
        },
      },
    });
    const end = platform.onNetworkChange(() => {
      changes += 1;
    });
    return {
      tell: (type: string, isConnected: boolean | null = true) => tell({ type, isConnected }),
      inFront: (state: string) => inFront(state),
      changes: () => changes,
      end: () => {
        end();
        return listening;
      },
    };
  }

  test('another kind of network, one that is back, and an app that is in front again', () => {
    const network = watch();
    network.tell('wifi');
    expect(network.changes()).toBe(0);
    network.tell('wifi');
    expect(network.changes()).toBe(0);
    network.tell('cellular');
    expect(network.changes()).toBe(1);
    network.tell('none', false);
    expect(network.changes()).toBe(1);
    network.tell('cellular');
    expect(network.changes()).toBe(2);
    network.inFront('background');
    network.inFront('active');
    expect(network.changes()).toBe(3);
    expect(network.end()).toBe(0);
  });
});
