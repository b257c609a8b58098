import { EventEmitter } from 'node:events';
import type { ParticipantMedia, ReceivedTrack } from '@aircheck/engine/receiving';
import {
  AircheckError,
  type EndReason,
  JoinResult,
  type Participant,
  ServerNotification,
  type Track,
  type TrackSource,
} from '@aircheck/protocol';
import { SignalingConnection } from '@aircheck/web/signaling';
import type { AgentMedia } from './agent-media.ts';
import { AgentRecording, type RecordMp4Options } from './agent-recording.ts';
import { GuardedSocket } from './guarded-socket.ts';
import { RoomTracks } from './room-tracks.ts';
import { ViewerConnection } from './viewer-connection.ts';

const TICK_MS = 25;
/** Recordings are looked after that much less often. */
const RECORDING_TICKS = 4;
/** After a restart of the server: how long its participants, and whom we watch for, may take to come back. */
const RETURN_MS = 60_000;
const REJOIN_MS = 1_000;
/** What a join is answered with when the server has begun anew and those that we watch are not back yet. */
const NOT_BACK = new Set(['participant-not-found', 'room-not-found']);

/** Where to join, and as whom: the token is one of a hidden viewer. */
export interface JoinOptions {
  readonly serverUrl: string;
  readonly token: string;
  readonly roomId: string;
}

export interface RoomViewerEvents {
  /** Somebody came, left, or publishes something else. */
  participants: [];
  /** The connection to the server broke and is being made again, or is there again. */
  state: [state: 'connected' | 'reconnecting'];
  /** Over for good; all recordings have been told to end. */
  closed: [reason: EndReason, error: AircheckError | undefined];
}

/** A room, joined as a viewer whom nobody sees: receives what is wanted of it, and records. */
export class RoomViewer extends EventEmitter<RoomViewerEvents> {
  readonly roomId: string;
  readonly #options: JoinOptions;
  readonly #media: AgentMedia;
  readonly #connection: ViewerConnection;
  readonly #tracks = new RoomTracks(() => performance.now());
  readonly #participants = new Map<string, Participant>();
  readonly #recordings = new Set<AgentRecording>();
  /** Recordings that are being started: the file is made while others may ask for the same. */
  readonly #starting = new Set<string>();
  readonly #wants = new Set<(userId: string, track: Track) => boolean>();
  /** Tracks that the server has been asked for. */
  #subscribed = new Set<string>();
  /** What is joined with: the newest that was handed over. */
  #token: string;
  #signaling: SignalingConnection;
  #state: 'joining' | 'connected' | 'reconnecting' | 'closed' = 'joining';
  #lostAtMs = 0;
  #returnTimer: NodeJS.Timeout | undefined;
  #rejoinTimer: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #ticks = 0;

  /**
   * Joins a room.
   * @throws AircheckError the server's refusal, e.g. `unauthenticated` or `token-expired`, or `timeout` when it cannot be
   *   reached
   */
  static async join(options: JoinOptions, media: AgentMedia): Promise<RoomViewer> {
    const viewer = new RoomViewer(options, media);
    await viewer.#signaling.connect();
    if (viewer.#state === 'closed') throw notOfThisProtocol();
    return viewer;
  }

  private constructor(options: JoinOptions, media: AgentMedia) {
    super();
    this.roomId = options.roomId;
    this.#options = options;
    this.#media = media;
    this.#token = options.token;
    const logger = media.logger.child({ roomId: options.roomId });
    this.#connection = new ViewerConnection({
      engine: media.engine,
      logger,
      askForOffer: (reset) => {
        // Where the signaling connection is broken, all is looked at again when it is back.
        this.#signaling.request('restart-subscriber', { reset }).catch(() => {});
      },
    });
    this.#signaling = this.#connect();
  }

  get state(): 'connected' | 'reconnecting' | 'closed' {
    return this.#state === 'joining' ? 'reconnecting' : this.#state;
  }

  /** Those that can be seen; this viewer is not among them. */
  get participants(): readonly Participant[] {
    return [...this.#participants.values()];
  }

  participant(userId: string): Participant | undefined {
    return this.#participants.get(userId);
  }

  /** What a participant publishes, as far as it is received (see {@link receive}); until the participant leaves. */
  mediaOf(userId: string): ParticipantMedia {
    return this.#tracks.mediaOf(userId);
  }

  trackOf(userId: string, source: TrackSource): ReceivedTrack | undefined {
    return this.mediaOf(userId)
      .tracks()
      .find((track) => track.source === source);
  }

  /**
   * Has the server send the tracks that `wanted` says yes to, until the returned function is called. Nothing is received
   * that nobody wants.
   */
  receive(wanted: (userId: string, track: Track) => boolean): () => void {
    this.#wants.add(wanted);
    this.#subscribe();
    return () => {
      this.#wants.delete(wanted);
      this.#subscribe();
    };
  }

  /**
   * Records a participant into one MP4 file. A change of size goes on in it; another codec ends it.
   * @throws AircheckError `session-not-found` after the end of the call, `participant-not-found`, `recording-exists`,
   *   `codec-unsupported` for a picture that MP4 does not hold, `file-exists`, `path-forbidden`, `storage-full`,
   *   `storage-failed`
   */
  async recordMp4(options: RecordMp4Options): Promise<AgentRecording> {
    const { userId, source = 'camera', media = 'av' } = options;
    const participant = this.#participants.get(userId);
    if (this.#state === 'closed') throw new AircheckError('session-not-found', 'The call is over');
    if (participant === undefined) {
      throw new AircheckError('participant-not-found', `${userId} is not in room ${this.roomId}`, { input: 'userId' });
    }
    const key = `${source} ${userId}`;
    if (
      this.#starting.has(key) ||
      [...this.#recordings].some((one) => one.userId === userId && one.source === source)
    ) {
      throw new AircheckError('recording-exists', `${userId} is being recorded already`, { input: 'userId' });
    }
    const picture = media === 'av' ? participant.tracks.find((track) => track.source === source) : undefined;
    if (picture?.codec === 'vp8') {
      throw new AircheckError('codec-unsupported', `${userId} sends VP8, which MP4 does not hold`, {
        hint: 'Publish H.264, VP9 or AV1; or record on the server, which keeps VP8 in WebM.',
      });
    }
    const sources: readonly TrackSource[] =
      source === 'screen' || media === 'audio'
        ? ['microphone', 'screen-audio', ...(media === 'av' ? [source] : [])]
        : ['microphone', source];
    this.#starting.add(key);
    try {
      const recording = await AgentRecording.start(
        { ...options, roomId: this.roomId },
        this.mediaOf(userId),
        this.#media,
      );
      const release = this.receive((wantedId, track) => wantedId === userId && sources.includes(track.source));
      this.#recordings.add(recording);
      void recording.ended.then(() => {
        this.#recordings.delete(recording);
        release();
      });
      if (!this.#isOpen(userId)) await recording.stop('left');
      return recording;
    } finally {
      this.#starting.delete(key);
    }
  }

  /** While the file was made the call may have ended. */
  #isOpen(userId: string): boolean {
    return this.#state !== 'closed' && this.#participants.has(userId);
  }

  /** Ends all recordings and leaves. Resolves when their files are finished; may be called twice. */
  async leave(): Promise<void> {
    await this.#endRecordings('stopped');
    await this.#signaling.leave();
    this.#close('stopped', undefined);
  }

  /**
   * Takes a newer token, of a viewer for the same user. The present one is used up first: another viewer could not take its
   * place over, and would begin with a gap.
   */
  renew(token: string): void {
    this.#token = token;
  }

  #connect(): SignalingConnection {
    const { serverUrl, roomId } = this.#options;
    const token = this.#token;
    const signaling = new SignalingConnection({
      url: `${serverUrl.replace(/\/+$/, '').replace(/^http/, 'ws')}/v1/signal`,
      join: { token, roomId, autoSubscribe: false },
      platform: { WebSocket: GuardedSocket, random: Math.random },
    });
    signaling.on('joined', (result) => {
      const known = JoinResult.safeParse(result);
      if (known.success) this.#joined(known.data);
      else this.#close('left', notOfThisProtocol());
    });
    signaling.on('lost', () => {
      this.#lostAtMs = performance.now();
      this.#setState('reconnecting');
    });
    signaling.on('notification', (notification) => {
      // What a server says is not taken on trust: which one it is, a page has chosen.
      const known = ServerNotification.safeParse(notification);
      if (known.success) this.#notified(known.data);
    });
    signaling.on('closed', (reason, error) => {
      if (this.#signaling !== signaling) return;
      if (error?.code === 'token-expired' && token !== this.#token) this.#rejoin(0);
      else if (reason === 'failed' && this.#mayReturn(error)) this.#rejoin();
      else this.#close(endReasons[reason], error);
    });
    return signaling;
  }

  #mayReturn(error: AircheckError | undefined): boolean {
    return error !== undefined && NOT_BACK.has(error.code) && performance.now() - this.#lostAtMs < RETURN_MS;
  }

  /** Joins anew: those that we watch were not back yet, or the token had ended. */
  #rejoin(afterMs = REJOIN_MS): void {
    this.#rejoinTimer = setTimeout(() => {
      this.#signaling = this.#connect();
      this.#signaling.connect().catch((error: unknown) => {
        const known = error instanceof AircheckError ? error : undefined;
        const goesOn = performance.now() - this.#lostAtMs < RETURN_MS;
        if (this.#mayReturn(known) || (known?.retryable === true && goesOn)) this.#rejoin();
        else this.#close('left', known);
      });
    }, afterMs);
  }

  #joined({ resumed, participants }: JoinResult): void {
    const first = this.#ticker === undefined;
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    if (!resumed) {
      this.#subscribed = new Set();
      if (!first) this.#awaitReturn();
    }
    const here = new Set(participants.map(({ userId }) => userId));
    for (const userId of [...this.#participants.keys()]) {
      if (here.has(userId)) continue;
      if (resumed) this.#left(userId);
      else this.#participants.delete(userId);
    }
    for (const participant of participants) this.#describe(participant);
    if (resumed) this.#connection.resume();
    this.#setState('connected');
    this.#participantsChanged();
  }

  /** The server has begun anew: its participants come back one after another, and what they publish. */
  #awaitReturn(): void {
    this.#connection.drop();
    this.#tracks.awaitAll();
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => {
      const late = new Set([...this.#tracks.awaitNoMore(), ...[...this.#recordings].map(({ userId }) => userId)]);
      for (const userId of late) if (!this.#participants.has(userId)) this.#left(userId);
    }, RETURN_MS);
  }

  #notified(notification: ServerNotification): void {
    switch (notification.type) {
      case 'participant-joined':
      case 'participant-updated':
        this.#describe(notification.participant);
        this.#participantsChanged();
        break;
      case 'participant-left':
        this.#left(notification.userId);
        this.#participantsChanged();
        break;
      case 'offer':
        this.#answer(notification);
        break;
    }
  }

  #describe(participant: Participant): void {
    this.#participants.set(participant.userId, participant);
    this.#tracks.describe(participant);
  }

  #left(userId: string): void {
    this.#participants.delete(userId);
    void this.#endRecordings('left', userId);
    this.#tracks.end(userId);
  }

  #participantsChanged(): void {
    this.#subscribe();
    this.emit('participants');
  }

  /** Asks the server for what is wanted, and for nothing else. */
  #subscribe(): void {
    if (this.#state !== 'connected') return;
    const wanted = new Set<string>();
    for (const { userId, tracks } of this.#participants.values()) {
      for (const track of tracks) {
        if ([...this.#wants].some((wants) => wants(userId, track))) wanted.add(track.trackId);
      }
    }
    const published = new Set(this.participants.flatMap(({ tracks }) => tracks.map(({ trackId }) => trackId)));
    for (const trackId of this.#subscribed) if (!published.has(trackId)) this.#subscribed.delete(trackId);
    for (const trackId of new Set([...wanted, ...this.#subscribed])) {
      const enabled = wanted.has(trackId);
      if (enabled === this.#subscribed.has(trackId)) continue;
      if (enabled) this.#subscribed.add(trackId);
      else this.#subscribed.delete(trackId);
      this.#signaling.request('subscribe', { trackId, enabled }).catch(() => {
        // The track is gone already, or the connection: what is wanted is looked at again with the next news.
        this.#subscribed.delete(trackId);
      });
    }
  }

  #answer({ sdp, revision, tracks, reset }: Extract<ServerNotification, { type: 'offer' }>): void {
    if (reset) this.#connection.drop();
    let answer: string;
    try {
      answer = this.#connection.answer(sdp, (offer) =>
        this.#tracks.apply(offer, tracks, (userId, trackId) =>
          this.#participants.get(userId)?.tracks.find((track) => track.trackId === trackId),
        ),
      );
    } catch (error) {
      this.#media.logger.error({ err: error, roomId: this.roomId }, 'an offer could not be answered');
      return;
    }
    this.#signaling.request('answer', { revision, sdp: answer }).catch(() => {
      // The server offers again: after a refusal a new connection, after a broken signaling connection the same offer.
    });
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#connection.tick(nowMs);
    this.#tracks.tick(nowMs);
    this.#ticks += 1;
    if (this.#ticks % RECORDING_TICKS === 0) for (const recording of this.#recordings) recording.tick(nowMs);
  }

  async #endRecordings(reason: EndReason, userId?: string): Promise<void> {
    const ending = [...this.#recordings].filter((recording) => userId === undefined || recording.userId === userId);
    await Promise.all(ending.map((recording) => recording.stop(reason)));
  }

  #setState(state: 'connected' | 'reconnecting'): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.emit('state', state);
  }

  #close(reason: EndReason, error: AircheckError | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    void this.#signaling.leave();
    clearTimeout(this.#returnTimer);
    clearTimeout(this.#rejoinTimer);
    clearInterval(this.#ticker);
    void this.#endRecordings(reason);
    this.#tracks.endAll();
    this.#connection.drop();
    this.emit('closed', reason, error);
    this.removeAllListeners();
  }
}

function notOfThisProtocol(): AircheckError {
  return new AircheckError('internal', 'The server answers what is not of this protocol');
}

/** What an end of the call is for the recordings in it. */
const endReasons = {
  left: 'left',
  replaced: 'left',
  kicked: 'left',
  'room-closed': 'room-closed',
  draining: 'drained',
  failed: 'idle',
} as const satisfies Record<string, EndReason>;
