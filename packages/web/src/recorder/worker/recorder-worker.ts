import { SAMPLE_RATE } from '../sample-rate.ts';
import type { FromWorker, SoundBlock, ToWorker } from '../worker-messages.ts';
import { AppendingSession } from './appending-session.ts';
import { RecordingSession } from './recording-session.ts';
import type { Session } from './session.ts';

/** The part of a dedicated worker's scope that is used here; the page's own types are in force otherwise. */
interface WorkerScope {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  readonly MediaStreamTrackProcessor?: new (options: {
    track: MediaStreamTrack;
  }) => { readonly readable: ReadableStream<VideoFrame> };
}

const scope = self as unknown as WorkerScope;
const now = () => performance.now();

/** The worker of one recording. Feeds may come before the encoders are ready: what they bring until then is left out. */
let running: Session | undefined;
let session: RecordingSession | undefined;
let appending: AppendingSession | undefined;
let pictureFeed: ReadableStreamDefaultReader<VideoFrame> | undefined;
/** Given away by the page, so that it is stopped here. */
let givenTrack: MediaStreamTrack | undefined;
let soundFeed: ReadableStreamDefaultReader<AudioData> | undefined;
let soundPort: MessagePort | undefined;

scope.onmessage = ({ data: message }) => guard(() => take(message));
send({ type: 'ready' });

/** What fails here would be lost otherwise, and the page never hear that nothing is recorded any more. */
function guard(step: () => void): void {
  try {
    step();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  if (running === undefined) throw error;
  running.fail(error);
}

function take(message: ToWorker): void {
  switch (message.type) {
    case 'start':
      running = start(message);
      void running.start();
      break;
    case 'append':
      void appending?.append(new Uint8Array(message.bytes), message.durationMs);
      break;
    case 'video-stream':
      readPictures(message.readable).catch(fail);
      break;
    case 'video-track':
      readTrack(message.track);
      break;
    case 'video-frame':
      if (session?.pictures === undefined) message.frame.close();
      else session.pictures.push(message.frame, now());
      break;
    case 'video-end':
      endPictures();
      break;
    case 'audio-stream':
      readSound(message.readable).catch(fail);
      break;
    case 'audio-port':
      listenToSound(message.port);
      break;
    case 'audio-end':
      endSound();
      break;
    case 'lip-sync':
      session?.soundMeets(message.lipSync, now());
      break;
    case 'pause':
      session?.pause();
      break;
    case 'resume':
      session?.resume();
      break;
    case 'stop':
      void stop(message.reason);
      break;
    case 'fail':
      fail(message.error);
      break;
    case 'read': {
      const bytes = running?.read(message.offset, message.length) ?? new Uint8Array(0);
      send({ type: 'bytes', request: message.request, bytes: bytes.buffer }, [bytes.buffer]);
      break;
    }
  }
}

function start({ plan, builtInMimeType }: Extract<ToWorker, { type: 'start' }>): Session {
  if (builtInMimeType !== undefined) {
    appending = new AppendingSession({ plan, mimeType: builtInMimeType, send });
    return appending;
  }
  session = new RecordingSession({ plan, send, now });
  return session;
}

function send(message: FromWorker, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

async function readPictures(readable: ReadableStream<VideoFrame>): Promise<void> {
  endPictures();
  const reader = readable.getReader();
  pictureFeed = reader;
  session?.pictures?.sourceChanged();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) break;
    const pictures = reader === pictureFeed ? session?.pictures : undefined;
    if (pictures === undefined) frame.close();
    else pictures.push(frame, now());
  }
  if (reader === pictureFeed) endPictures();
}

/**
 * Safari from 18 on, and Firefox since https://bugzil.la/1749532, read tracks in workers only, as the standard has it
 * (https://www.w3.org/TR/mediacapture-transform/#track-processor), where Chromium does on the page only
 * (https://developer.mozilla.org/docs/Web/API/MediaStreamTrackProcessor#browser_compatibility).
 */
function readTrack(track: MediaStreamTrack): void {
  const { MediaStreamTrackProcessor } = scope;
  if (MediaStreamTrackProcessor === undefined) {
    track.stop();
    send({ type: 'refused', kind: 'video' });
    return;
  }
  readPictures(new MediaStreamTrackProcessor({ track }).readable).catch(fail);
  givenTrack = track;
}

function endPictures(): void {
  const feed = pictureFeed;
  pictureFeed = undefined;
  session?.pictures?.sourceEnded();
  givenTrack?.stop();
  givenTrack = undefined;
  feed?.cancel().catch(() => {
    // It has ended by itself.
  });
}

async function readSound(readable: ReadableStream<AudioData>): Promise<void> {
  endSound();
  const reader = readable.getReader();
  soundFeed = reader;
  let planes: Float32Array<ArrayBuffer>[] = [];
  for (;;) {
    const { value: data, done } = await reader.read();
    if (done) break;
    const sound = reader === soundFeed ? session?.sound : undefined;
    if (sound !== undefined && data.sampleRate !== SAMPLE_RATE) {
      endSound();
      send({ type: 'refused', kind: 'audio' });
    } else if (sound !== undefined) {
      const { numberOfFrames, numberOfChannels, timestamp } = data;
      if (planes[0]?.length !== numberOfFrames || planes.length !== numberOfChannels) {
        planes = Array.from({ length: numberOfChannels }, () => new Float32Array(numberOfFrames));
      }
      planes.forEach((plane, planeIndex) => {
        data.copyTo(plane, { planeIndex, format: 'f32-planar' });
      });
      const arrivalMs = now();
      session?.soundArrived(arrivalMs - (numberOfFrames * 1000) / SAMPLE_RATE);
      sound.push(planes, timestamp / 1000, arrivalMs);
    }
    data.close();
  }
}

function listenToSound(port: MessagePort): void {
  endSound();
  soundPort = port;
  port.onmessage = ({ data: { at, sampleRate, channels } }: MessageEvent<SoundBlock>) => {
    const arrivalMs = now();
    const samples = channels[0]?.length ?? 0;
    guard(() => {
      session?.soundArrived(arrivalMs - (samples * 1000) / sampleRate);
      session?.sound?.push(channels, (at * 1000) / sampleRate, arrivalMs);
    });
  };
}

function endSound(): void {
  soundPort?.close();
  soundPort = undefined;
  const feed = soundFeed;
  soundFeed = undefined;
  session?.sound?.sourceChanged();
  feed?.cancel().catch(() => {
    // It has ended by itself.
  });
}

async function stop(reason: Extract<ToWorker, { type: 'stop' }>['reason']): Promise<void> {
  await running?.stop(reason);
  endPictures();
  endSound();
}
