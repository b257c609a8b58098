import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ParticipantMedia, ReceivedTrack, TrackListener } from '@aircheck/engine/receiving';
import type { EncodedClip } from '@aircheck/testkit';
import { pino } from 'pino';
import { RecordingSession } from '../../packages/engine/src/recorder/recording-session.ts';

const TICK_MS = 100;
const SOUND_MS = 20;
const RECORDING_ID = 'simulated';
const FIRST_FILE_ID = 100_000_000_000_000_001n;

class SimulatedTrack implements ReceivedTrack {
  readonly trackId: string;
  readonly source: ReceivedTrack['source'];
  readonly kind: ReceivedTrack['kind'];
  readonly codec: ReceivedTrack['codec'];
  readonly clockRate: number;
  readonly channels = 2;
  readonly muted = false;
  readonly stats = { lostPackets: 0, recoveredPackets: 0 };
  listener: TrackListener | undefined;

  constructor(kind: 'audio' | 'video') {
    this.trackId = kind;
    this.kind = kind;
    this.source = kind === 'audio' ? 'microphone' : 'camera';
    this.codec = kind === 'audio' ? 'opus' : 'h264';
    this.clockRate = kind === 'audio' ? 48_000 : 90_000;
  }

  requestKeyFrame(): void {}

  listen(listener: TrackListener): () => void {
    this.listener = listener;
    return () => {
      this.listener = undefined;
    };
  }
}

/** NAL units as the recorder gets them: each behind its length. */
function lengthPrefixed(nalUnits: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    nalUnits.flatMap((nal) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(nal.length);
      return [length, nal];
    }),
  );
}

/** In real time the disk keeps up by itself; here it is waited for: until nothing is being written. */
async function diskCaughtUp(): Promise<void> {
  do await new Promise((done) => setImmediate(done));
  while (process.getActiveResourcesInfo().includes('FSReqPromise'));
}

/**
 * Feeds the recorder of the media worker as a publisher would, on a clock that runs as fast as the machine can.
 *
 * @param segmentSeconds - after which the recording goes on in a new file
 * @returns the files' paths, the first one's alone, and how long the stop took by the real clock
 */
export async function recordSimulated(
  clip: EncodedClip,
  seconds: number,
  recordingsFolder: string,
  segmentSeconds = 24 * 3600,
): Promise<{ path: string; paths: string[]; stopMs: number }> {
  const audio = new SimulatedTrack('audio');
  const video = new SimulatedTrack('video');
  const media: ParticipantMedia = { tracks: () => [audio, video], onTracksChanged: () => () => {} };
  let nextFileId = FIRST_FILE_ID;
  const wallZero = Date.now();
  let nowMs = 0;
  const session = new RecordingSession(
    {
      recordingId: RECORDING_ID,
      appId: 'default',
      roomId: 'bench',
      userId: 'host',
      source: 'camera',
      media: 'av',
      fileName: 'simulated',
      segmentMs: segmentSeconds * 1000,
      idleMs: 60_000,
    },
    media,
    {
      recordingsFolder,
      syncMs: 2000,
      emit: () => {},
      logger: pino({ level: 'error' }),
      newFileId: () => String(nextFileId++),
      now: () => nowMs,
      wallClock: () => wallZero + nowMs,
    },
  );
  const pictures = clip.pictures.map(({ nalUnits, keyFrame }) => ({ data: lengthPrefixed(nalUnits), keyFrame }));
  const pictureMs = 1000 / clip.options.framesPerSecond;
  const frame = { arrivalMs: 0, lostPacketsBefore: 0, lostFramesBefore: 0 };
  let picture = 0;
  let sound = 0;
  for (; nowMs < seconds * 1000; nowMs += TICK_MS) {
    if (nowMs % 1000 === 0) {
      audio.listener?.onSenderReport(wallZero + nowMs, nowMs * 48, nowMs);
      video.listener?.onSenderReport(wallZero + nowMs, nowMs * 90, nowMs);
    }
    for (; picture * pictureMs < nowMs + TICK_MS; picture += 1) {
      const { data, keyFrame } = pictures[picture % pictures.length]!;
      const rtpTimestamp = Math.round(picture * pictureMs * 90);
      video.listener?.onFrame({ ...frame, data, keyFrame, rtpTimestamp, arrivalMs: picture * pictureMs });
    }
    for (; sound * SOUND_MS < nowMs + TICK_MS; sound += 1) {
      const data = clip.sounds[sound % clip.sounds.length]!;
      const arrivalMs = sound * SOUND_MS;
      audio.listener?.onFrame({ ...frame, data, keyFrame: true, rtpTimestamp: arrivalMs * 48, arrivalMs });
    }
    session.tick(nowMs);
    if (nowMs % 1000 === 0) await diskCaughtUp();
  }
  // What a recording in real time has on the disk by now, but for the last two seconds.
  const folder = join(recordingsFolder, RECORDING_ID);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.mp4')).sort();
  const file = await open(join(folder, names.at(-1)!), 'r+');
  await file.datasync();
  await file.close();
  const stopping = performance.now();
  const segments = await session.end('stopped');
  const stopMs = performance.now() - stopping;
  if (segments.length === 0) throw new Error('the simulated recording has no file');
  const paths = segments.map((segment) => join(recordingsFolder, segment.path));
  return { path: paths[0]!, paths, stopMs };
}
