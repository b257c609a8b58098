import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Recorder } from '@aircheck/engine/recorder';
import { createTransportEngine, type TransportEngine } from '@aircheck/engine/transport';
import type { Logger } from 'pino';
import { randomIdentifiers, Sfu } from '../sfu/index.ts';
import type {
  WorkerEventName,
  WorkerEvents,
  WorkerOptions,
  WorkerRequestName,
  WorkerRequests,
  WorkerStats,
} from './contract.ts';

/** Each has a receive buffer of its own in the kernel: a burst to one does not crowd out the others. */
const UDP_SOCKETS = 4;
/** Each measurement wakes the process. */
const DELAY_RESOLUTION_MS = 200;

type Emit = <N extends WorkerEventName>(name: N, body: WorkerEvents[N]) => void;
type Handlers = {
  readonly [N in WorkerRequestName]: (
    body: WorkerRequests[N]['in'],
  ) => WorkerRequests[N]['out'] | Promise<WorkerRequests[N]['out']>;
};

/** What runs inside of a media worker, and how it answers the control process. */
export class MediaServices {
  readonly recorder: Recorder;
  readonly #engine: TransportEngine;
  readonly #sfu: Sfu;
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  private constructor(options: WorkerOptions, engine: TransportEngine, emit: Emit, logger: Logger) {
    this.#engine = engine;
    this.recorder = new Recorder({
      recordingsFolder: options.recordingsFolder,
      syncMs: options.syncMs,
      emit,
      logger,
    });
    this.#sfu = new Sfu({ engine, identifiers: randomIdentifiers, now: () => performance.now(), emit, logger });
    this.#delay.enable();
  }

  /** Opens the sockets and the recordings' folder. */
  static async open(options: WorkerOptions, emit: Emit, logger: Logger): Promise<MediaServices> {
    const engine = await createTransportEngine({
      host: options.host,
      portRange: options.portRange,
      sockets: UDP_SOCKETS,
      ...(options.publicIp !== undefined && { publicIp: options.publicIp }),
    });
    return new MediaServices(options, engine, emit, logger);
  }

  /** @throws AircheckError as the request's own */
  handle<N extends WorkerRequestName>(
    name: N,
    body: WorkerRequests[N]['in'],
  ): WorkerRequests[N]['out'] | Promise<WorkerRequests[N]['out']> {
    return this.#handlers[name](body);
  }

  readonly #handlers: Handlers = {
    publish: (body) => this.#sfu.publish(body),
    mute: (body) => {
      this.#sfu.mute(body);
      return {};
    },
    subscribe: (body) => this.#sfu.subscribe(body),
    subscribeAnswer: (body) => {
      this.#sfu.subscribeAnswer(body);
      return {};
    },
    view: (body) => this.#sfu.view(body),
    restartIce: (body) => {
      const { iceUfrag, icePwd, candidates } = this.#sfu.restartIce(body);
      return { iceUfrag, icePwd, candidates };
    },
    closePeer: ({ peerId }) => {
      this.#sfu.closePeer(peerId);
      return {};
    },
    leave: async ({ roomKey, userId }) => {
      this.#sfu.leave(roomKey, userId);
      await this.recorder.endOf({ ...splitRoomKey(roomKey), userId }, 'left');
      return {};
    },
    closeRoom: async ({ roomKey }) => {
      this.#sfu.closeRoom(roomKey);
      await this.recorder.endOf(splitRoomKey(roomKey), 'room-closed');
      return {};
    },
    startRecording: ({ roomKey, ...options }) => {
      this.recorder.start(options, this.#sfu.participantMedia(roomKey, options.userId));
      return {};
    },
    stopRecording: async ({ recordingId, reason }) => ({ segments: await this.recorder.stop(recordingId, reason) }),
    pauseRecording: ({ recordingId }) => {
      this.recorder.pause(recordingId);
      return {};
    },
    resumeRecording: ({ recordingId }) => {
      this.recorder.resume(recordingId);
      return {};
    },
    stats: () => this.#stats(),
    drain: async () => {
      await this.recorder.drain();
      this.#sfu.close();
      return {};
    },
  };

  #stats(): WorkerStats {
    const { packetsIn, packetsOut } = this.#engine.stats();
    // The histogram holds the whole time between two of its own timers.
    const eventLoopDelayMs = Math.max(0, this.#delay.max / 1e6 - DELAY_RESOLUTION_MS);
    this.#delay.reset();
    return {
      peers: this.#sfu.peerCount,
      recordings: this.recorder.liveCount,
      packetsIn,
      packetsOut,
      eventLoopDelayMs,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

/** `appId/roomId`; neither has a slash. */
function splitRoomKey(roomKey: string): { readonly appId: string; readonly roomId: string } {
  const slash = roomKey.indexOf('/');
  return { appId: roomKey.slice(0, slash), roomId: roomKey.slice(slash + 1) };
}
