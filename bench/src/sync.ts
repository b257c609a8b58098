import { rmSync } from 'node:fs';
import {
  browserFixtureScript,
  eventsBesideSlips,
  launchChromium,
  type RunningServer,
  readRecording,
  type SoundClock,
  startServer,
  syncEvents,
  syncSummary,
} from '@aircheck/testkit';
import { filesOf } from './files.ts';
import { delay } from './load.ts';
import { type Benchmark, number } from './table.ts';

const ROOM = 'sync';
const USER = 'browser';

interface Publishing {
  soundClock(): Promise<SoundClock>;
  close(): Promise<void>;
}

/** Publishes canvas and WebAudio of one clock from a page, over WHIP with nothing but what browsers have. */
async function publishFromPage(server: RunningServer, token: string): Promise<Publishing> {
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.addInitScript({ content: browserFixtureScript() });
  await page.goto(`${server.url}/healthz`);
  await page.evaluate(
    async ({ url, token }) => {
      const fixture = window as never as {
        aircheckTestStream(): Promise<{ stream: MediaStream; soundClock(): SoundClock }>;
      };
      const { stream, soundClock } = await fixture.aircheckTestStream();
      const peer = new RTCPeerConnection();
      for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      await peer.setLocalDescription();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' };
      const answer = await fetch(url, { method: 'POST', headers, body: peer.localDescription?.sdp ?? '' });
      await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
      Object.assign(window, { peer, soundClock });
    },
    { url: `${server.url}/whip/${ROOM}`, token },
  );
  return {
    soundClock: () => page.evaluate(() => (window as never as { soundClock(): SoundClock }).soundClock()),
    close: () => browser.close(),
  };
}

/** Sound against picture in a file that a real browser's media went into. */
export const syncBenchmark: Benchmark = {
  name: 'sync',
  about: 'flash against beep in the recording of a real browser (sync=120: seconds)',
  async run(progress, arg = '120') {
    const seconds = Number(arg);
    progress(`sync: ${seconds} s of Chromium`);
    const server = await startServer();
    const browser = await publishFromPage(server, await server.token(USER, ROOM));
    try {
      await delay(1000);
      const { recordingId } = await server.api.startRecording(ROOM, { userId: USER, fileName: 'sync' });
      await delay(seconds * 1000);
      const clock = await browser.soundClock();
      await server.api.stopRecording(recordingId);
      const content = await readRecording(filesOf(server, recordingId)[0] ?? '');
      const all = syncEvents(content);
      const events = eventsBesideSlips(all, content, clock);
      const { worstMs, driftMsPerMinute } = syncSummary(events);
      const offsets = events.map(({ offsetMs }) => offsetMs);
      return {
        title: 'Sync',
        columns: ['events', 'left out', 'worst offset, ms', 'offsets, ms', 'drift, ms a minute', 'decoder errors'],
        rows: [
          [
            String(events.length),
            String(all.length - events.length),
            number(worstMs),
            `${number(Math.min(...offsets))}..${number(Math.max(...offsets))}`,
            driftMsPerMinute.toFixed(2),
            String(content.errors.length),
          ],
        ],
        notes: [
          'A page draws a white box and plays a beep at each full second of one clock; both are found again in the decoded file. Positive: the sound comes late.',
          `Left out: events at which the sound clock of the page itself was just being moved (the page's sound stands still where the processor is busy); it was, ${clock.slipsAt.length} times.`,
          'Pictures come 33 ms apart, so that a flash is up to 33 ms late by itself.',
        ],
      };
    } finally {
      await browser.close();
      await server.stop();
      rmSync(server.dataFolder, { recursive: true, force: true });
    }
  },
};
