import { rmSync } from 'node:fs';
import { type RunningServer, startServer } from '@aircheck/testkit';
import wrtc from '@roamhq/wrtc';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Room } from '../../src/core/index.ts';
import { nativePlatform } from '../../src/native/index.ts';
import { emptyTrack, SyntheticDevices } from '../synthetic-devices.ts';

type Sdk = typeof import('../../src/ilive/index.ts');

/** Everything that listeners of the application were told, in order. */
const log: string[] = [];
let server: RunningServer;
let sdk: Sdk;
let devices: SyntheticDevices;

const manager = () => sdk.ILiveRoomManager.getInstance();

beforeAll(async () => {
  server = await startServer();
  // The managers are made once for a page: other tests have theirs.
  vi.resetModules();
  sdk = await import('../../src/ilive/index.ts');
  const told = (name: string) => (_room: unknown, _group: unknown, userId: string, videoType?: number) =>
    log.push([name, userId, videoType].filter((part) => part !== undefined).join(' '));
  sdk.ILiveSDK.getInstance().addEventHandler({
    onRoomMemberIn: told('in'),
    onRoomMemberOut: told('out'),
    onRoomHasVideo: told('video'),
    onRoomNoVideo: told('no video'),
    onRoomHasAudio: told('audio'),
    onRoomNoAudio: told('no audio'),
    onCameraUpdate: (cameraId, enabled) => log.push(`camera ${cameraId} ${enabled}`),
    onRoomDisconnected: (roomId, _group, errCode) => log.push(`disconnected ${roomId} ${errCode}`),
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(server.dataFolder, { recursive: true, force: true });
});

beforeEach(async () => {
  log.length = 0;
  devices = new SyntheticDevices();
  const { url: serverUrl } = server;
  sdk.ILiveSDK.getInstance().initSdk({
    serverUrl,
    getToken: ({ userId, roomId = '*', role }) => server.token(userId, roomId, role),
    platform: { ...nativePlatform(wrtc), mediaDevices: devices as unknown as MediaDevices },
  });
  await sdk.ILiveLoginManager.getInstance().iLiveLogin('anna', '');
});
afterEach(async () => {
  await sdk.ILiveLoginManager.getInstance().iLiveLogout();
  vi.unstubAllGlobals();
});

/** An option with which nothing is switched on. */
const quiet = () => new sdk.ILiveRoomOption().autoCamera(false).autoMic(false);

/** Another participant, which uses the core. */
async function enter(roomId: string, userId: string): Promise<Room> {
  const token = await server.token(userId, roomId);
  return Room.connect(server.url, token, { platform: nativePlatform(wrtc) });
}

const sourcesOf = async (roomId: string, userId: string) =>
  (await server.api.getRoom(roomId)).participants
    .find((participant) => participant.userId === userId)
    ?.tracks.map(({ source, muted }) => (muted ? `${source} muted` : source));

it('who comes and goes, and what is sent, is told to both kinds of listeners', async () => {
  const memberStatusListener = {
    onEndpointsUpdateInfo: (eventId: number, users: string[]) => log.push(`${eventId} ${users.join()}`),
  };
  await manager().createRoom(1, quiet().roomMemberStatusLisenter(memberStatusListener));
  const ben = await enter('1', 'ben');
  for (const [kind, source] of [
    ['video', 'camera'],
    ['audio', 'microphone'],
    ['video', 'screen'],
  ] as const) {
    const before = log.length;
    await ben.publish(emptyTrack(kind), source);
    await vi.waitFor(() => expect(log).toHaveLength(before === 0 ? 4 : before + 2));
  }
  expect(log).toEqual([
    ...['in ben', '1 ben'],
    ...['video ben 1', '3 ben'],
    ...['audio ben', '5 ben'],
    ...['video ben 2', '7 ben'],
  ]);
  log.length = 0;
  for (const source of ['camera', 'microphone'] as const) {
    const before = log.length;
    ben.unpublish(ben.localTrack(source)!);
    await vi.waitFor(() => expect(log).toHaveLength(before + 2));
  }
  await ben.leave();
  await vi.waitFor(() => expect(log.at(-1)).toBe('2 ben'));
  expect(log).toEqual([
    ...['no video ben 1', '4 ben'],
    ...['no audio ben', '6 ben'],
    ...['no video ben 2', '8 ben'],
    ...['out ben', '2 ben'],
  ]);
});

it('a camera that cannot be had when entering is told, then it is switched on, changed and off', async () => {
  devices.cameraRefusal = 'NotFoundError';
  const exceptionListener = { onException: (errCode: number) => log.push(`exception ${errCode}`) };
  await manager().createRoom(2, new sdk.ILiveRoomOption().exceptionListener(exceptionListener));
  expect(log).toContain('exception 8022');
  expect(await sourcesOf('2', 'anna')).toEqual(['microphone']);
  expect(manager().getActiveCameraId()).toBe(-1);

  devices.cameraRefusal = undefined;
  devices.asked.length = 0;
  const { FRONT_CAMERA, BACK_CAMERA } = sdk.ILiveConstants;
  await manager().enableCamera(FRONT_CAMERA, true);
  await manager().switchCamera(BACK_CAMERA);
  expect(manager().getActiveCameraId()).toBe(BACK_CAMERA);
  expect(devices.asked).toMatchObject([
    { video: { facingMode: { ideal: 'user' } } },
    { video: { facingMode: { ideal: 'environment' } } },
  ]);
  expect((await sourcesOf('2', 'anna'))?.sort()).toEqual(['camera', 'microphone']);
  await manager().enableCamera(BACK_CAMERA, false);
  const ofCamera = log.filter((told) => told.startsWith('camera'));
  expect(ofCamera).toEqual(['camera 0 true', 'camera 1 true', 'camera 1 false']);
});

it('what other rights do not allow is switched off and stays off', async () => {
  await manager().createRoom(3, new sdk.ILiveRoomOption());
  await manager().enableScreen(true);
  expect((await sourcesOf('3', 'anna'))?.sort()).toEqual(['camera', 'microphone', 'screen']);
  const { AVRoomMulti } = sdk;
  const toListen = AVRoomMulti.AUTH_BITS_JOIN_ROOM | AVRoomMulti.AUTH_BITS_RECV_AUDIO;
  await manager().changeAuthority(toListen | AVRoomMulti.AUTH_BITS_SEND_CAMERA_VIDEO);
  await vi.waitFor(async () => expect((await sourcesOf('3', 'anna'))?.sort()).toEqual(['camera', 'microphone muted']));
  await manager().changeAuthority(toListen, null);
  await vi.waitFor(async () => expect(await sourcesOf('3', 'anna')).toEqual(['microphone muted']));
  await expect(manager().enableCamera(0, true)).rejects.toMatchObject({ errCode: 10003 });
  await expect(manager().enableScreen(true)).rejects.toMatchObject({ errCode: 10003 });
});

it('a picture is received or not, and the others are heard or not', async () => {
  /** What stands for the elements of a page, which this process has none of. */
  const made: { kind: string; muted: boolean }[] = [];
  vi.stubGlobal('HTMLVideoElement', class {});
  vi.stubGlobal('MediaStream', wrtc.MediaStream);
  vi.stubGlobal('document', {
    createElement: (kind: string) => {
      const element = { kind, muted: false, dataset: {}, remove() {} };
      made.push(element);
      return element;
    },
  });
  const ben = await enter('4', 'ben');
  await ben.publish(emptyTrack('video'), 'camera');
  await ben.publish(emptyTrack('audio'), 'microphone');
  await manager().joinRoom(4, quiet());
  const received = () => (manager().room?.remoteTracks ?? []).map(({ source }) => source).sort();
  await vi.waitFor(() => expect(received()).toEqual(['camera', 'microphone']));
  const { CAMERA_VIDEO } = sdk.ILiveConstants;
  await manager().requestRemoteVideo('ben', CAMERA_VIDEO, false);
  await vi.waitFor(() => expect(received()).toEqual(['microphone']));
  await manager().requestRemoteVideo('ben', CAMERA_VIDEO);
  await vi.waitFor(() => expect(received()).toEqual(['camera', 'microphone']));

  const heard = () => made.filter(({ kind }) => kind === 'audio').map(({ muted }) => !muted);
  expect(heard()).toEqual([true]);
  await manager().enableSpeaker(false);
  expect(heard()).toEqual([false]);
  await manager().enableSpeaker(true);
  expect(heard()).toEqual([true]);
  await ben.leave();
});

it('the end of a room is told to the listener that it was entered with', async () => {
  const roomDisconnectListener = { onRoomDisconnect: (errCode: number) => log.push(`listener ${errCode}`) };
  await manager().createRoom(5, quiet().roomDisconnectListener(roomDisconnectListener));
  await server.api.deleteRoom('5');
  await vi.waitFor(() => expect(log).toEqual(['disconnected 5 10009', 'listener 10009']));
  expect(manager().isEnterRoom()).toBe(false);
});
