import { mkdtempSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Recording, StartRecordingRequest } from '@aircheck/protocol';
import {
  type PublishOptions,
  type RecordingContent,
  type RunningServer,
  readRecording,
  type StartServerOptions,
  startServer,
  startWhipPublisher,
} from '@aircheck/testkit';
import { expect, onTestFinished } from 'vitest';

/** A server for one test, ended with it. */
export async function serverForTest(options: StartServerOptions = {}): Promise<RunningServer> {
  const server = await startServer(options);
  onTestFinished(async () => {
    await server.stop();
  });
  return server;
}

/** A new folder in the temporary folder. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'aircheck-e2e-'));
}

/**
 * A synthetic host in a room, by WHIP; ended with the test. It encodes while it sends: asked for a key frame, it goes on
 * with the next picture, while a clip would jump.
 */
export async function publish(
  server: RunningServer,
  roomId: string,
  userId: string,
  options: Partial<PublishOptions> = {},
) {
  const token = await server.token(userId, roomId);
  const publisher = await startWhipPublisher({
    url: `${server.url}/whip/${roomId}`,
    token,
    media: { kind: 'live' },
    ...options,
  });
  onTestFinished(() => publisher.kill());
  return publisher;
}

/** Starts a recording and waits until its first frame is on disk. */
export async function record(
  server: RunningServer,
  roomId: string,
  request: StartRecordingRequest,
): Promise<Recording> {
  const { recordingId } = await server.api.startRecording(roomId, request);
  return untilRecording(server, recordingId, (recording) => recording.state === 'recording');
}

/** Waits until a recording is as wanted. */
export async function untilRecording(
  server: RunningServer,
  recordingId: string,
  wanted: (recording: Recording) => boolean,
  timeoutMs = 20_000,
): Promise<Recording> {
  let recording = await server.api.getRecording(recordingId);
  await expect
    .poll(
      async () => {
        recording = await server.api.getRecording(recordingId);
        return wanted(recording) || recording.state;
      },
      { timeout: timeoutMs, interval: 50 },
    )
    .toBe(true);
  return recording;
}

/** Waits until the publisher has sent so many more seconds of pictures. */
export async function sentFor(
  publisher: { sent(): Promise<{ readonly frames: number }> },
  seconds: number,
  framesPerSecond = 30,
): Promise<void> {
  const { frames } = await publisher.sent();
  await expect
    .poll(async () => (await publisher.sent()).frames, { timeout: seconds * 1000 + 20_000, interval: 100 })
    .toBeGreaterThanOrEqual(frames + seconds * framesPerSecond);
}

/** Decodes the file behind a play link. */
export async function contentOf(server: RunningServer, fileId: string): Promise<RecordingContent> {
  const { mp4 } = await server.api.playUrls(fileId);
  return readRecording(mp4);
}

/** A webhook as it came. */
export interface Told {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A back end on the loopback that takes webhooks; ended with the test. */
export async function backEnd(): Promise<{ readonly url: string; readonly told: readonly Told[] }> {
  const told: Told[] = [];
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    told.push({ headers: request.headers, body });
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, told };
}
