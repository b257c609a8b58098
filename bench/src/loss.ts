import { rmSync } from 'node:fs';
import { type PublishOptions, type SentMedia, startServer, syncEvents, syncSummary } from '@aircheck/testkit';
import { checkFile, filesOf } from './files.ts';
import { connectHosts, delay, pauseHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Benchmark, number } from './table.ts';

const HOSTS = 2;
const SECONDS = 20;
/** The line that the peers in the baselines were measured on. */
const BAD_LINE = { loss: 0.02, lossRun: 2, reorder: 0.01 } as const;

async function recordOver(options: Partial<PublishOptions>): Promise<string[][]> {
  const server = await startServer();
  const hosts = await connectHosts(HOSTS, (index) => whipEndpoint(server, index), options);
  try {
    const recordings = await startRecordings(server, HOSTS);
    await hosts.begin();
    await delay(SECONDS * 1000);
    const sent = await pauseHosts(hosts);
    const rows: string[][] = [];
    for (const [index, recordingId] of recordings.entries()) {
      const { health } = await server.api.stopRecording(recordingId);
      const ofHost = sent[index] as SentMedia;
      const { content, missingPictures, missingSounds } = await checkFile(
        filesOf(server, recordingId)[0] ?? '',
        ofHost,
      );
      const events = syncEvents(content);
      rows.push([
        `${ofHost.frames - missingPictures} of ${ofHost.frames}`,
        `${ofHost.audioPackets - missingSounds} of ${ofHost.audioPackets}`,
        String(content.errors.length),
        `${number(syncSummary(events).worstMs)} (${events.length} events)`,
        `${ofHost.lost} of ${ofHost.packets}, ${ofHost.reordered} reordered`,
        `${ofHost.nacked} → ${ofHost.retransmitted}`,
        `${health.lostPackets} lost, ${health.recoveredPackets} recovered, ${health.lostFrames} frames, ` +
          `${health.gapCount} gaps, ${health.frozenMs.toFixed(0)} ms frozen, ${health.silenceMs.toFixed(0)} ms silence`,
      ]);
    }
    return rows;
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

/** What a bad line costs a recording. */
export const lossBenchmark: Benchmark = {
  name: 'loss',
  about: 'files after 2 % loss in runs of 2 and 1 % reordered, with senders that answer NACKs and that do not',
  async run(progress) {
    const lines = [
      { name: 'answers NACKs by RTX', options: { impairment: BAD_LINE } },
      { name: 'answers NACKs, no RTX', options: { impairment: BAD_LINE, rtx: false } },
      { name: 'answers no NACK', options: { impairment: BAD_LINE, answerNacks: false } },
    ];
    const rows: string[][] = [];
    for (const { name, options } of lines) {
      progress(`loss: ${name}`);
      for (const row of await recordOver(options)) rows.push([name, ...row]);
    }
    return {
      title: `${BAD_LINE.loss * 100} % loss in runs of ${BAD_LINE.lossRun}, ${BAD_LINE.reorder * 100} % reordered`,
      columns: [
        'sender',
        'pictures in the file',
        'sound packets in the file',
        'decoder errors',
        'sound against picture, worst, ms',
        'lost on the line',
        'asked for → sent again',
        'health report',
      ],
      rows,
      notes: [
        `${HOSTS} publishers, ${SECONDS} s each, a row a publisher. The line loses and reorders what is sent again as well.`,
        'Sound packets in the file include silence written where packets stayed lost.',
        'A sender that answers no NACK begins anew with a key frame when it is asked to; the clip jumps to its next one, so that counters in between are not sent.',
      ],
    };
  },
};
