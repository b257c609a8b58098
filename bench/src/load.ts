import {
  PeerProcess,
  type PublishOptions,
  type RunningServer,
  type SentMedia,
  type WhipPublisher,
} from '@aircheck/testkit';

/** The load of docs/benchmarks.md: 720p30 H.264 at 1.5 Mbit/s and Opus at 64 kbit/s, some 225 packets a second. */
export const LOAD_MEDIA = {
  kind: 'clip',
  seconds: 90,
  width: 1280,
  height: 720,
  framesPerSecond: 30,
  videoBitrateBps: 1_500_000,
  audioBitrateBps: 64_000,
} as const;

const ROOM = 'bench';

export interface Hosts {
  readonly publishers: readonly WhipPublisher[];
  /** All begin to send. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects publishers, all from one process, that send nothing yet. Their timers are spread over a second, so that
 * pictures do not leave all at once.
 * @param endpoint - URL and token of each
 */
export async function connectHosts(
  count: number,
  endpoint: (index: number) => Promise<Pick<PublishOptions, 'url' | 'token'>>,
  options: Partial<PublishOptions> = {},
): Promise<Hosts> {
  const peers = new PeerProcess();
  const publishers: WhipPublisher[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      publishers.push(
        await peers.publish({
          ...(await endpoint(index)),
          media: LOAD_MEDIA,
          held: true,
          delayMs: Math.round((index * 1000) / count),
          ...options,
        }),
      );
    }
  } catch (error) {
    await peers.close();
    throw error;
  }
  return {
    publishers,
    begin: async () => void (await Promise.all(publishers.map((publisher) => publisher.resume()))),
    close: () => peers.close(),
  };
}

export function hostName(index: number): string {
  return `host-${index}`;
}

/** The WHIP endpoint of a host in the load's room. */
export async function whipEndpoint(server: RunningServer, index: number): Promise<{ url: string; token: string }> {
  return { url: `${server.url}/whip/${ROOM}`, token: await server.token(hostName(index), ROOM) };
}

type RecordingOptions = Parameters<RunningServer['api']['startRecording']>[1];

export async function startRecording(
  server: RunningServer,
  index: number,
  options: Partial<RecordingOptions> = {},
): Promise<string> {
  const request = { userId: hostName(index), fileName: hostName(index), ...options };
  return (await server.api.startRecording(ROOM, request)).recordingId;
}

/** Starts a recording of each host before it sends, so that a file must hold all that was sent. */
export async function startRecordings(
  server: RunningServer,
  count: number,
  options: Partial<RecordingOptions> = {},
): Promise<string[]> {
  const recordings: string[] = [];
  for (let index = 0; index < count; index += 1) recordings.push(await startRecording(server, index, options));
  return recordings;
}

/** Where spectators see a host. */
export async function whepEndpoint(server: RunningServer, index: number): Promise<{ url: string; token: string }> {
  const token = await server.token(`viewer-of-${index}`, ROOM, 'audience');
  return { url: `${server.url}/whep/${ROOM}/${hostName(index)}`, token };
}

/** Packets on their way when the publishers stop. */
const SETTLE_MS = 300;

/** All hosts stop sending. Answers what was sent, once it has arrived. */
export async function pauseHosts({ publishers }: Hosts): Promise<SentMedia[]> {
  await Promise.all(publishers.map((publisher) => publisher.pause()));
  await delay(SETTLE_MS);
  return Promise.all(publishers.map((publisher) => publisher.sent()));
}

export function delay(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
