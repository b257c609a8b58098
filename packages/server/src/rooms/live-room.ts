import {
  AircheckError,
  type JoinRequest,
  type MuteRequest,
  type Participant,
  type PublishRequest,
  type PublishResult,
  type RecordingSource,
  type Role,
  type RoomType,
  type ServerNotification,
  type Track,
} from '@aircheck/protocol';
import type { z } from 'zod';
import { isAtMost, isUserToken, type UserPrincipal } from '../apps/index.ts';
import type { OfferedSource, WorkerRequestName, WorkerRequests } from '../worker/contract.ts';
import { type Entrant, isLiveHost } from './entrant.ts';
import type { ExternalSession } from './external-session.ts';
import { Meeting } from './meeting.ts';
import type { RoomContext } from './room-context.ts';
import { type ClosedReason, Publisher, RoomParticipant, type SignalingLink } from './room-participant.ts';
import { sessionOrigin } from './session-origin.ts';
import { Subscriber } from './subscriber.ts';
import { Viewers, viewedTrackIds } from './viewers.ts';

interface LiveRoomOptions {
  readonly context: RoomContext;
  readonly appId: string;
  readonly roomId: string;
  readonly type: RoomType;
  /** Nobody is left, and nobody is on the way in. */
  readonly onEmpty: (room: LiveRoom) => void;
}

/** How often it is written down who is still there, in milliseconds: so much too short is a meeting told that a kill ends. */
const keepMeetingEveryMs = 15_000;

/**
 * A room with somebody inside: its participants, their hidden viewers, and who watches it over WHEP. Hidden viewers are
 * kept as participants that nobody is told of; each goes when the one goes that it watches for.
 */
export class LiveRoom {
  readonly appId: string;
  readonly roomId: string;
  readonly roomKey: string;
  readonly type: RoomType;
  readonly #context: RoomContext;
  readonly #onEmpty: (room: LiveRoom) => void;
  readonly #participants = new Map<string, RoomParticipant>();
  readonly #viewers: Viewers;
  /** Actions under way that may bring somebody in, or that tell the worker of somebody who left. */
  #holds = 0;
  #closed = false;
  #meeting: Meeting | undefined;
  #stopKeeping = (): void => {};

  constructor(options: LiveRoomOptions) {
    this.#context = options.context;
    this.appId = options.appId;
    this.roomId = options.roomId;
    this.roomKey = `${options.appId}/${options.roomId}`;
    this.type = options.type;
    this.#viewers = new Viewers(options.context, this.roomKey);
    this.#onEmpty = options.onEmpty;
  }

  participants(): Participant[] {
    return this.#visible().map((participant) => participant.describe());
  }

  participant(userId: string): Participant | undefined {
    return this.#seen(userId)?.describe();
  }

  /** Keeps the room from being given up while `action` runs. */
  async hold<T>(action: () => Promise<T> | T): Promise<T> {
    this.#holds += 1;
    try {
      return await action();
    } finally {
      this.#holds -= 1;
      if (this.#holds === 0 && this.#participants.size === 0 && !this.#closed) this.#onEmpty(this);
    }
  }

  /**
   * Lets a client of the SDK in, or back in when `sessionId` names its place. The caller answers the client and then
   * calls `flush()` of the participant.
   * @throws AircheckError `room-full`, `room-exists`, `live-host-exists`; `participant-not-found` for a hidden viewer of somebody who is not here
   */
  join(
    user: Entrant,
    link: SignalingLink,
    options: {
      readonly sessionId: string | undefined;
      readonly autoSubscribe: boolean;
      readonly expect: z.infer<typeof JoinRequest>['expect'];
    },
  ): { readonly participant: RoomParticipant; readonly resumed: boolean } {
    this.#checkAdmission(user);
    const former = this.#participants.get(user.userId);
    if (former !== undefined && former.sessionId === options.sessionId && former.role === user.role) {
      former.mostRole = user.mostRole;
      former.attach(link);
      return { participant: former, resumed: true };
    }
    if (options.expect === 'new') this.requireNobody(user.userId);
    this.#requireOneLiveHost(user);
    const participant = this.#admit(user, 'sdk');
    participant.attach(link);
    participant.subscriber = new Subscriber({
      context: this.#context,
      roomKey: this.roomKey,
      userId: user.userId,
      wantedTrackIds: () => this.#wantedTrackIds(participant, options.autoSubscribe),
      notify: (offer) => participant.notify(offer),
    });
    this.#announce(participant, former !== undefined);
    return { participant, resumed: false };
  }

  /** @throws AircheckError `room-exists` when somebody is inside; the user itself, left over from before, does not count */
  requireNobody(userId?: string): void {
    if (this.#visible().some((participant) => participant.userId !== userId)) {
      throw new AircheckError('room-exists', `Somebody is in room ${this.roomId} already`);
    }
  }

  /** @throws AircheckError `live-host-exists` for a second one; the user itself, left over from before, does not count */
  #requireOneLiveHost({ userId, live }: Entrant): void {
    if (!isLiveHost(live)) return;
    const other = this.#visible().find((one) => one.userId !== userId && isLiveHost(one.live));
    if (other !== undefined) {
      throw new AircheckError('live-host-exists', `${other.userId} is the live host of room ${this.roomId}`, {
        input: 'live.rtmpUrl',
      });
    }
  }

  /**
   * Gives a participant another role.
   * @param mostRole - what a new token lets it become; what the former one did when absent
   * @throws AircheckError `forbidden` for more than that, `session-not-found` when the participant is not inside any more
   */
  changeRole(participant: RoomParticipant, role: Role, mostRole = participant.mostRole): Participant {
    // A token takes time to check, and who asked may be gone or replaced by then.
    this.#requireInside(participant);
    if (!isAtMost(role, mostRole)) {
      throw new AircheckError('forbidden', `The access token is for the role ${mostRole}, not for ${role}`, {
        input: 'role',
        hint: 'Send a new token of the same user that is for the role',
      });
    }
    participant.mostRole = mostRole;
    if (participant.role !== role) {
      participant.role = role;
      if (role === 'audience') this.#endPublishing(participant);
      else this.#announceUpdate(participant);
    }
    return participant.describe();
  }

  /**
   * Makes or renews the publishing connection of a participant.
   * @throws AircheckError `forbidden` for audience, `sdp-invalid`, `codec-unsupported`
   */
  async publish(participant: RoomParticipant, request: z.infer<typeof PublishRequest>): Promise<PublishResult> {
    const origin = sessionOrigin(request.sdp);
    const former = participant.publisher;
    const publisher = former?.continues(origin) ? former : new Publisher(origin);
    const result = await this.#publish(participant, publisher, request.sdp, request.tracks);
    try {
      this.#requireInside(participant);
      // Whoever came back over another connection may have become audience meanwhile.
      requirePublisher(participant.role);
    } catch (error) {
      // The leave may have been told before the worker took the offer; who is back by now must not be sent away by it.
      if (this.#participants.has(participant.userId)) this.#tell('closePeer', { peerId: publisher.peerId });
      else this.#tell('leave', { roomKey: this.roomKey, userId: participant.userId });
      throw error;
    }
    participant.setPublisher(publisher);
    this.#setTracks(participant, result.tracks.map(withoutMid));
    return { sdp: result.sdp, tracks: [...result.tracks] };
  }

  /**
   * Lets a participant in that has no signaling: it publishes over WHIP. A former session of the same user ends, its
   * recordings go on.
   * @param tracks - what each m-line carries; absent: microphone and camera
   * @throws AircheckError `forbidden` for audience, `room-full`, `sdp-invalid`, `codec-unsupported`
   */
  async publishExternal(
    user: Entrant,
    sdp: string,
    tracks: readonly OfferedSource[] | undefined,
  ): Promise<{ readonly session: ExternalSession; readonly sdp: string }> {
    this.#checkAdmission(user);
    const publisher = new Publisher(sessionOrigin(sdp));
    const result = await this.#publish(user, publisher, sdp, tracks);
    try {
      this.#checkAdmission(user);
    } catch (error) {
      this.#tell('leave', { roomKey: this.roomKey, userId: user.userId });
      throw error;
    }
    const replaced = this.#participants.has(user.userId);
    const participant = this.#admit(user, 'whip');
    participant.setPublisher(publisher);
    participant.tracks = result.tracks.map(withoutMid);
    this.#announce(participant, replaced);
    const session: ExternalSession = {
      sessionId: participant.sessionId,
      restartIce: async (remote) => {
        if (publisher.ended) {
          throw new AircheckError('session-not-found', 'The connection has failed for good', {
            hint: 'Publish again with a new offer; a recording goes on',
          });
        }
        return this.#request('restartIce', { peerId: publisher.peerId, ...remote });
      },
      onEnded: (listener) => {
        if (this.#participants.get(user.userId) === participant) participant.endedListeners.add(listener);
        else listener();
      },
      end: () => this.leave(participant, 'left'),
    };
    return { session, sdp: result.sdp };
  }

  /**
   * Opens a WHEP session on the tracks of one participant.
   * @throws AircheckError `participant-not-found`, `track-not-found`, `room-full`, `sdp-invalid`
   */
  async view(
    user: UserPrincipal,
    watchedUserId: string,
    source: RecordingSource,
    sdp: string,
  ): Promise<{ readonly session: ExternalSession; readonly sdp: string }> {
    this.#checkAdmission({ userId: user.userId });
    const watched = this.#seen(watchedUserId);
    if (watched === undefined) {
      throw new AircheckError('participant-not-found', `${watchedUserId} is not in room ${this.roomId}`);
    }
    const trackIds = viewedTrackIds(watched.tracks, source);
    if (trackIds.length === 0) {
      throw new AircheckError('track-not-found', `${watchedUserId} does not publish its ${source}`);
    }
    sessionOrigin(sdp);
    // With a user token one watches where one is.
    return this.#viewers.open(user.userId, trackIds, sdp, isUserToken(user) ? user.userId : undefined);
  }

  /** @throws AircheckError `track-not-found` when it is none of the participant's own */
  async mute(participant: RoomParticipant, { trackId, muted }: z.infer<typeof MuteRequest>): Promise<void> {
    if (!participant.tracks.some((track) => track.trackId === trackId)) {
      throw new AircheckError('track-not-found', 'The participant does not publish that track');
    }
    await this.#request('mute', { roomKey: this.roomKey, userId: participant.userId, trackId, muted });
    const muteOne = (track: Track) => (track.trackId === trackId ? { ...track, muted } : track);
    this.#setTracks(participant, participant.tracks.map(muteOne));
  }

  /** @throws AircheckError `track-not-found` when nobody else publishes it */
  subscribe(participant: RoomParticipant, trackId: string, enabled: boolean): void {
    if (!this.#othersTracks(participant).some((track) => track.trackId === trackId)) {
      throw new AircheckError('track-not-found', 'Nobody else in the room publishes that track');
    }
    participant.trackChoices.set(trackId, enabled);
    participant.subscriber?.refresh();
  }

  /** The participant leaves for good: its recordings end with `left`. May be called twice. */
  leave(participant: RoomParticipant, reason: ClosedReason): void {
    const { userId } = participant;
    if (this.#participants.get(userId) !== participant) return;
    this.#participants.delete(userId);
    if (participant.viewerOf !== undefined) {
      participant.dismiss(reason);
      return;
    }
    const viewers = [...this.#participants.values()].filter(({ viewerOf }) => viewerOf === userId);
    for (const viewer of viewers) this.leave(viewer, reason);
    this.#viewers.participantLeft(userId);
    this.#meeting?.left(userId, this.#context.clock.now());
    if (this.#participants.size === 0) this.#endMeeting();
    else this.#keepMeeting();
    participant.dismiss(reason);
    this.broadcast({ type: 'participant-left', userId });
    this.#tracksChanged(participant);
    this.#tell('leave', { roomKey: this.roomKey, userId });
  }

  /** The meeting that is on; undefined while nobody is here. */
  get meeting(): Pick<Meeting, 'channelId' | 'creator'> | undefined {
    return this.#meeting;
  }

  /** Sends a participant away. @returns false when it is not here */
  kick(userId: string): boolean {
    const participant = this.#seen(userId);
    if (participant !== undefined) this.leave(participant, 'kicked');
    return participant !== undefined;
  }

  /** The worker learnt more of a track, its codec for instance. */
  trackUpdated(userId: string, updated: Track): void {
    const participant = this.#participants.get(userId);
    if (!participant?.tracks.some((track) => track.trackId === updated.trackId)) return;
    this.#setTracks(
      participant,
      participant.tracks.map((track) => (track.trackId === updated.trackId ? updated : track)),
    );
  }

  /**
   * The media worker is gone, and all peer connections with it. Clients of the SDK are asked to make new ones; WHIP and
   * WHEP know no such message, so their sessions end.
   */
  workerLost(): void {
    this.#viewers.end();
    const everyone = [...this.#participants.values()];
    // First of all: what went with the worker must not be offered to anybody.
    for (const participant of everyone) participant.tracks = [];
    for (const participant of everyone) participant.subscriber?.workerLost();
    for (const participant of everyone) {
      if (participant.publisher === undefined) continue;
      if (participant.via === 'whip') {
        this.leave(participant, 'left');
        continue;
      }
      participant.setPublisher(undefined);
      participant.requestRepublish();
      this.#announceUpdate(participant);
    }
  }

  /** Sends a notification to everyone, or to all but one. */
  broadcast(notification: ServerNotification, except?: RoomParticipant): void {
    const text = JSON.stringify(notification);
    for (const participant of this.#participants.values()) {
      if (participant !== except) participant.link?.send(text);
    }
  }

  /** Ends the room: everyone is told why. What the worker holds of it is left to the caller. */
  close(reason: ClosedReason): void {
    this.#closed = true;
    this.#viewers.end();
    const participants = [...this.#participants.values()];
    this.#participants.clear();
    this.#endMeeting();
    for (const participant of participants) participant.dismiss(reason);
  }

  #visible(): RoomParticipant[] {
    return [...this.#participants.values()].filter(({ viewerOf }) => viewerOf === undefined);
  }

  #seen(userId: string): RoomParticipant | undefined {
    const participant = this.#participants.get(userId);
    return participant?.viewerOf === undefined ? participant : undefined;
  }

  #requireInside(participant: RoomParticipant): void {
    if (this.#participants.get(participant.userId) === participant) return;
    throw new AircheckError('session-not-found', 'The participant has left the room meanwhile');
  }

  #checkAdmission({ userId, viewerOf }: Pick<Entrant, 'userId' | 'viewerOf'>): void {
    if (this.#closed) throw new AircheckError('room-not-found', `Room ${this.roomId} has been closed`);
    if (viewerOf !== undefined) {
      if (this.#seen(viewerOf) !== undefined) return;
      throw new AircheckError('participant-not-found', `${viewerOf}, for whom this viewer watches, is not here`);
    }
    if (this.type !== 'pair') return;
    const others = new Set([...this.#visible().map((other) => other.userId), ...this.#viewers.userIds]);
    others.delete(userId);
    if (others.size >= 2) throw new AircheckError('room-full', 'A room of type pair holds two persons');
  }

  #admit(user: Entrant, via: Participant['via']): RoomParticipant {
    const former = this.#participants.get(user.userId);
    const participant = new RoomParticipant({
      context: this.#context,
      entrant: user,
      via,
      onConnectedChanged: () => this.#announceUpdate(participant),
      onGraceOver: () => this.#graceOver(participant),
    });
    this.#participants.set(user.userId, participant);
    if (participant.viewerOf === undefined) {
      const now = this.#context.clock.now();
      this.#meeting ??= new Meeting(this.roomId, now);
      this.#meeting.joined(user.userId, now);
      this.#keepMeeting();
    }
    if (former !== undefined) {
      const formerPeerId = former.publisher?.peerId;
      former.dismiss('replaced');
      if (formerPeerId !== undefined) this.#tell('closePeer', { peerId: formerPeerId });
    }
    return participant;
  }

  /** Tells the others of a newcomer, who may have taken the place of a former session. */
  #announce(participant: RoomParticipant, replaced: boolean): void {
    if (participant.viewerOf !== undefined) {
      participant.subscriber?.refresh();
      return;
    }
    const type = replaced ? 'participant-updated' : 'participant-joined';
    this.broadcast({ type, participant: participant.describe() }, participant);
    this.#tracksChanged(participant);
  }

  /** Has it written down how far the meeting has come, now and from time to time. */
  #keepMeeting(): void {
    const { clock, meetings, timers } = this.#context;
    if (this.#meeting === undefined) return;
    meetings.keep(this.appId, this.#meeting.endingAt(clock.now()));
    this.#stopKeeping();
    this.#stopKeeping = timers.after(keepMeetingEveryMs, () => this.#keepMeeting());
  }

  #endMeeting(): void {
    const { clock, meetings } = this.#context;
    if (this.#meeting !== undefined) meetings.end(this.appId, this.#meeting.endingAt(clock.now()));
    this.#meeting = undefined;
    this.#stopKeeping();
  }

  #graceOver(participant: RoomParticipant): void {
    if (participant.link === undefined) {
      this.leave(participant, 'left');
      return;
    }
    // Who still holds the signaling connection is there, but publishes nothing any more.
    this.#endPublishing(participant);
  }

  #endPublishing(participant: RoomParticipant): void {
    const peerId = participant.publisher?.peerId;
    participant.setPublisher(undefined);
    if (peerId !== undefined) this.#tell('closePeer', { peerId });
    this.#setTracks(participant, []);
  }

  #setTracks(participant: RoomParticipant, tracks: readonly Track[]): void {
    participant.tracks = tracks;
    this.#announceUpdate(participant);
    this.#tracksChanged(participant);
  }

  #announceUpdate(participant: RoomParticipant): void {
    if (participant.viewerOf !== undefined) return;
    this.broadcast({ type: 'participant-updated', participant: participant.describe() });
  }

  #tracksChanged(changed: RoomParticipant): void {
    const everyone = [...this.#participants.values()];
    const video = everyone.some(({ tracks }) => tracks.some(({ kind }) => kind === 'video'));
    if (video && this.#meeting?.sawVideo()) this.#keepMeeting();
    const published = new Set(everyone.flatMap((participant) => participant.tracks.map((track) => track.trackId)));
    for (const participant of everyone) {
      for (const trackId of participant.trackChoices.keys()) {
        if (!published.has(trackId)) participant.trackChoices.delete(trackId);
      }
      if (participant !== changed) participant.subscriber?.refresh();
    }
    this.#viewers.endUnless(published);
  }

  #othersTracks(participant: RoomParticipant): Track[] {
    const others = [...this.#participants.values()].filter((other) => other !== participant);
    return others.flatMap((other) => [...other.tracks]);
  }

  #wantedTrackIds(participant: RoomParticipant, autoSubscribe: boolean): string[] {
    const trackIds = this.#othersTracks(participant).map((track) => track.trackId);
    return trackIds.filter((trackId) => participant.trackChoices.get(trackId) ?? autoSubscribe);
  }

  async #publish(
    { userId, role }: Pick<Entrant, 'userId' | 'role'>,
    { peerId }: Publisher,
    sdp: string,
    tracks: readonly OfferedSource[] | undefined,
  ): Promise<WorkerRequests['publish']['out']> {
    requirePublisher(role);
    return this.#request('publish', { roomKey: this.roomKey, userId, peerId, sdp, ...(tracks && { tracks }) });
  }

  #request<N extends WorkerRequestName>(name: N, body: WorkerRequests[N]['in']): Promise<WorkerRequests[N]['out']> {
    return this.#context.workers.request(this.roomKey, name, body);
  }

  /** Tells the worker of something that is over; a worker that does not know it any more is no fault. */
  #tell<N extends 'closePeer' | 'leave'>(name: N, body: WorkerRequests[N]['in']): void {
    void this.hold(() =>
      this.#request(name, body).catch((error: unknown) => {
        this.#context.logger.debug({ err: error, roomKey: this.roomKey, request: name }, 'nothing left to end');
      }),
    );
  }
}

function requirePublisher(role: Role): void {
  if (role === 'audience') throw new AircheckError('forbidden', 'The role audience does not publish');
}

function withoutMid({ mid: _, ...track }: Track & { mid: string }): Track {
  return track;
}
