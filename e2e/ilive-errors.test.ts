import { renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMount, mountSmallDisk, type RunningServer, startServer } from '@aircheck/testkit';
import { type ErrorEntry, errorTable, ILiveConstants } from '@aircheck/web/ilive';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeUserBuf, makeUserSig } from '../packages/server/tests/vendors/user-sig-maker.ts';
import { breakSignaling, browserForFile } from './browser-support.ts';
import {
  type ILiveWindow,
  logIn,
  openApplication,
  type Sdk,
  sdkAppId,
  startApplication,
  tell as tellPage,
  userSig,
} from './ilive-support.ts';
import { serverForTest, temporaryFolder, untilRecording } from './support.ts';

const browser = browserForFile();

let server: RunningServer;
let application: string;
let recordings: string;
let unmount = () => {};

/** The recordings lie on a small disk of their own, where such can be had. */
beforeAll(async () => {
  const dataFolder = temporaryFolder();
  recordings = join(dataFolder, 'recordings');
  if (canMount()) unmount = mountSmallDisk(recordings, 32 * 2 ** 20);
  [server, application] = await Promise.all([startServer({ dataFolder }), startApplication()]);
  await server.api.request('PATCH', '/v1/settings', { sdkAppId });
});
afterAll(async () => {
  await server.stop();
  unmount();
});

/** The numbers that the application was told so far. */
const numbersTold = new Set<number>();

function remember(told: string): void {
  const number = /(?:ILiveSDK|AVSDK|IMSDK|TLSSDK|HTTP) (\d+)$/.exec(told)?.[1];
  if (number !== undefined) numbersTold.add(Number(number));
}

const tell: typeof tellPage = async (...of) => {
  const told = await tellPage(...of);
  remember(told);
  return told;
};

/** What listeners were told. */
async function heardBy(page: Page): Promise<string[]> {
  const heard = await page.evaluate(() => (window as unknown as ILiveWindow).heard);
  heard.forEach(remember);
  return heard;
}

/** A page with the SDK in it. */
async function newPage(of = server): Promise<Page> {
  const page = await browser.openPage();
  await openApplication(page, of, application);
  return page;
}

async function untilTaken(roomId: string): Promise<void> {
  const { items } = await server.api.listRecordings();
  const live = items.find((one) => one.roomId === roomId && one.endedAt === null);
  if (live !== undefined) await untilRecording(server, live.recordingId, ({ state }) => state === 'recording');
}

describe('errors of ILiveSDK, each brought about', () => {
  it('of logging in', async () => {
    const page = await newPage();
    const { url } = server;
    const sig = userSig(server, 'anna');
    const logIn = (given: { url: string; appId?: number; id?: string; sig?: string }) =>
      tell(
        page,
        ({ root, login }, { url, appId, id, sig }) => {
          root.initSdk({ serverUrl: url, sdkAppId: appId });
          return login.iLiveLogin(id, sig);
        },
        { appId: sdkAppId, id: 'anna', sig, ...given },
      );

    expect(await tell(page, ({ login }) => login.iLiveLogin('anna', ''))).toBe('ILiveSDK 8002');
    expect(await tell(page, async ({ root }) => root.initSdk({ serverUrl: 'rec' }))).toBe('ILiveSDK 8021');
    expect(await logIn({ url, sig: 'eJwnonsense' })).toBe('TLSSDK 8021');
    expect(await logIn({ url, id: 'ben' })).toBe('TLSSDK 8021');
    expect(await logIn({ url, appId: 7 })).toBe('TLSSDK 8021');
    const forged = makeUserSig({ secret: 'another secret', sdkAppId, userId: 'anna' });
    expect(await logIn({ url, sig: forged })).toBe('TLSSDK 8021');
    const time = Math.floor(Date.now() / 1000) - 100;
    const over = makeUserSig({ secret: server.apiSecret, sdkAppId, userId: 'anna', time, expire: 60 });
    expect(await logIn({ url, sig: over })).toBe('TLSSDK 8051');
    expect(await logIn({ url: 'http://127.0.0.1:9' })).toBe('HTTP 8012');
    expect(await logIn({ url: application })).toBe('HTTP 8052');
    const asking = ({ root, login }: Sdk, url: string) => {
      const getToken = () => Promise.reject(new Error('our back end is down'));
      root.initSdk({ serverUrl: url, getToken });
      return login.iLiveLogin('anna', '');
    };
    expect(await tell(page, asking, url)).toBe('HTTP 8020');
    expect(await tell(page, ({ manager, quiet }) => manager.createRoom(1, quiet()))).toBe('ILiveSDK 8009');
    expect(await tell(page, ({ manager, named }) => manager.startRecordVideo(named('x')))).toBe('ILiveSDK 8009');
    expect(await tell(page, ({ login }) => login.iLiveLogout())).toBe('ILiveSDK 8009');
    expect(await logIn({ url })).toBe('done: undefined');
    expect(await logIn({ url })).toBe('ILiveSDK 8024');
    expect(await tell(page, ({ login }) => login.iLiveLogout())).toBe('done: undefined');
  });

  it('of rooms and devices', async () => {
    const [anna, ben, eva] = await Promise.all([newPage(), newPage(), newPage()]);
    await Promise.all([logIn(anna, server, 'anna'), logIn(ben, server, 'ben')]);

    expect(await tell(anna, ({ manager, quiet }) => manager.joinRoom(7, quiet()))).toBe('AVSDK 10009');
    expect(await tell(anna, ({ manager }) => manager.createRoom(7, null as never))).toBe('ILiveSDK 8021');
    expect(await tell(anna, ({ manager, quiet }) => manager.createRoom(Number.NaN, quiet()))).toBe('ILiveSDK 8021');
    expect(await tell(anna, ({ manager, quiet }) => manager.createRoom(7, quiet().authBits(2)))).toBe('ILiveSDK 8021');
    const unknown = ({ manager, quiet }: Sdk) => manager.createRoom(7, quiet().controlRole('Nobody'));
    expect(await tell(anna, unknown)).toBe('AVSDK 8021');
    expect(await tell(anna, ({ manager }) => manager.quitRoom())).toBe('ILiveSDK 8003');
    expect(await tell(anna, ({ manager }) => manager.enableMic(true))).toBe('ILiveSDK 8003');
    expect(await tell(anna, ({ manager }) => manager.linkRoom(8, 'ben', ''))).toBe('ILiveSDK 8023');
    expect(await tell(anna, ({ manager }) => manager.startPushStream({}))).toBe('ILiveSDK 8023');

    expect(await tell(anna, ({ manager, quiet }) => manager.createRoom(7, quiet()))).toBe('done: undefined');
    expect(await tell(anna, ({ manager, quiet }) => manager.joinRoom(8, quiet()))).toBe('ILiveSDK 8010');
    expect(await tell(ben, ({ manager, quiet }) => manager.createRoom(7, quiet()))).toBe('ILiveSDK 8004');

    const watch = ({ manager, ILiveRoomOption }: Sdk) => manager.joinRoom(7, ILiveRoomOption.defaultGuestLiveOption());
    expect(await tell(ben, watch)).toBe('done: undefined');
    const unasked = ({ manager, ILiveConstants }: Sdk) => manager.enableCamera(ILiveConstants.FRONT_CAMERA, true);
    expect(await tell(ben, unasked)).toBe('AVSDK 10003');
    const nobody = ({ manager }: Sdk) => manager.requestRemoteVideo('zoe', 1);
    expect(await tell(ben, nobody)).toBe('AVSDK 10010');
    expect(await tell(anna, ({ manager }) => manager.changeRole('Nobody'))).toBe('AVSDK 8021');

    const refused = (name: string) =>
      tell(
        anna,
        ({ manager }, name) => {
          navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', name));
          return manager.enableMic(true);
        },
        name,
      );
    expect(await refused('NotAllowedError')).toBe('ILiveSDK 8007');
    expect(await refused('NotFoundError')).toBe('ILiveSDK 8022');
    expect(await refused('NotReadableError')).toBe('ILiveSDK 8020');

    const twice = ({ manager }: Sdk) => {
      void manager.quitRoom(() => {});
      return manager.quitRoom();
    };
    expect(await tell(anna, twice)).toBe('ILiveSDK 8011');

    // A token of a back end that lets its bearer watch only.
    const token = await server.api.createToken({ userId: 'eva', roomId: '*', role: 'audience' });
    const viewer = ({ root, login, manager, quiet }: Sdk, given: { url: string; token: string }) => {
      root.initSdk({ serverUrl: given.url, getToken: async () => given.token });
      return login.iLiveLogin('eva', '').then(() => manager.joinRoom(7, quiet()));
    };
    expect(await tell(eva, viewer, { url: server.url, ...token })).toBe('AVSDK 10003');

    await server.api.putRoom('full', 'pair');
    await tell(ben, ({ manager }) => manager.quitRoom());
    for (const page of [anna, ben]) {
      expect(await tell(page, ({ manager, quiet }) => manager.joinRoom('full', quiet()))).toBe('done: undefined');
    }
    const third = ({ manager, ILiveRoomOption }: Sdk) =>
      manager.joinRoom('full', ILiveRoomOption.defaultGuestLiveOption());
    expect(await tell(eva, third)).toBe('ILiveSDK 8006');
  });

  it('of recording', async () => {
    const page = await newPage();
    await logIn(page, server, 'anna');
    const start = () => tell(page, ({ manager, named }) => manager.startRecordVideo(named('lesson')));
    const stop = () => tell(page, ({ manager }) => manager.stopRecordVideo());
    const files = /^done: \["\d{17,20}"\]$/;

    expect(await start()).toBe('ILiveSDK 8003');
    expect(await stop()).toBe('ILiveSDK 8003');
    await tell(page, ({ manager, quiet }) => manager.createRoom(9, quiet()));
    expect(await start()).toBe('IMSDK 30000411');
    expect(await tell(page, ({ manager }) => manager.startRecordVideo(null as never))).toBe('IMSDK 30000001');
    expect(await tell(page, ({ manager, named }) => manager.startRecordVideo(named('')))).toBe('IMSDK 30000002');
    const noNumber = ({ manager, named }: Sdk) => manager.startRecordVideo(named('x').classId(Number('7b')));
    expect(await tell(page, noNumber)).toBe('IMSDK 30000000');
    const below = ({ manager, named }: Sdk) => manager.startRecordVideo(named('x').classId(-1));
    expect(await tell(page, below)).toBe('IMSDK 30000000');
    const noSource = ({ manager, named }: Sdk) => manager.startRecordVideo(named('x').recordDataType(7 as never));
    expect(await tell(page, noSource)).toBe('IMSDK 30000004');
    expect(await stop()).toBe('IMSDK 30000412');

    await tell(page, ({ manager }) => manager.enableCamera(0, true));
    expect(await start()).toBe('done: undefined');
    expect(await start()).toBe('IMSDK 30000415');
    await untilTaken('9');
    expect(await stop()).toMatch(files);
    expect(await stop()).toBe('IMSDK 30000412');

    await page.context().setOffline(true);
    expect(await start()).toBe('IMSDK 30000208');
    await page.context().setOffline(false);
    const html = { body: '<h1>Sign in to the hotel’s network</h1>', headers: { 'access-control-allow-origin': '*' } };
    await page.route('**/v1/rooms/**', (route) => route.fulfill(html));
    expect(await start()).toBe('IMSDK 30000301');
    await page.unroute('**/v1/rooms/**');

    expect(await tell(page, ({ manager }) => manager.changeRole('Guest'))).toBe('done: undefined');
    expect(await start()).toBe('IMSDK 1');
    await tell(page, ({ manager }) => manager.quitRoom());

    await server.api.putRoom('two', 'pair');
    const pair = ({ manager, quiet }: Sdk) => manager.joinRoom('two', quiet().autoCamera(true));
    expect(await tell(page, pair)).toBe('done: undefined');
    expect(await start()).toBe('ILiveSDK 8023');
    await tell(page, ({ manager }) => manager.quitRoom());
  });

  it.runIf(canMount())('of a disk that is full', async () => {
    const page = await newPage();
    await logIn(page, server, 'anna');
    await tell(page, ({ manager, quiet }) => manager.createRoom(10, quiet()));
    await tell(page, ({ manager }) => manager.enableCamera(0, true));
    const filler = join(recordings, 'filler');
    const { bavail, bsize } = statfsSync(recordings);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 16 * 1024));
    expect(await tell(page, ({ manager, named }) => manager.startRecordVideo(named('lesson')))).toBe('IMSDK 2');
    rmSync(filler);
  });

  it('of rooms that end and credentials that do', async () => {
    const page = await newPage();
    await page.evaluate(hearNothingOnWish);
    await logIn(page, server, 'anna');
    const start = () => tell(page, ({ manager, named }) => manager.startRecordVideo(named('lesson')));
    const heard = () => heardBy(page);

    await tell(page, ({ manager, quiet }) => manager.createRoom(1, quiet()));
    await server.api.deleteRoom('1');
    await expect.poll(heard).toEqual(['GroupDisband 1', 'Disconnected 1 1 10009 The room does not exist: room-closed']);
    expect(await start()).toBe('IMSDK 30000410');

    await tell(page, ({ manager, quiet }) => manager.createRoom(2, quiet()));
    await kick(2, 'anna');
    await expect.poll(heard).toContain('ForceOffline anna ILiveSDK 8050');
    expect(await start()).toBe('IMSDK 30000410');

    const endsAt = Math.floor(Date.now() / 1000) + 3;
    const keyOf = (room: number, endsAt?: number) => {
      const userbuf = makeUserBuf({
        sdkAppId,
        userId: 'anna',
        room,
        rights: 0xff,
        ...(endsAt !== undefined && { endsAt }),
      });
      return makeUserSig({ secret: server.apiSecret, sdkAppId, userId: 'anna', userbuf });
    };
    const enter = (room: number, endsAt?: number) =>
      tell(page, ({ manager, quiet }, [room, key]) => manager.createRoom(room, quiet().privateMapKey(key)), [
        room,
        keyOf(room, endsAt),
      ] as const);
    expect(await enter(3, endsAt)).toBe('done: undefined');
    await expect.poll(start, { timeout: 10_000 }).toBe('ILiveSDK 8051');
    // Who comes back after a broken connection shows the credentials again.
    await breakSignaling(page);
    await expect
      .poll(async () => (await heard()).slice(-3))
      .toEqual(['ForceOffline anna TLSSDK 8051', 'UserStatus 8051', expect.stringMatching(/^Disconnected 3 3 8051 /)]);
    expect(await start()).toBe('IMSDK 30000410');

    // What the server knows before the page does.
    const unheard = async (room: number, happens: () => Promise<void>) => {
      expect(await enter(room)).toBe('done: undefined');
      await page.evaluate(() => Object.assign(window, { deaf: true }));
      await happens();
      const told = await start();
      await tell(page, ({ manager }) => manager.quitRoom());
      await page.evaluate(() => Object.assign(window, { deaf: false }));
      return told;
    };
    expect(await unheard(4, () => server.api.deleteRoom('4'))).toBe('IMSDK 30000403');
    expect(await unheard(5, () => kick(5, 'anna'))).toBe('IMSDK 30000411');
  });

  it('of a server in trouble', async () => {
    const troubled = await serverForTest({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
    await troubled.api.request('PATCH', '/v1/settings', { sdkAppId });
    const page = await newPage(troubled);
    await page.evaluate(hearNothingOnWish);
    await logIn(page, troubled, 'anna');
    await tell(page, ({ manager, quiet }) => manager.createRoom(6, quiet()));
    await tell(page, ({ manager }) => manager.enableCamera(0, true));
    const start = () => tell(page, ({ manager, named }) => manager.startRecordVideo(named('lesson')));

    // As when a disk is gone that was mounted there.
    const folder = join(troubled.dataFolder, 'recordings');
    renameSync(folder, `${folder}-away`);
    expect(await start()).toBe('IMSDK 30000305');
    renameSync(`${folder}-away`, folder);

    // Stopped, the media process keeps a request until it is killed.
    const [lost] = troubled.workerPids() as [number];
    process.kill(lost, 'SIGSTOP');
    const asking = start();
    await expect
      .poll(async () => (await troubled.api.listRecordings('?live=true')).items.map(({ roomId }) => roomId))
      .toEqual(['6']);
    process.kill(lost, 'SIGKILL');
    expect(await asking).toBe('IMSDK 30000404');
    // As the advice says: another try, and the new process has the room.
    await expect.poll(start).toBe('done: undefined');

    // A server that shuts down waits for its recordings; a media process that is stopped keeps it at that.
    const worker = troubled.workerPids().find((pid) => pid !== lost)!;
    process.kill(worker, 'SIGSTOP');
    await page.evaluate(() => Object.assign(window, { deaf: true }));
    try {
      process.kill(troubled.pid, 'SIGTERM');
      await troubled.logged(({ msg }) => msg === 'draining');
      expect(await start()).toBe('IMSDK 30000207');
      await page.evaluate(() => Object.assign(window, { deaf: false }));
      expect(await tell(page, ({ manager, quiet }) => manager.switchRoom(8, quiet()))).toBe('ILiveSDK 8006');
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    expect(await troubled.ended).toBe(0);
  });

  it('are all that can arise', () => {
    const entries: ErrorEntry[] = Object.values(errorTable);
    const arising = entries.filter(({ arises }) => arises).map(({ code }) => code);
    const inOrder = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);
    // Where no small disk can be mounted none is filled: that test is told as skipped.
    expect(inOrder(numbersTold)).toEqual(
      inOrder(arising.filter((code) => canMount() || code !== ILiveConstants.ERR_RECORD_NO_BALANCE)),
    );
  });
});

/** While the page is `deaf`, it does not hear what its room has to tell. Runs in the page, before the SDK is initialized. */
function hearNothingOnWish(): void {
  window.WebSocket = class extends WebSocket {
    constructor(...of: ConstructorParameters<typeof WebSocket>) {
      super(...of);
      const hear = (event: Event) => {
        if ('deaf' in window && window.deaf === true) event.stopImmediatePropagation();
      };
      for (const name of ['message', 'close']) this.addEventListener(name, hear);
    }
  };
}

/** Sends a member away, as a back end of the vendor's does. */
async function kick(room: number, userId: string): Promise<void> {
  const usersig = userSig(server, 'administrator');
  const query = new URLSearchParams({ usersig, identifier: 'administrator', sdkappid: String(sdkAppId) });
  const reqhead = { uint32_sub_cmd: 1, uint32_sdk_appid: sdkAppId, uint32_auth_key: room, rpt_to_Account: [userId] };
  const body = JSON.stringify({ reqhead, reqbody: {} });
  const response = await fetch(`${server.url}/v3/openim/videorelay?${query}`, { method: 'POST', body });
  expect(await response.json()).toMatchObject({ rspbody: { rsp_0x1: { uint32_result: 0 } } });
}
