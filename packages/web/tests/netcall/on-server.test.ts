import { rmSync } from 'node:fs';
import { type RunningServer, startServer } from '@aircheck/testkit';
import { Netcall, type NetcallError } from '@aircheck/web/netcall';
import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeUserSig } from '../../../server/tests/vendors/user-sig-maker.ts';
import { nativePlatform } from '../../src/native/index.ts';
import { SyntheticDevices } from '../synthetic-devices.ts';

const sdkAppId = 1_400_012_345;
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
  await server.api.request('PATCH', '/v1/settings', { sdkAppId });
});
afterAll(async () => {
  await server.stop();
  rmSync(server.dataFolder, { recursive: true, force: true });
});

/** A client with what it was told of the end of its channel. */
async function client(account: string) {
  const token = await server.token(account, '*');
  const mediaDevices = new SyntheticDevices() as unknown as MediaDevices;
  const netcall = new Netcall({
    nim: { account, token },
    serverUrl: server.url,
    platform: { ...nativePlatform(wrtc), mediaDevices },
  });
  const ends: [name: string, error: NetcallError][] = [];
  for (const name of ['gatewayClosed', 'rtcConnectFailed', 'error'] as const) {
    netcall.on(name, (error) => ends.push([name, error]));
  }
  return { netcall, ends };
}

const numbers = (ends: readonly [string, NetcallError][]) => ends.map(([name, { code }]) => `${name} ${code}`);
const audio = (channelName: string) => ({ channelName, type: Netcall.NETCALL_TYPE_AUDIO });

test('a channel for two is full with two (104), and its host is not recorded (102)', async () => {
  await server.api.putRoom('two', 'pair');
  const [anna, ben, cleo] = await Promise.all([client('anna'), client('ben'), client('cleo')]);
  await anna.netcall.joinChannel({
    ...audio('two'),
    liveEnable: true,
    sessionConfig: { rtmpUrl: 'rtmp://push.example.org/live/key', rtmpRecord: true },
  });
  await ben.netcall.joinChannel(audio('two'));
  await expect(cleo.netcall.joinChannel(audio('two'))).rejects.toMatchObject({
    code: 104,
    messageZh: '互动人数超限',
    event: { event: { code: 104 } },
  });
  await anna.netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN });
  await expect.poll(() => numbers(anna.ends)).toEqual(['error 102']);
  expect(anna.ends[0]?.[1].messageZh).toBe('会议模式不匹配');
  await Promise.all([anna, ben].map(({ netcall }) => netcall.leaveChannel()));
  expect(numbers([...anna.ends, ...ben.ends])).toEqual(['error 102']);
});

test('who is sent out is told 509, whose channel the server ends 500; nobody joins one that is gone (101)', async () => {
  const [anna, ben] = await Promise.all([client('anna'), client('ben')]);
  await anna.netcall.createChannel({ channelName: '7' });
  for (const { netcall } of [anna, ben]) await netcall.joinChannel(audio('7'));
  await kick('7', 'ben');
  await expect.poll(() => numbers(ben.ends)).toEqual(['gatewayClosed 509', 'rtcConnectFailed 509', 'error 509']);
  expect(ben.ends.map(([, error]) => error.type)).toEqual(Array(3).fill('gatewayClosed'));
  expect([ben.netcall.calling, anna.netcall.calling]).toEqual([false, true]);

  await server.stop();
  await expect.poll(() => numbers(anna.ends)).toEqual(['gatewayClosed 500', 'rtcConnectFailed 500', 'error 500']);
  expect(anna.ends[0]?.[1].message).toContain('draining');
  await expect(anna.netcall.joinChannel(audio('7'))).rejects.toMatchObject({ code: 101 });
});

/** Sends a member away, as a back end does. */
async function kick(room: string, userId: string): Promise<void> {
  const usersig = makeUserSig({ secret: server.apiSecret, sdkAppId, userId: 'administrator' });
  const query = new URLSearchParams({ usersig, identifier: 'administrator', sdkappid: String(sdkAppId) });
  const reqhead = { uint32_sub_cmd: 1, uint32_sdk_appid: sdkAppId, uint32_auth_key: room, rpt_to_Account: [userId] };
  const body = JSON.stringify({ reqhead, reqbody: {} });
  const response = await fetch(`${server.url}/v3/openim/videorelay?${query}`, { method: 'POST', body });
  expect(await response.json()).toMatchObject({ rspbody: { rsp_0x1: { uint32_result: 0 } } });
}
