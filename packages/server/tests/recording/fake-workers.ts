import type { SegmentSnapshot, StartRecordingOptions } from '@aircheck/engine/recorder';
import { AircheckError, type EndReason } from '@aircheck/protocol';
import type { RecordingsOptions } from '../../src/recording/index.ts';
import type { WorkerEventName, WorkerEvents, WorkerRequestName, WorkerRequests } from '../../src/worker/contract.ts';

type Workers = RecordingsOptions['workers'];

/** Stands where the media workers stand: answers as they do and tells what a test makes it tell. */
export class FakeWorkers implements Workers {
  readonly started: StartRecordingOptions[] = [];
  readonly stopped: { readonly recordingId: string; readonly reason: EndReason }[] = [];
  /** What the next request of that name fails with. */
  readonly failures = new Map<WorkerRequestName, AircheckError>();
  /** Segments that a stop answers with. */
  readonly segments = new Map<string, SegmentSnapshot[]>();
  /** Holds stops back until it is resolved. */
  stopGate: Promise<void> = Promise.resolve();
  readonly #listeners = new Map<string, Set<(body: never) => void>>();
  readonly #lostListeners = new Set<(roomKeys: string[]) => void>();

  async request<N extends WorkerRequestName>(
    _roomKey: string,
    name: N,
    body: WorkerRequests[N]['in'],
  ): Promise<WorkerRequests[N]['out']> {
    await new Promise(setImmediate);
    const failure = this.failures.get(name);
    if (failure !== undefined) {
      this.failures.delete(name);
      throw failure;
    }
    if (name === 'startRecording') this.started.push(body as StartRecordingOptions);
    if (name === 'stopRecording') {
      const stop = body as WorkerRequests['stopRecording']['in'];
      this.stopped.push(stop);
      await this.stopGate;
      if (!this.segments.has(stop.recordingId)) {
        throw new AircheckError('recording-not-found', `${stop.recordingId} does not run here`);
      }
      return { segments: this.segments.get(stop.recordingId)! } as WorkerRequests[N]['out'];
    }
    return {} as WorkerRequests[N]['out'];
  }

  on<N extends WorkerEventName>(event: N, listener: (body: WorkerEvents[N]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  onWorkerLost(listener: (roomKeys: string[]) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  emit<N extends WorkerEventName>(event: N, body: WorkerEvents[N]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(body as never);
  }

  lose(...roomKeys: string[]): void {
    for (const listener of this.#lostListeners) listener(roomKeys);
  }
}

let fileNumber = 0;

/** A segment as a recorder tells of it; ids grow. */
export function segmentOf(recordingId: string, changes: Partial<SegmentSnapshot> = {}): SegmentSnapshot {
  fileNumber += 1;
  const fileId = `1795258529${String(fileNumber).padStart(9, '0')}`;
  const segmentIndex = changes.segmentIndex ?? 0;
  return {
    recordingId,
    fileId,
    segmentIndex,
    path: `${recordingId}/${segmentIndex}-${fileId}.mp4`,
    mimeType: 'video/mp4',
    startedAt: 1_795_258_530_000 + fileNumber,
    durationMs: 10_000.5,
    sizeBytes: 1_500_000,
    video: { codec: 'h264', width: 1280, height: 720, frames: 300, fps: 30, bitrateBps: 1_200_000 },
    audio: { codec: 'opus', sampleRate: 48_000, channels: 2, packets: 500, bitrateBps: 64_000 },
    health: {
      gaps: [],
      gapCount: 0,
      lostPackets: 0,
      recoveredPackets: 0,
      lostFrames: 0,
      frozenMs: 0,
      silenceMs: 0,
      clockDriftPpm: {},
      resolutionChanges: [],
    },
    ...changes,
  };
}
