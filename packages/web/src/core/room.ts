import type {
  CreateViewerTokenResponse,
  IceServer,
  JoinResult,
  LiveOptions,
  Participant,
  PlayUrls,
  Recording,
  RecordingMedia,
  RecordingProcess,
  RecordingSource,
  Role,
  RoomType,
  ServerNotification,
  TrackSource,
} from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import { captureCamera, captureMicrophone, captureScreen, type Devices, listDevices, watchDevices } from './devices.ts';
import { isConnected } from './ice-supervisor.ts';
import type { LocalTrack } from './local-track.ts';
import { browserPlatform, type Platform } from './platform.ts';
import { Publisher } from './publisher.ts';
import { isFinal } from './recording-states.ts';
import { RemoteTrack } from './remote-track.ts';
import { RestClient } from './rest-client.ts';
import { SignalingConnection, type SignalingEnd } from './signaling.ts';
import { Speaker } from './speaker.ts';
import { connectionQuality, type RoomStatistics, StatisticsReader } from './statistics.ts';
import { Subscriber } from './subscriber.ts';
import { TypedEmitter } from './typed-emitter.ts';

export type RoomState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export interface RoomOptions {
  /** Which room. Needed with a user token, which is good in any. */
  readonly roomId?: string;
  /** As what to join: at most what the token says, and that when absent. */
  readonly role?: Role;
  /**
   * `new`: nobody else may be inside (`room-exists`). `existing`: a missing room is an error (`room-not-found`), also for
   * a host, who makes it otherwise.
   */
  readonly expect?: 'new' | 'existing';
  /** Takes part in live interaction: where the mixed picture is pushed to. */
  readonly live?: Partial<LiveOptions>;
  /** Receive every track of the others by itself; `true` when absent. */
  readonly autoSubscribe?: boolean;
  /** The browser's own when absent. */
  readonly platform?: Platform;
}

export interface RoomEvents {
  state: [state: RoomState];
  'participant-joined': [participant: Participant];
  /** Connection, tracks or mute state changed. */
  'participant-updated': [participant: Participant];
  'participant-left': [participant: Participant];
  'track-added': [track: RemoteTrack];
  'track-removed': [track: RemoteTrack];
  'local-track-added': [track: LocalTrack];
  /** Muted, another device, or published again. */
  'local-track-updated': [track: LocalTrack];
  /** Unpublished, or its device is gone, or the user ended the sharing in the browser, or (with `error`) the server refused it. */
  'local-track-removed': [track: LocalTrack, error: AircheckError | undefined];
  /** A recording of the room began, changed or ended. */
  recording: [recording: Recording];
  /** A camera, microphone or loudspeaker was plugged in or out: all that there are now. */
  devices: [devices: Devices];
  /** Another access token is used from now on, see `changeRole`. */
  'token-renewed': [];
  /** The room is over for this client; nothing follows. */
  closed: [reason: SignalingEnd, error: AircheckError | undefined];
}

export interface RecordOptions {
  /** Whom to record; oneself when absent. */
  readonly userId?: string;
  readonly source?: RecordingSource;
  /** `audio`: the sound alone. */
  readonly media?: RecordingMedia;
  readonly fileName: string;
  readonly tags?: string[];
  /** The class in the library; 0, the default one, when absent. */
  readonly classId?: number;
  /** What is made of each file when it is whole: renditions, a cover, a watermark. */
  readonly process?: Partial<RecordingProcess>;
}

/** A room that this client has joined. */
export class Room extends TypedEmitter<RoomEvents> {
  /** The REST API with this participant's token. */
  readonly api: RestClient;
  readonly #platform: Platform;
  readonly #signaling: SignalingConnection;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #statistics = new StatisticsReader();
  readonly #speaker = new Speaker();
  readonly #participants = new Map<string, Participant>();
  readonly #recordings = new Map<string, Recording>();
  readonly #remoteTracks = new Map<string, RemoteTrack>();
  readonly #localTracks = new Set<LocalTrack>();
  readonly #endWatches: readonly (() => void)[];
  #token: string;
  #state: RoomState = 'connecting';
  #joinResult: JoinResult | undefined;
  #self: Participant | undefined;

  /**
   * Joins a room.
   * @param url - where the server is, e.g. `https://rec.example.org`
   * @param token - access token from `POST /v1/tokens`: for one room, or a user token together with `roomId`
   * @throws AircheckError `unauthenticated`, `token-expired`, `forbidden` (another room or a greater role than the token's),
   *   `room-full`, `room-exists`, `live-host-exists`, `room-not-found`, `timeout` …
   */
  static async connect(url: string, token: string, options: RoomOptions = {}): Promise<Room> {
    const room = new Room(url, token, options);
    try {
      await room.#signaling.connect();
    } catch (error) {
      room.#close('failed', undefined);
      throw error;
    }
    return room;
  }

  private constructor(url: string, token: string, options: RoomOptions) {
    super();
    const { autoSubscribe = true, platform = browserPlatform(), ...where } = options;
    this.#platform = platform;
    this.#token = token;
    const baseUrl = url.replace(/\/+$/, '');
    this.api = new RestClient({ baseUrl, token: () => this.#token, fetch: platform.fetch });
    this.#signaling = new SignalingConnection({
      url: `${baseUrl.replace(/^http/, 'ws')}/v1/signal`,
      join: { ...where, token, autoSubscribe },
      platform,
    });
    this.#publisher = new Publisher({ signaling: this.#signaling, platform });
    this.#subscriber = new Subscriber({ signaling: this.#signaling, platform });

    this.#signaling.on('joined', (result) => this.#joined(result));
    this.#signaling.on('lost', () => this.#setState('reconnecting'));
    this.#signaling.on('notification', (notification) => this.#notified(notification));
    this.#signaling.on('closed', (reason, error) => this.#close(reason, error));
    this.#publisher.on('changed', (track) => this.emit('local-track-updated', track));
    this.#publisher.on('refused', (track, error) => this.#forget(track, error));
    this.#subscriber.on('changed', () => this.#updateRemoteTracks());
    this.#endWatches = [
      platform.onNetworkChange(() => {
        this.#signaling.networkChanged();
        this.#publisher.networkChanged();
        this.#subscriber.networkChanged();
      }),
      watchDevices(platform, (devices) => this.emit('devices', devices)),
    ];
  }

  get state(): RoomState {
    return this.#state;
  }

  get roomId(): string {
    return this.#join.roomId;
  }

  get roomType(): RoomType {
    return this.#join.roomType;
  }

  /** This client's own participant, as the others see it. */
  get self(): Participant {
    return this.#self ?? this.#join.self;
  }

  /** The others, in the order in which they came. */
  get participants(): readonly Participant[] {
    return [...this.#participants.values()];
  }

  /** Recordings of the room that this client has heard of, ended ones among them, oldest first. */
  get recordings(): readonly Recording[] {
    return [...this.#recordings.values()];
  }

  get remoteTracks(): readonly RemoteTrack[] {
    return [...this.#remoteTracks.values()];
  }

  get localTracks(): readonly LocalTrack[] {
    return [...this.#localTracks];
  }

  /** The published track of a source, if there is one. */
  localTrack(source: TrackSource): LocalTrack | undefined {
    return this.localTracks.find((track) => track.source === source);
  }

  /**
   * Publishes a track that was captured elsewhere.
   * @throws AircheckError what the server refuses it with, e.g. `forbidden` for the audience
   */
  async publish(mediaStreamTrack: MediaStreamTrack, source: TrackSource): Promise<LocalTrack> {
    const track = await this.#publisher.publish(mediaStreamTrack, source);
    this.#localTracks.add(track);
    this.emit('local-track-added', track);
    this.#unpublishWhenEnded(track);
    return track;
  }

  /**
   * Captures and publishes a camera, 720p at up to 1.5 Mbit/s.
   * @throws DOMException as `getUserMedia` does
   * @throws AircheckError as {@link publish} does
   */
  async publishCamera(deviceId?: string): Promise<LocalTrack> {
    return this.#publishCaptured(await captureCamera(this.#platform, deviceId), 'camera');
  }

  /** Captures and publishes a microphone, without echo and noise. */
  async publishMicrophone(deviceId?: string): Promise<LocalTrack> {
    return this.#publishCaptured(await captureMicrophone(this.#platform, deviceId), 'microphone');
  }

  /** Lets the user pick a screen, window or tab, and publishes it with its sound, up to 2.5 Mbit/s. */
  async publishScreen(): Promise<readonly LocalTrack[]> {
    const { video, audio } = await captureScreen(this.#platform);
    try {
      const tracks = [await this.#publishCaptured(video, 'screen')];
      if (audio !== undefined) tracks.push(await this.#publishCaptured(audio, 'screen-audio'));
      return tracks;
    } catch (error) {
      audio?.stop();
      throw error;
    }
  }

  /** Stops publishing a track and stops its device. */
  unpublish(track: LocalTrack): void {
    this.#publisher.unpublish(track);
    this.#forget(track, undefined);
  }

  /**
   * Switches a published camera or microphone to another device; watchers and recordings go on.
   * @throws DOMException as `getUserMedia` does; the former device goes on then
   * @throws AircheckError `track-not-found` when the track is not published any more
   */
  async switchDevice(track: LocalTrack, deviceId: string): Promise<void> {
    const capture = track.kind === 'video' ? captureCamera : captureMicrophone;
    const former = track.mediaStreamTrack;
    const mediaStreamTrack = await capture(this.#platform, deviceId);
    try {
      await this.replaceTrack(track, mediaStreamTrack);
    } catch (error) {
      mediaStreamTrack.stop();
      throw error;
    }
    former.stop();
  }

  /**
   * Sends another picture or sound as the same track. The former one is not stopped.
   * @throws AircheckError `track-not-found` when the track is not published any more
   */
  async replaceTrack(track: LocalTrack, mediaStreamTrack: MediaStreamTrack): Promise<void> {
    // Unpublished while a device was being opened: nobody would ever stop the new one.
    if (!this.#localTracks.has(track)) throw new AircheckError('track-not-found', 'The track is not published');
    await this.#publisher.replaceTrack(track, mediaStreamTrack);
    this.#unpublishWhenEnded(track);
  }

  /** Mutes a track or unmutes it, and tells the others. */
  setMuted(track: LocalTrack, muted: boolean): Promise<void> {
    return this.#publisher.setMuted(track, muted);
  }

  /** Switches the reception of one track on or off. */
  async subscribe(trackId: string, enabled: boolean): Promise<void> {
    await this.#signaling.request('subscribe', { trackId, enabled });
  }

  /** The cameras, microphones and loudspeakers there are. */
  devices(): Promise<Devices> {
    return listDevices(this.#platform);
  }

  /**
   * Plays what is attached, now and later, over another loudspeaker.
   * @param deviceId - one of `devices().speakers`; `''` for the system's own. Firefox names a loudspeaker there only after the
   *   user has picked it in the prompt of `navigator.mediaDevices.selectAudioOutput()`
   *   (https://blog.mozilla.org/webrtc/how-webrtc-speaker-selection-works)
   * @throws AircheckError `browser-unsupported` where pages cannot choose (Safari before 18.4, phones)
   * @throws DOMException `NotFoundError`, `NotAllowedError` as `setSinkId` does
   */
  setSpeaker(deviceId: string): Promise<void> {
    return this.#speaker.choose(deviceId);
  }

  /**
   * Changes this client's role: up to what the token says, or a new token of the same user, which is used from then on
   * (also to keep a long meeting's access fresh). Who becomes audience publishes nothing any more, and its devices stop.
   * @throws AircheckError `forbidden` for more than the token allows; `timeout` while there is no connection
   */
  async changeRole(role: Role, token?: string): Promise<void> {
    const { self } = await this.#signaling.request('change-role', { role, ...(token !== undefined && { token }) });
    this.#token = token ?? this.#token;
    this.#signaling.rejoinAs({ token: this.#token, role });
    if (token !== undefined) this.emit('token-renewed');
    if (role === 'audience') {
      this.#publisher.unpublishAll();
      for (const track of this.localTracks) this.#forget(track, undefined);
    }
    this.#participantChanged(self);
  }

  /**
   * Makes the token of a hidden viewer: another program of the same person sees the room with it and is not seen. It ends
   * with this client's own token, and its viewer leaves when this client does.
   */
  createViewerToken(): Promise<CreateViewerTokenResponse> {
    return this.api.request('POST', '/v1/tokens/viewer', { body: { roomId: this.roomId } });
  }

  /**
   * Starts a recording. Hosts record anyone, guests themselves.
   * @throws AircheckError `recording-forbidden`, `recording-exists`, `room-pair`, `participant-not-found` …
   */
  startRecording(options: RecordOptions): Promise<Recording> {
    return this.api.startRecording(this.roomId, { userId: this.self.userId, ...options });
  }

  /** Ends a recording; resolves when its files are playable. */
  stopRecording(recordingId: string): Promise<Recording> {
    return this.api.stopRecording(recordingId);
  }

  /** Leaves out what comes until the recording is resumed; its file goes on without a hole then. */
  pauseRecording(recordingId: string): Promise<Recording> {
    return this.api.pauseRecording(recordingId);
  }

  resumeRecording(recordingId: string): Promise<Recording> {
    return this.api.resumeRecording(recordingId);
  }

  /** URLs under which a recorded file plays, also while it is still growing. */
  playUrls(fileId: string): Promise<PlayUrls> {
    return this.api.playUrls(fileId);
  }

  /** How well media gets through, both ways. Rates are averages since the last call. */
  async statistics(): Promise<RoomStatistics> {
    const sent = new Map(
      await Promise.all(
        this.#publisher.tracks.flatMap((track) => {
          const sender = this.#publisher.senderOf(track);
          return sender === undefined
            ? []
            : [this.#statistics.sent(track, sender).then((value) => [track, value] as const)];
        }),
      ),
    );
    const received = new Map(
      await Promise.all(
        this.remoteTracks.map(async (track) => [track, await this.#statistics.received(track)] as const),
      ),
    );
    const connections = [this.#publisher.connection, this.#subscriber.connection].filter((one) => one !== undefined);
    const [up, down] = await Promise.all([
      this.#statistics.path(this.#publisher.connection),
      this.#statistics.path(this.#subscriber.connection),
    ]);
    // Firefox does not know that of a path, and all browsers have it of what they send (browser-compat-data as above).
    const ofSent = [...sent.values()].map((track) => track.roundTripMs);
    const roundTripMs = up.roundTripMs ?? down.roundTripMs ?? ofSent.find((value) => value !== undefined);
    return {
      quality: connectionQuality(this.#state === 'connected' && connections.every(isConnected), roundTripMs, [
        ...sent.values(),
        ...received.values(),
      ]),
      roundTripMs,
      availableOutgoingBitrateBps: up.availableOutgoingBitrateBps,
      sent,
      received,
    };
  }

  /** Leaves the room, closes all connections and stops all captured devices. May be called twice. */
  async leave(): Promise<void> {
    await this.#signaling.leave();
  }

  get #join(): JoinResult {
    if (this.#joinResult === undefined) throw new AircheckError('session-not-found', 'The room has not been joined');
    return this.#joinResult;
  }

  async #publishCaptured(mediaStreamTrack: MediaStreamTrack, source: TrackSource): Promise<LocalTrack> {
    try {
      return await this.publish(mediaStreamTrack, source);
    } catch (error) {
      mediaStreamTrack.stop();
      throw error;
    }
  }

  /** The user may end the sharing in the browser's own bar, or unplug the device; that may have happened already. */
  #unpublishWhenEnded(track: LocalTrack): void {
    const { mediaStreamTrack } = track;
    const unpublish = () => {
      if (track.mediaStreamTrack === mediaStreamTrack) this.unpublish(track);
    };
    if (mediaStreamTrack.readyState === 'ended') unpublish();
    else mediaStreamTrack.addEventListener('ended', unpublish, { once: true });
  }

  #forget(track: LocalTrack, error: AircheckError | undefined): void {
    if (!this.#localTracks.delete(track)) return;
    track.mediaStreamTrack.stop();
    this.emit('local-track-removed', track, error);
  }

  #joined(result: JoinResult): void {
    const former = [...this.#participants.values()];
    this.#joinResult = result;
    this.#self = result.self;
    const iceServers = result.iceServers.map(toRtcIceServer);
    this.#publisher.setIceServers(iceServers);
    this.#subscriber.setIceServers(iceServers);

    this.#participants.clear();
    for (const participant of result.participants) this.#participants.set(participant.userId, participant);
    this.#setState('connected');
    for (const participant of former) {
      if (!this.#participants.has(participant.userId)) this.emit('participant-left', participant);
    }
    for (const participant of result.participants) {
      const known = former.some(({ userId }) => userId === participant.userId);
      this.emit(known ? 'participant-updated' : 'participant-joined', participant);
    }
    const live = new Set(result.recordings.map(({ recordingId }) => recordingId));
    for (const recording of result.recordings) this.#recordingChanged(recording);
    for (const { recordingId, state } of this.recordings) {
      if (!isFinal(state) && !live.has(recordingId)) this.#learnEndOf(recordingId);
    }
    this.#publisher.resynchronize(result.resumed);
    this.#subscriber.resynchronize(result.resumed);
    this.#updateRemoteTracks();
  }

  #notified(notification: ServerNotification): void {
    switch (notification.type) {
      case 'participant-joined':
      case 'participant-updated':
        this.#participantChanged(notification.participant);
        break;
      case 'participant-left': {
        const participant = this.#participants.get(notification.userId);
        if (participant === undefined) break;
        this.#participants.delete(notification.userId);
        this.#updateRemoteTracks();
        this.emit('participant-left', participant);
        break;
      }
      case 'offer':
        this.#subscriber.offered(notification);
        break;
      case 'recording':
        this.#recordingChanged(notification.recording);
        break;
      case 'republish':
        this.#publisher.rebuild();
        break;
    }
  }

  #participantChanged(participant: Participant): void {
    if (participant.userId === this.self.userId) {
      this.#self = participant;
      this.emit('participant-updated', participant);
      return;
    }
    const known = this.#participants.has(participant.userId);
    this.#participants.set(participant.userId, participant);
    this.emit(known ? 'participant-updated' : 'participant-joined', participant);
    this.#updateRemoteTracks();
  }

  #recordingChanged(recording: Recording): void {
    this.#recordings.set(recording.recordingId, recording);
    this.emit('recording', recording);
  }

  /** It ended while there was no connection to be told over. */
  #learnEndOf(recordingId: string): void {
    this.api.recording(recordingId).then(
      (recording) => {
        if (this.#state !== 'closed') this.#recordingChanged(recording);
      },
      () => {
        // Whoever needs to know asks by itself; nothing can be said of it here.
      },
    );
  }

  /** A track is shown once it is both received and described; either may come first. */
  #updateRemoteTracks(): void {
    const { subscriptions } = this.#subscriber;
    for (const [trackId, track] of [...this.#remoteTracks]) {
      const described = this.#participants.get(track.userId)?.tracks.some((one) => one.trackId === trackId);
      if (described === true && subscriptions.get(trackId)?.receiver === track.receiver) continue;
      this.#remoteTracks.delete(trackId);
      this.emit('track-removed', track);
    }
    for (const { userId, trackId, receiver } of subscriptions.values()) {
      const described = this.#participants.get(userId)?.tracks.find((one) => one.trackId === trackId);
      if (described === undefined || this.#remoteTracks.has(trackId)) continue;
      const track = new RemoteTrack(userId, described, receiver, this.#speaker);
      this.#remoteTracks.set(trackId, track);
      this.emit('track-added', track);
    }
  }

  #setState(state: RoomState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.emit('state', state);
  }

  #close(reason: SignalingEnd, error: AircheckError | undefined): void {
    if (this.#state === 'closed') return;
    this.#setState('closed');
    for (const end of this.#endWatches) end();
    this.#publisher.close();
    this.#subscriber.close();
    for (const track of this.#localTracks) track.mediaStreamTrack.stop();
    this.#localTracks.clear();
    this.#remoteTracks.clear();
    this.emit('closed', reason, error);
    this.removeAllListeners();
  }
}

function toRtcIceServer({ urls, username, credential }: IceServer): RTCIceServer {
  return { urls, ...(username !== undefined && { username }), ...(credential !== undefined && { credential }) };
}
