import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Role } from '@aircheck/protocol';
import type { RunningAgent, RunningServer } from '@aircheck/testkit';
import type * as sdk from '@aircheck/web/netcall';
import type { Page } from 'playwright-core';

/** What {@link openNetcall} puts on a page's window, beside the SDK. */
export type NetcallWindow = typeof sdk & {
  readonly netcall: sdk.Netcall;
  /** Names and data of the events that came. */
  readonly heard: { readonly name: string; readonly data: Record<string, unknown> }[];
  /** The vendor's number that a call rejects with; undefined when it does not. */
  codeOf(call: Promise<unknown>): Promise<number | undefined>;
  channelName: string;
  account: string | undefined;
};

export const eventNames = [
  'joinChannel',
  'leaveChannel',
  'userJoined',
  'userLeft',
  'remoteTrack',
  'control',
  'deviceStatus',
  'recordMp4',
  'recordAac',
  'recordStopped',
  'sessionDuration',
  'gatewayClosed',
  'signalClosed',
  'error',
] as const;

/** The site of an application, which is not that of Aircheck. */
export async function startSite(): Promise<Server & { readonly url: string }> {
  const site = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>An application</title><div id="container"></div><div id="remote"></div>');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  return Object.assign(site, { url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/` });
}

export interface OpenOptions {
  readonly server: RunningServer;
  readonly site: { readonly url: string };
  readonly account: string;
  readonly role?: Role;
  /** A tone of this pitch is what the microphone gives. */
  readonly voiceHz?: number;
  /** The PC agent that the page's user has; the code is typed in when the page asks for it. */
  readonly agent?: RunningAgent;
}

/** Opens the application's page, loads the SDK and makes the page's client. */
export async function openNetcall(page: Page, opened: OpenOptions): Promise<Page> {
  const { server, site, account, role = 'host', voiceHz, agent } = opened;
  if (voiceHz !== undefined) await page.addInitScript(speakWith, voiceHz);
  // Nobody is there to answer a dialog: files are downloaded, as by browsers without it.
  await page.addInitScript(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
  const [token, pairingCode] = await Promise.all([
    server.token(account, '*', role),
    // By a process of the agent's, which starts while the page loads.
    agent?.pairingCode(),
    page.goto(site.url),
  ]);
  const door = agent && { port: agent.port, pairingCode };
  // As text: an import in a function would be rewritten on its way here.
  await page.evaluate(`import('${server.url}/sdk/netcall.js').then((loaded) => void Object.assign(window, loaded))`);
  await page.evaluate(
    ({ url, account, token, door, eventNames }) => {
      const netcall = (window as unknown as NetcallWindow).Netcall.getInstance({
        nim: { account, token },
        serverUrl: url,
        container: document.querySelector<HTMLElement>('#container')!,
        remoteContainer: document.querySelector<HTMLElement>('#remote')!,
        ...(door !== undefined && { agentPorts: [door.port], getPairingCode: () => door.pairingCode }),
      });
      const heard: { name: string; data: object }[] = [];
      for (const name of eventNames) {
        netcall.on(name, (data?: object) => {
          // What cannot be told across to the test is left out.
          const { track: _, ...told } = { track: undefined, ...data };
          heard.push({ name, data: told });
        });
      }
      const codeOf = (call: Promise<unknown>) =>
        call.then(
          () => undefined,
          (error: sdk.NetcallError) => error.code,
        );
      Object.assign(window, { netcall, heard, codeOf });
    },
    { url: server.url, account, token, door, eventNames },
  );
  return page;
}

/** Runs in the page: the microphone gives a tone. */
function speakWith(voiceHz: number): void {
  const { mediaDevices } = navigator;
  const former = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    if (!constraints?.audio || constraints.video) return former(constraints);
    const sound = new AudioContext();
    const out = sound.createMediaStreamDestination();
    const voice = new OscillatorNode(sound, { frequency: voiceHz });
    voice.connect(new GainNode(sound, { gain: 0.2 })).connect(out);
    voice.start();
    return out.stream;
  };
}

/** Joins as pages of the vendor's do: with microphone and loudspeaker, a camera where asked for, and everybody's picture. */
export async function takePart(page: Page, channelName: string, camera: boolean): Promise<void> {
  await page.evaluate(
    async ({ channelName, camera }) => {
      const { Netcall, netcall } = window as unknown as NetcallWindow;
      netcall.on('remoteTrack', ({ account, type }) => {
        if (type === 'video') netcall.startRemoteStream({ account });
      });
      const type = camera ? Netcall.NETCALL_TYPE_VIDEO : Netcall.NETCALL_TYPE_AUDIO;
      await netcall.joinChannel({ channelName, type });
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN });
      if (camera) {
        await netcall.startDevice({ type: Netcall.DEVICE_TYPE_VIDEO });
        netcall.startLocalStream();
      }
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_OUT_CHAT });
    },
    { channelName, camera },
  );
}

/** How much of a file's time each tone is heard in, 0 to 1, by its pitch. */
export async function voicesIn(path: string, pitches: readonly number[]): Promise<Record<number, number>> {
  const rate = 16_000;
  const child = spawn('ffmpeg', ['-v', 'error', '-i', path, '-f', 'f32le', '-ac', '1', '-ar', String(rate), '-']);
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  const samples = new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
  const window = rate / 10;
  const windows = Math.floor(samples.length / window);
  const heard: Record<number, number> = {};
  for (const pitch of pitches) {
    let loud = 0;
    for (let n = 0; n < windows; n += 1) {
      if (toneLevel(samples.subarray(n * window, (n + 1) * window), pitch / rate) > 0.02) loud += 1;
    }
    heard[pitch] = loud / windows;
  }
  return heard;
}

/** Amplitude of one tone in a piece of sound. @param frequency - in cycles per sample */
function toneLevel(samples: Float32Array, frequency: number): number {
  let inPhase = 0;
  let quadrature = 0;
  for (let n = 0; n < samples.length; n += 1) {
    const angle = 2 * Math.PI * frequency * n;
    inPhase += samples[n]! * Math.cos(angle);
    quadrature += samples[n]! * Math.sin(angle);
  }
  return (2 * Math.hypot(inPhase, quadrature)) / samples.length;
}
