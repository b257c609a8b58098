import { rmSync } from 'node:fs';
import { PeerProcess, startServer, type WhepViewer } from '@aircheck/testkit';
import { checkFile, filesOf } from './files.ts';
import { connectHosts, delay, pauseHosts, startRecordings, whepEndpoint, whipEndpoint } from './load.ts';
import { measureWindows } from './process-usage.ts';
import { type Benchmark, number, spread } from './table.ts';

const WINDOWS = 3;
const WINDOW_MS = 4000;
const SETTLE_MS = 2000;

async function forward(viewerCount: number): Promise<string[]> {
  const server = await startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
  const hosts = await connectHosts(1, (index) => whipEndpoint(server, index));
  const peers = new PeerProcess();
  try {
    const [recordingId = ''] = await startRecordings(server, 1);
    const viewers: WhepViewer[] = [];
    const endpoint = await whepEndpoint(server, 0);
    for (let index = 0; index < viewerCount; index += 1) viewers.push(await peers.view(endpoint));
    await hosts.begin();
    await delay(SETTLE_MS);
    const counts = async () => {
      const received = await Promise.all(viewers.map((viewer) => viewer.received()));
      return {
        atMs: performance.now(),
        packets: received.reduce((sum, { audioPackets, videoPackets }) => sum + audioPackets + videoPackets, 0),
      };
    };
    const before = await counts();
    const workers = server.workerPids();
    const cpu = await measureWindows(workers, 1, WINDOWS, WINDOW_MS);
    const after = await counts();
    const perSecond = (after.packets - before.packets) / ((after.atMs - before.atMs) / 1000);
    const [sent] = await pauseHosts(hosts);
    const received = await Promise.all(viewers.map((viewer) => viewer.received()));
    const missing = received.reduce((sum, viewer) => sum + viewer.missing, 0);
    await server.api.stopRecording(recordingId);
    const file = await checkFile(filesOf(server, recordingId)[0] ?? '', sent!);
    return [
      String(viewerCount),
      perSecond.toFixed(0),
      spread(cpu.perStreamSecond),
      number((cpu.perStreamSecond.median * 1000) / perSecond),
      String(missing),
      `${file.missingPictures} of ${sent?.frames}`,
      `${file.missingSounds} of ${sent?.audioPackets}`,
      file.valid ? 'yes' : 'no',
    ];
  } finally {
    await peers.close();
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

/** One host forwarded to many viewers by one worker that records it as well. */
export const forwardBenchmark: Benchmark = {
  name: 'forward',
  about: 'one recorded host to N WHEP viewers through one worker (forward=30,60,95)',
  async run(progress, arg = '30,60,95') {
    const rows: string[][] = [];
    for (const viewers of arg.split(',').map(Number)) {
      progress(`forward: ${viewers} viewers`);
      rows.push(await forward(viewers));
    }
    return {
      title: 'Forwarding',
      columns: [
        'viewers',
        'packets/s received by them',
        "worker's CPU ms per second: median (min..max)",
        'µs per packet',
        'packets missing at the viewers',
        'pictures missing in the file',
        'sound packets missing',
        'file decodes',
      ],
      rows,
      notes: [
        'Host and viewers are two processes beside the server on the same machine; none of the viewers decodes. Missing at the viewers: holes in the sequence numbers that nobody filled (they answer with no NACK).',
      ],
    };
  },
};
