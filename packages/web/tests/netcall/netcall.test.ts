import { rmSync } from 'node:fs';
import { JoinRequest } from '@aircheck/protocol';
import { type RunningAgent, startAgent } from '@aircheck/testkit';
import { type JoinChannelOptions, Netcall, type NetcallError, type NetcallOptions } from '@aircheck/web/netcall';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FakePlatform, type FakeSocket, fakePlatform, joinResult, participant, videoTrack } from '../fakes.ts';

let fake: FakePlatform;
/** Names of the events that came, each with what it told. */
let heard: [name: string, told: unknown][];
let clients: Netcall[];

beforeEach(() => {
  fake = fakePlatform();
  heard = [];
  clients = [];
});
afterEach(async () => {
  vi.useRealTimers();
  for (const netcall of clients) {
    const ending = netcall.destroy();
    await settled();
    if (netcall.calling) newest().answer('leave');
    await ending;
  }
  vi.unstubAllGlobals();
});

function newest(): FakeSocket {
  return fake.sockets.at(-1)!;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function client(options: Partial<NetcallOptions> = {}): Netcall {
  const netcall = new Netcall({
    nim: { account: 'me', token: 'token' },
    serverUrl: 'https://example.org',
    platform: fake.platform,
    ...options,
  });
  clients.push(netcall);
  for (const name of [
    'deviceStatus',
    'deviceAdd',
    'deviceRemove',
    'streamEnded',
    'gatewayClosed',
    'rtcConnectFailed',
    'heartBeatError',
    'signalClosed',
    'error',
  ] as const) {
    netcall.on(name, (told?: unknown) => heard.push([name, told]));
  }
  return netcall;
}

async function join(
  netcall: Netcall,
  changes: Parameters<typeof joinResult>[0] = {},
  options: Partial<JoinChannelOptions> = {},
): Promise<void> {
  const joining = netcall.joinChannel({ channelName: 'demo', type: Netcall.NETCALL_TYPE_VIDEO, ...options });
  await settled();
  newest().open();
  await settled();
  newest().answer('join', joinResult(changes));
  await joining;
}

const { DEVICE_TYPE_VIDEO, DEVICE_TYPE_DESKTOP_SCREEN } = Netcall;

describe('one’s own picture', () => {
  /** What is shown in the node that a page gave. */
  const video = { style: {}, remove() {}, srcObject: null as { getTracks(): unknown[] } | null };
  const shown = () => video.srcObject?.getTracks()[0];
  const container = { ownerDocument: { createElement: () => video }, append() {} } as unknown as HTMLElement;

  beforeEach(() => {
    vi.stubGlobal(
      'MediaStream',
      class {
        readonly #tracks: unknown[];
        constructor(tracks: unknown[]) {
          this.#tracks = tracks;
        }
        getTracks = () => this.#tracks;
      },
    );
    video.srcObject = null;
  });

  test('is the camera’s again when the shared screen is stopped, and the screen’s while it is shared', async () => {
    const netcall = client({ container });
    netcall.startLocalStream();
    await netcall.startDevice({ type: DEVICE_TYPE_VIDEO });
    const [camera] = fake.captured;
    expect(shown()).toBe(camera);
    await netcall.startDevice({ type: DEVICE_TYPE_DESKTOP_SCREEN });
    expect(shown()).toBe(fake.captured[1]);
    await netcall.stopDevice(DEVICE_TYPE_DESKTOP_SCREEN);
    expect(shown()).toBe(camera);
    // Ended in the browser's own bar.
    await netcall.startDevice({ type: DEVICE_TYPE_DESKTOP_SCREEN });
    fake.captured[2]!.unplug();
    expect(shown()).toBe(camera);
    await netcall.startDevice({ type: DEVICE_TYPE_DESKTOP_SCREEN });
    await netcall.stopDevice(DEVICE_TYPE_VIDEO);
    expect(shown()).toBe(fake.captured[3]);
    await netcall.stopDevice(DEVICE_TYPE_DESKTOP_SCREEN);
    expect(shown()).toBeUndefined();
  });
});

describe('devices', () => {
  test('that are plugged in and out are told of, and one that ended by itself', async () => {
    const netcall = client();
    await settled();
    const headset = { kind: 'audiooutput', deviceId: 'headset', label: 'Headset' } as const;
    const change = async () => {
      fake.platform.mediaDevices?.dispatchEvent(new Event('devicechange'));
      await settled();
    };
    fake.devices.push(headset, { kind: 'videoinput', deviceId: '', label: '' });
    await change();
    expect(await netcall.getDevicesOfType(Netcall.DEVICE_TYPE_AUDIO_OUT_CHAT)).toEqual({
      type: Netcall.DEVICE_TYPE_AUDIO_OUT_CHAT,
      devices: [{ deviceId: 'headset', label: 'Headset' }],
    });
    expect((await netcall.getDevicesOfType(DEVICE_TYPE_VIDEO)).devices).toEqual([]);
    fake.devices.shift();
    await change();
    expect(heard).toEqual([
      ['deviceAdd', [headset, { kind: 'videoinput', deviceId: '', label: '' }]],
      ['deviceRemove', [headset]],
    ]);
    heard.length = 0;

    await netcall.startDevice({ type: DEVICE_TYPE_VIDEO });
    fake.captured[0]!.unplug();
    expect(heard).toEqual([
      ['deviceStatus', { type: DEVICE_TYPE_VIDEO, status: 'start' }],
      ['deviceStatus', { type: DEVICE_TYPE_VIDEO, status: 'stop' }],
      ['streamEnded', { type: DEVICE_TYPE_VIDEO }],
    ]);
  });

  test('are none in a page without HTTPS', async () => {
    const netcall = client({ platform: { ...fake.platform, mediaDevices: undefined } });
    expect((await netcall.getDevicesOfType(DEVICE_TYPE_VIDEO)).devices).toEqual([]);
    await expect(netcall.startDevice({ type: DEVICE_TYPE_VIDEO })).rejects.toMatchObject({ code: 401 });
  });
});

describe('joining', () => {
  test('tells the server all of the live options that were checked', async () => {
    const area = { position_x: 0, position_y: 0, width_rate: 10_000, height_rate: 5_000 };
    const live = {
      rtmpUrl: 'rtmp://push.example.org/live/key',
      rtmpRecord: true,
      splitMode: Netcall.LAYOUT_SPLITCUSTOM,
      layout: JSON.stringify({ version: 0, host_area: { adaption: 1, ...area }, n_host_area_0: area }),
    };
    await join(client(), {}, { liveEnable: true, sessionConfig: { ...live, videoQuality: 6 } });
    // As the server reads it.
    expect(JoinRequest.parse(newest().requests('join')[0])).toMatchObject({ roomId: 'demo', expect: 'existing', live });
  });

  test('without live mode tells it of no live options', async () => {
    await join(client(), {}, { sessionConfig: { rtmpUrl: 'rtmp://push.example.org/live/key', splitMode: 2 } });
    expect(newest().requests('join')[0]).not.toHaveProperty('live');
  });

  test('and making a channel fail with 101 while the server does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const netcall = client();
    await expect(netcall.createChannel({ channelName: 'demo' })).rejects.toMatchObject({ code: 101 });
    const joining = netcall.joinChannel({ channelName: 'demo', type: Netcall.NETCALL_TYPE_AUDIO });
    const refused = expect(joining).rejects.toMatchObject({ code: 101, event: { event: { code: 101 } } });
    await vi.advanceTimersByTimeAsync(10_000);
    await refused;
    expect(netcall.calling).toBe(false);
  });
});

describe('recording in the browser', () => {
  test('is refused with 67004 where there is neither an encoder nor a place for files', async () => {
    // Every browser has it: the recorder's own derives from it when it is loaded, and is not made here.
    vi.stubGlobal('Worker', class {});
    const netcall = client();
    await join(netcall);
    await expect(netcall.startRecordAac()).rejects.toMatchObject({ code: 67004, messageZh: '浏览器不支持录制' });
  });

  test('is refused with 67008 when what is sent has ended', async () => {
    const netcall = client();
    await join(netcall);
    const starting = netcall.startDevice({ type: DEVICE_TYPE_VIDEO });
    await settled();
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
    await starting;
    // A page that stops a track itself is sent no `ended` (https://developer.mozilla.org/docs/Web/API/MediaStreamTrack/stop).
    fake.captured[0]!.stop();
    await expect(netcall.startMediaRecording({ account: 'me' })).rejects.toMatchObject({ code: 67008 });
    await expect(netcall.startRecordMp4()).rejects.toMatchObject({ code: 67008 });
  });
});

describe('the PC agent', () => {
  const page = 'https://app.example.org';
  let agent: RunningAgent;

  beforeAll(async () => {
    agent = await startAgent();
  });
  afterAll(async () => {
    await agent.kill();
    rmSync(agent.home, { recursive: true, force: true });
  });

  /** What a page has and Node.js has not: an origin, which its sockets tell, and a place for the secrets of pairing. */
  beforeEach(() => {
    const kept = new Map<string, string>();
    vi.stubGlobal('location', { origin: page, href: `${page}/` });
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    });
    const { WebSocket } = globalThis;
    vi.stubGlobal(
      'WebSocket',
      class extends WebSocket {
        constructor(url: string, protocols: string) {
          super(url, { protocols, headers: { origin: page } } as unknown as string);
        }
      },
    );
  });

  /** Lets time pass, with what it takes on the network. */
  async function pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= 500) {
      await vi.advanceTimersByTimeAsync(500);
      for (let turn = 0; turn < 20; turn += 1) await settled();
    }
  }

  test.each([
    ['nothing', () => null],
    ['a wrong code', () => '0000-0000'],
  ])('refuses with 401 a page whose user types in %s', async (_what, getPairingCode) => {
    const netcall = client({ agentPorts: [agent.port], getPairingCode });
    await expect(netcall.initSignal()).rejects.toMatchObject({ code: 401 });
    await join(netcall);
    await expect(netcall.startRecordMp4({ account: 'ann', path: 'ann.mp4' })).rejects.toMatchObject({ code: 401 });
    expect(heard).toEqual([]);
  });

  test('that is stopped by the page tells of it; that dies is given up after 35 s, and later calls fail with 1', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const getPairingCode = vi.fn(() => agent.pairingCode());
    const netcall = client({ agentPorts: [agent.port], getPairingCode });
    await join(netcall, { participants: [participant('ann', [videoTrack('v1')])] });
    await netcall.initSignal();
    await netcall.stopSignal();
    expect(heard).toEqual([['signalClosed', undefined]]);
    heard.length = 0;
    await netcall.initSignal();
    expect(getPairingCode).toHaveBeenCalledTimes(1);

    await agent.kill();
    await pass(33_000);
    expect(heard).toEqual([]);
    await pass(4_000);
    await expect.poll(() => heard.map(([name]) => name)).toEqual(['signalClosed', 'heartBeatError', 'error']);
    const [, [, told], [, error]] = heard as [unknown, [string, NetcallError], [string, NetcallError]];
    expect(told).toMatchObject({ code: 1, type: 'heartBeatError', messageZh: 'PC Agent 无响应' });
    expect(error).toBe(told);
    vi.useRealTimers();
    for (const call of [
      () => netcall.startRecordMp4({ account: 'ann', path: 'ann.mp4' }),
      () => netcall.startRecordAac({ path: 'mix.m4a' }),
      () => netcall.initSignal(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 1 });
    }
  });
});
