import { z } from 'zod';
import { LiveOptions, Participant, Recording, Role, RoomId, RoomType, Track, TrackSource } from './model.ts';
import { IceServer } from './rest.ts';

/*
 * The signaling WebSocket, `GET /v1/signal`, subprotocol `aircheck.v1`. JSON text messages.
 *
 * The client sends requests `{id, type, …}` and each gets one response `{id, ok: true, result}` or
 * `{id, ok: false, error: Problem}`; `id` is null where the message's own could not be read. The server sends notifications `{type, …}` without an id.
 *
 * A participant holds two peer connections. On the publishing one the client offers (`publish`) and the server, which
 * is ICE-lite, answers. On the subscribing one the server offers (notification `offer`) and the client answers
 * (`answer`). Neither needs trickled candidates: the server's are in its descriptions, the client's are learnt from
 * its connectivity checks.
 */

const requestBase = { id: z.int() };

/** First message. With `sessionId` a client takes its place again after its connection broke. */
export const JoinRequest = z.object({
  ...requestBase,
  type: z.literal('join'),
  token: z.string().max(4096),
  /** Needed with a user token; with the token of one room it must be that room. */
  roomId: RoomId.optional(),
  /** As what to join: at most what the token says, and that when absent. */
  role: Role.optional(),
  /**
   * What the room must be like. `new`: nobody else is inside (`room-exists`). `existing`: it has been made before
   * (`room-not-found`); a host's join makes a missing room otherwise.
   */
  expect: z.enum(['new', 'existing']).optional(),
  /** The participant takes part in live interaction. */
  live: LiveOptions.optional(),
  sessionId: z.string().max(100).optional(),
  /** Offer every track of the others by itself. */
  autoSubscribe: z.boolean().default(true),
});
export const JoinResult = z.object({
  sessionId: z.string(),
  /** The session was taken over: peer connections that still live need not be made anew. */
  resumed: z.boolean(),
  roomId: RoomId,
  roomType: RoomType,
  self: Participant,
  /** The others. */
  participants: z.array(Participant),
  /** Recordings of the room that have not ended. */
  recordings: z.array(Recording),
  iceServers: z.array(IceServer),
});
export type JoinResult = z.infer<typeof JoinResult>;

/** What an m-line of the publishing offer carries. */
export const PublishedTrack = z.object({
  mid: z.string().max(32),
  source: TrackSource,
  muted: z.boolean().default(false),
});

/**
 * Offer of the publishing peer connection: the first one, one after tracks came or went, or an ICE restart.
 * M-lines that are not listed in `tracks`, or are inactive, publish nothing.
 */
export const PublishRequest = z.object({
  ...requestBase,
  type: z.literal('publish'),
  sdp: z.string().max(200_000),
  tracks: z.array(PublishedTrack).max(32),
});
export const PublishResult = z.object({ sdp: z.string(), tracks: z.array(Track.extend({ mid: z.string() })) });
export type PublishResult = z.infer<typeof PublishResult>;

export const MuteRequest = z.object({
  ...requestBase,
  type: z.literal('mute'),
  trackId: z.string().max(100),
  muted: z.boolean(),
});

/** Answer to the newest `offer`; an answer to an older revision is ignored. */
export const AnswerRequest = z.object({
  ...requestBase,
  type: z.literal('answer'),
  revision: z.int(),
  sdp: z.string().max(200_000),
});

/** Switch one track of another participant on or off for this client. */
export const SubscribeRequest = z.object({
  ...requestBase,
  type: z.literal('subscribe'),
  trackId: z.string().max(100),
  enabled: z.boolean(),
});

/** Ask for a fresh `offer` with new ICE credentials, after the network changed; `reset` builds the connection anew. */
export const RestartSubscriberRequest = z.object({
  ...requestBase,
  type: z.literal('restart-subscriber'),
  reset: z.boolean().default(false),
});

/**
 * Change one's role: up to what the token says, or a new token of the same user, which counts from then on. Who becomes
 * audience publishes nothing any more.
 */
export const ChangeRoleRequest = z.object({
  ...requestBase,
  type: z.literal('change-role'),
  role: Role,
  token: z.string().max(4096).optional(),
});
export const ChangeRoleResult = z.object({ self: Participant });
export type ChangeRoleResult = z.infer<typeof ChangeRoleResult>;

export const LeaveRequest = z.object({ ...requestBase, type: z.literal('leave') });

/** Keeps the connection alive; clients send one every 10 s, the server drops those silent for 30 s. */
export const PingRequest = z.object({ ...requestBase, type: z.literal('ping') });

export const ClientRequest = z.discriminatedUnion('type', [
  JoinRequest,
  PublishRequest,
  MuteRequest,
  AnswerRequest,
  SubscribeRequest,
  RestartSubscriberRequest,
  ChangeRoleRequest,
  LeaveRequest,
  PingRequest,
]);
export type ClientRequest = z.infer<typeof ClientRequest>;

/** What each request is answered with (`result`); requests not named here are answered with `{}`. */
export interface RequestResults {
  join: JoinResult;
  publish: PublishResult;
  'change-role': ChangeRoleResult;
}

/** One m-line of a subscribing offer. */
export const OfferedTrack = z.object({ mid: z.string(), userId: z.string(), trackId: z.string() });

export const ServerNotification = z.discriminatedUnion('type', [
  z.object({ type: z.literal('participant-joined'), participant: Participant }),
  /** Connection, tracks or mute state changed, of another or of oneself: the whole new state. */
  z.object({ type: z.literal('participant-updated'), participant: Participant }),
  z.object({ type: z.literal('participant-left'), userId: z.string() }),
  z.object({
    type: z.literal('offer'),
    revision: z.int(),
    sdp: z.string(),
    tracks: z.array(OfferedTrack),
    /** The server lost the former connection: make a new RTCPeerConnection for this offer. */
    reset: z.boolean(),
  }),
  z.object({ type: z.literal('recording'), recording: Recording }),
  /** The server lost this client's publishing connection: make a new one and publish again. */
  z.object({ type: z.literal('republish') }),
  /** The last message: the client must not reconnect. */
  z.object({ type: z.literal('closed'), reason: z.enum(['left', 'replaced', 'room-closed', 'kicked', 'draining']) }),
]);
export type ServerNotification = z.infer<typeof ServerNotification>;
