import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  counterBreaks,
  installAgent,
  type RunningAgent,
  type RunningServer,
  readRecording,
  startAgent,
  startServer,
} from '@aircheck/testkit';
import type { Room } from '@aircheck/web';
import type { AgentClient } from '@aircheck/web/agent';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { browserForFile } from './browser-support.ts';
import { voicesIn } from './netcall-support.ts';
import { publish, temporaryFolder } from './support.ts';

/** What the tests put on a page's window. */
interface AgentWindow {
  readonly room: Room;
  readonly agent: AgentClient;
  /** Names of the agent's notices, in order, with their numbers. */
  readonly heard: { readonly name: string; readonly status: number | undefined }[];
}

const browser = browserForFile();
let server: RunningServer;
let agent: RunningAgent;
/** Where the agent is installed: from the server alone, as on the computer of a participant. */
const installed = temporaryFolder();
let program: string;
/** An application's own site: not the server that records. */
let site: Server;

beforeAll(async () => {
  site = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
  site.listen(0, '127.0.0.1');
  [server] = await Promise.all([startServer(), once(site, 'listening')]);
  program = await installAgent(server, installed);
  agent = await startAgent({ program });
});
afterAll(async () => {
  site.close();
  await Promise.all([server.stop(), agent.stop()]);
  rmSync(installed, { recursive: true, force: true });
});

/** Opens the application and joins with a tone for a voice, soft enough not to hide the host's beeps. */
async function openRoom(page: Page, userId: string, voiceHz: number): Promise<void> {
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
  const token = await server.token(userId, 'call');
  // As text: an import in a function would be rewritten on its way here.
  await page.evaluate(`(async () => {
    const { Room } = await import('${server.url}/sdk/web.js');
    window.room = await Room.connect('${server.url}', '${token}');
    const sound = new AudioContext();
    const out = sound.createMediaStreamDestination();
    const voice = new OscillatorNode(sound, { frequency: ${voiceHz} });
    voice.connect(new GainNode(sound, { gain: 0.05 })).connect(out);
    voice.start();
    await room.publish(out.stream.getAudioTracks()[0], 'microphone');
  })()`);
}

/** Looks for the agent, as a page does that was just loaded. Answers whether it may record. */
function connectAgent(page: Page, port = agent.port): Promise<boolean> {
  return page.evaluate(`(async () => {
    const { AgentClient } = await import('${server.url}/sdk/agent.js');
    window.agent = await AgentClient.connect({ ports: [${port}] });
    window.heard = [];
    for (const name of ['mp4_start', 'mp4_close', 'audio_record_start', 'audio_record_close', 'heartBeatError', 'state']) {
      agent.on(name, ({ status }) => heard.push({ name, status }));
    }
    return agent.paired;
  })()`);
}

const codeOf = (page: Page, start: (agent: AgentClient, room: Room) => Promise<unknown>) =>
  page.evaluate(`(${start.toString()})(agent, room).then(() => undefined, (error) => error.code)`) as Promise<
    string | undefined
  >;

describe('the PC agent', () => {
  it('lets a page in by its code, and records one account and everybody together to this computer', async () => {
    const [ann, ben] = await Promise.all([browser.openPage(), browser.openPage()]);
    await Promise.all([openRoom(ann, 'ann', 440), openRoom(ben, 'ben', 660)]);
    await publish(server, 'call', 'host');

    expect(await connectAgent(ann)).toBe(false);
    const start = (agent: AgentClient, room: Room) =>
      agent.startRecordMp4({ room, account: 'host', path: 'E:/test.mp4' });
    expect(await codeOf(ann, start)).toBe('agent-not-paired');
    expect(await codeOf(ann, (agent) => agent.pair('0000-0000'))).toBe('pairing-failed');
    await ann.evaluate((code) => (window as unknown as AgentWindow).agent.pair(code), await agent.pairingCode());

    const files = await ann.evaluate(async () => {
      const { agent, room } = window as unknown as AgentWindow;
      // As the vendor's page writes it; here without drives it goes into the allowed folder.
      const mp4 = await agent.startRecordMp4({ room, account: 'host', path: 'E:/test.mp4' });
      const aac = await agent.startRecordAac({ room, path: 'mix' });
      return { mp4: mp4.mp4_file, aac: aac.file };
    });
    expect(files).toEqual({ mp4: join(agent.folder, 'test.mp4'), aac: join(agent.folder, 'mix.m4a') });
    expect(await codeOf(ann, start)).toBe('recording-exists');
    expect(await codeOf(ann, (agent, room) => agent.startRecordMp4({ room, path: 'test.mp4' }))).toBe('file-exists');
    expect(await codeOf(ann, (agent, room) => agent.startRecordMp4({ room, path: '../x.mp4' }))).toBe('path-forbidden');
    expect(await codeOf(ann, (agent, room) => agent.startRecordMp4({ room, account: 'nobody', path: 'n' }))).toBe(
      'participant-not-found',
    );

    // A page that is loaded anew finds its agent open, and what it records running.
    await openRoom(ann, 'ann', 440);
    expect(await connectAgent(ann)).toBe(true);
    const kinds = () =>
      (window as unknown as AgentWindow).agent.recordings.map(({ kind, account }) => `${kind} ${account}`);
    expect(await ann.evaluate(kinds)).toEqual(['mp4 host', 'aac ']);
    await ann.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const { agent } = window as unknown as AgentWindow;
          agent.on('progress', ({ durationMs }) => durationMs > 3500 && resolve());
        }),
    );
    const closed = await ann.evaluate(async () => {
      const { agent, room } = window as unknown as AgentWindow;
      return [await agent.stopRecordMp4({ room, account: 'host' }), await agent.stopRecordAac({ room })];
    });
    expect(closed).toMatchObject([
      { type: 'mp4_close', status: 0 },
      { type: 'audio_record_close', status: 0 },
    ]);
    expect(await codeOf(ann, (agent, room) => agent.stopRecordAac({ room }))).toBe('recording-not-found');
    expect(await ann.evaluate(() => (window as unknown as AgentWindow).heard)).toEqual([
      { name: 'mp4_close', status: 0 },
      { name: 'audio_record_close', status: 0 },
    ]);

    const picture = await readRecording(files.mp4);
    expect(picture.errors).toEqual([]);
    expect(picture.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
    expect(counterBreaks(picture)).toEqual([]);

    const mix = await readRecording(files.aac);
    expect(mix.errors).toEqual([]);
    expect(mix.streams).toMatchObject([{ codec: 'aac', channels: 2, sampleRate: 48_000 }]);
    expect(mix.durationMs).toBeGreaterThan(3000);
    // The host is in it, and so is everybody else. When each is heard to the millisecond, the agent's own tests tell.
    expect(mix.beepsMs.length).toBeGreaterThanOrEqual(2);
    const heard = await voicesIn(files.aac, [440, 660]);
    expect(heard[660]).toBeGreaterThan(0.8);
    // Ann was away while her page was loaded anew.
    expect(heard[440]).toBeGreaterThan(0.3);
  });

  it('starts with the session by what was installed, not by the link that npm makes', async () => {
    const env = { ...process.env, HOME: installed, XDG_CONFIG_HOME: '' };
    const link = join(installed, 'node_modules/.bin/aircheck-agent');
    await promisify(execFile)(process.execPath, [link, 'autostart', 'on'], { env });
    const entry = readFileSync(join(installed, '.config/autostart/aircheck-agent.desktop'), 'utf8');
    expect(entry).toContain(`Exec="${process.execPath}" "${realpathSync(program)}" "run"`);
  });

  it('leaves whole files when it is killed', async () => {
    const victim = await startAgent({ program });
    onTestFinished(() => victim.kill());
    const page = await browser.openPage();
    await openRoom(page, 'eve', 440);
    await publish(server, 'call', 'speaker');
    await connectAgent(page, victim.port);
    await page.evaluate((code) => (window as unknown as AgentWindow).agent.pair(code), await victim.pairingCode());
    const [account, everybody] = [join(victim.folder, 'speaker.mp4'), join(victim.folder, 'mix.m4a')];
    await page.evaluate(async (everybody) => {
      const { agent, room } = window as unknown as AgentWindow;
      const begun = [
        await agent.startRecordMp4({ room, account: 'speaker', path: 'speaker' }),
        await agent.startRecordAac({ room, path: everybody }),
      ];
      // Told once a second: what was there at one time is surely in the file at the next but one.
      const tellings = new Map(begun.map(({ id }) => [id, 0]));
      await new Promise<void>((resolve) =>
        agent.on('progress', ({ id, durationMs }) => {
          if (durationMs > 1200) tellings.set(id, tellings.get(id)! + 1);
          if ([...tellings.values()].every((count) => count >= 3)) resolve();
        }),
      );
    }, everybody);
    await victim.kill();
    expect(await page.evaluate(() => (window as unknown as AgentWindow).agent.state)).not.toBe('closed');

    const next = await startAgent({ home: victim.home, folder: victim.folder, program });
    await next.stop();
    for (const path of [account, everybody]) {
      expect(next.lines.join('\n')).toContain(path);
      const content = await readRecording(path);
      expect(content.errors).toEqual([]);
      expect(content.durationMs).toBeGreaterThan(1000);
      // Plays everywhere: its index is one, and not that of a file that grows.
      expect(readFileSync(path).subarray(-2_000_000).includes('stco')).toBe(true);
    }
  });
});
