import type { AgentNotice, AudioRecordClose, AudioRecordStart, Mp4Close, Mp4Start } from '@aircheck/protocol';
import { agentStatusOf } from '@aircheck/protocol/agent-door';
import type { AgentClient } from '../agent/index.ts';
import { AircheckError, type Room } from '../core/index.ts';
import { NetcallError } from './netcall-error.ts';

/**
 * A file on this PC began. As the agent's notice says it: `mp4_file` (of the mix: `file`), `time` (milliseconds since 1970)
 * and `id`.
 */
export type AgentRecordingStarted = { readonly status: 200 } & (
  | Omit<Mp4Start, 'type'>
  | Omit<AudioRecordStart, 'type'>
);
/** A file on this PC is finished: `time` is its length in milliseconds, `status` says how it ended. */
export type AgentRecordingClosed = Omit<Mp4Close, 'type'> | Omit<AudioRecordClose, 'type'>;
export type AgentProgress = Omit<Extract<AgentNotice, { type: 'progress' }>, 'type'>;
export type AgentRecordingEvent =
  | ({ readonly type: 'start' } & AgentRecordingStarted)
  | ({ readonly type: 'close' } & AgentRecordingClosed);

export interface AgentRecordingsOptions {
  /** Asks the user for the code that the agent shows; `window.prompt` when absent. */
  readonly getPairingCode: (() => string | null | undefined | Promise<string | null | undefined>) | undefined;
  readonly ports: readonly number[] | undefined;
  /** Finds the agent; by WebSocket when absent. */
  readonly connect?: typeof AgentClient.connect;
  readonly on: {
    mp4(event: AgentRecordingEvent): void;
    aac(event: AgentRecordingEvent): void;
    progress(progress: AgentProgress): void;
    /** Nothing was heard of the agent for 35 s. */
    heartBeatError(error: NetcallError): void;
    closed(): void;
  };
}

/** Recordings on this PC, by the agent. */
export class AgentRecordings {
  readonly #options: AgentRecordingsOptions;
  /** What runs: `mp4` with room and account, `aac` with the room. */
  readonly #running = new Set<string>();
  #client: Promise<AgentClient> | undefined;

  constructor(options: AgentRecordingsOptions) {
    this.#options = options;
  }

  /** Connects, and pairs where that has not been done. @throws NetcallError 1 when no agent answers, 401 without pairing */
  async connect(): Promise<void> {
    await this.#connected();
  }

  recordsMp4(room: Room | undefined, account: string): boolean {
    return room !== undefined && this.#running.has(mp4Key(room.roomId, account));
  }

  recordsAac(room: Room | undefined): boolean {
    return room !== undefined && this.#running.has(aacKey(room.roomId));
  }

  startMp4(room: Room, account: string, path: string): Promise<AgentRecordingStarted> {
    return agentErrors(async () => {
      const { type: _, ...started } = await (await this.#connected()).startRecordMp4({ room, account, path });
      this.#running.add(mp4Key(room.roomId, account));
      return { ...started, status: 200 };
    });
  }

  stopMp4(room: Room, account: string): Promise<AgentRecordingClosed> {
    return agentErrors(async () => {
      const client = await this.#connected();
      const { type: _, ...closed } = await this.#ended(
        mp4Key(room.roomId, account),
        client.stopRecordMp4({ room, account }),
      );
      return closed;
    });
  }

  startAac(room: Room, path: string): Promise<AgentRecordingStarted> {
    return agentErrors(async () => {
      const { type: _, ...started } = await (await this.#connected()).startRecordAac({ room, path });
      this.#running.add(aacKey(room.roomId));
      return { ...started, status: 200 };
    });
  }

  stopAac(room: Room): Promise<AgentRecordingClosed> {
    return agentErrors(async () => {
      const client = await this.#connected();
      const { type: _, ...closed } = await this.#ended(aacKey(room.roomId), client.stopRecordAac({ room }));
      return closed;
    });
  }

  /** Ends what is recorded of a room, before it is left; what cannot be ended ends when the agent loses the room. */
  async stopAll(room: Room): Promise<void> {
    const accounts = [room.self, ...room.participants].map(({ userId }) => userId);
    await Promise.allSettled([
      ...accounts.filter((one) => this.recordsMp4(room, one)).map((account) => this.stopMp4(room, account)),
      ...(this.recordsAac(room) ? [this.stopAac(room)] : []),
    ]);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    (await client)?.close();
  }

  /** Whether it ends now or had ended while nothing could be told: it does not run any more. */
  async #ended<Closed>(key: string, stopped: Promise<Closed>): Promise<Closed> {
    try {
      const closed = await stopped;
      this.#running.delete(key);
      return closed;
    } catch (error) {
      if (error instanceof AircheckError && error.code === 'recording-not-found') this.#running.delete(key);
      throw error;
    }
  }

  #connected(): Promise<AgentClient> {
    this.#client ??= agentErrors(() => this.#connect()).catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<AgentClient> {
    const { getPairingCode = promptForCode, ports, connect = connectByWebSocket } = this.#options;
    const client = await connect(ports === undefined ? {} : { ports });
    if (!client.paired) {
      try {
        const code = await getPairingCode();
        if (typeof code !== 'string' || code === '') throw new NetcallError(401, 'The PC agent was not paired');
        await client.pair(code);
      } catch (error) {
        client.close();
        throw error;
      }
    }
    this.#follow(client);
    return client;
  }

  #follow(client: AgentClient): void {
    const { on } = this.#options;
    this.#readRunning(client);
    client.on('mp4_start', (notice) => on.mp4({ ...notice, type: 'start', status: 200 }));
    client.on('mp4_close', (notice) => {
      this.#running.delete(mp4Key(notice.roomId, notice.account));
      on.mp4({ ...notice, type: 'close' });
    });
    client.on('audio_record_start', (notice) => on.aac({ ...notice, type: 'start', status: 200 }));
    client.on('audio_record_close', (notice) => {
      this.#running.delete(aacKey(notice.roomId));
      on.aac({ ...notice, type: 'close' });
    });
    client.on('progress', ({ type: _, ...progress }) => on.progress(progress));
    client.on('heartBeatError', (cause) =>
      on.heartBeatError(new NetcallError(1, cause.message, { cause, type: 'heartBeatError' })),
    );
    client.on('state', (state) => {
      // What ended meanwhile was told to nobody.
      if (state === 'connected') this.#readRunning(client);
      if (state !== 'closed') return;
      this.#client = undefined;
      this.#running.clear();
      on.closed();
    });
  }

  /** What the agent has running for this site: a page that was loaded anew may end what it began. */
  #readRunning({ recordings }: AgentClient): void {
    this.#running.clear();
    for (const { kind, roomId, account } of recordings) {
      this.#running.add(kind === 'mp4' ? mp4Key(roomId, account) : aacKey(roomId));
    }
  }
}

/** Loaded when an agent is needed first. */
const connectByWebSocket: typeof AgentClient.connect = async (options) => {
  const { AgentClient } = await import('../agent/index.ts');
  return AgentClient.connect(options);
};

function mp4Key(roomId: string, account: string): string {
  return `mp4 ${roomId} ${account}`;
}

function aacKey(roomId: string): string {
  return `aac ${roomId}`;
}

function promptForCode(): string | null {
  return globalThis.prompt('PC Agent: 请输入配对码 / enter the pairing code');
}

/** Errors of the agent in the vendor's numbers. */
async function agentErrors<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (cause) {
    if (!(cause instanceof AircheckError)) throw NetcallError.from(cause);
    const status = agentStatusOf(cause.code) ?? codeOf(cause);
    throw status === undefined ? NetcallError.from(cause) : new NetcallError(status, cause.message, { cause });
  }
}

/** What the agent itself has no number for. */
function codeOf({ code }: AircheckError): number | undefined {
  if (code === 'agent-not-paired' || code === 'pairing-failed' || code === 'origin-forbidden') return 401;
  return code === 'agent-not-found' || code === 'agent-lost' ? 1 : undefined;
}
