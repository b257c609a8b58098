import { z } from 'zod';
import {
  FileName,
  Participant,
  Recording,
  RecordingMedia,
  RecordingProcess,
  RecordingSource,
  Role,
  RoomId,
  RoomType,
  UserId,
} from './model.ts';

/** In a token's place of a room: any room of the app. */
export const anyRoom = '*';
const TokenRoom = z.union([RoomId, z.literal(anyRoom)]);

export const CreateTokenRequest = z.object({
  userId: UserId,
  /** The one room that the token is for, or `*` for a user token: good in any room of the app. */
  roomId: TokenRoom,
  /** What the user may be at most. */
  role: Role,
  /** How long the token is valid; one minute to thirty days. */
  ttlSeconds: z
    .int()
    .min(60)
    .max(30 * 86_400)
    .default(3600),
});
export type CreateTokenRequest = z.infer<typeof CreateTokenRequest>;
export const CreateTokenResponse = z.object({ token: z.string(), expiresAt: z.iso.datetime() });
export type CreateTokenResponse = z.infer<typeof CreateTokenResponse>;

/** A token that sees what the bearer's participant sees, for another program of the same person. */
export const CreateViewerTokenRequest = z.object({
  /** Which room; may be left out with a token that is for one room. */
  roomId: RoomId.optional(),
});
export type CreateViewerTokenRequest = z.infer<typeof CreateViewerTokenRequest>;
export const CreateViewerTokenResponse = CreateTokenResponse.extend({ userId: z.string() });
export type CreateViewerTokenResponse = z.infer<typeof CreateViewerTokenResponse>;

const viewerIdPattern = /^(.+)@agent:[\w-]+$/u;

/** Whom a hidden viewer watches for. @param viewerId - `<user>@agent:<random>` */
export function viewerOf(viewerId: string): string {
  return viewerIdPattern.exec(viewerId)?.[1] ?? viewerId;
}

/** Claims of an access token (JWT HS256, signed with the app's secret, header `kid` = the app's key). */
export const TokenClaims = z.object({
  /** The user; of a hidden viewer `<user>@agent:<random>`. */
  sub: z.union([UserId, z.string().max(200).regex(viewerIdPattern)]),
  room: TokenRoom,
  role: Role,
  exp: z.int(),
  /** Sees the room for a participant of it, and is neither listed nor told of. */
  hidden: z.boolean().optional(),
});
export type TokenClaims = z.infer<typeof TokenClaims>;

export const PutRoomRequest = z.object({
  type: RoomType.default('multi'),
  /** `new`: somebody inside is an error, `room-exists`. */
  expect: z.literal('new').optional(),
});
export const Room = z.object({
  roomId: RoomId,
  type: RoomType,
  createdAt: z.iso.datetime(),
  participants: z.array(Participant),
  /** Recordings of this room that have not ended. */
  recordings: z.array(Recording),
});
export type Room = z.infer<typeof Room>;
export const RoomQuery = z.object({
  cursor: z.string().max(1000).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(200),
});
export const RoomList = z.object({ items: z.array(Room), nextCursor: z.string().nullable() });
export type RoomList = z.infer<typeof RoomList>;

export const StartRecordingRequest = z.object({
  userId: UserId,
  source: RecordingSource.default('camera'),
  media: RecordingMedia.default('av'),
  fileName: FileName,
  tags: z.array(z.string().min(1).max(64)).max(32).default([]),
  classId: z.int().min(0).default(0),
  /** A new file begins after that long; AIRCHECK_SEGMENT_SECONDS when absent. */
  segmentSeconds: z.int().min(5).max(86_400).optional(),
  /** The recording ends after that long without media; AIRCHECK_IDLE_SECONDS when absent. */
  idleSeconds: z.int().min(1).max(86_400).optional(),
  /** What is made of each file when it is whole. */
  process: RecordingProcess.optional(),
});
export type StartRecordingRequest = z.input<typeof StartRecordingRequest>;

export const RecordingList = z.object({ items: z.array(Recording), nextCursor: z.string().nullable() });
export type RecordingList = z.infer<typeof RecordingList>;
export const RecordingQuery = z.object({
  roomId: RoomId.optional(),
  userId: UserId.optional(),
  /** Only those that have not ended. */
  live: z.stringbool().optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const RecordingId = z.string().regex(/^[\w-]{1,100}$/, 'letters, digits, _ and - only');

/** Signing in to the console: sets an HttpOnly cookie that carries the app's full rights. */
export const SignInRequest = z.union([
  z.object({ key: z.string().max(200), secret: z.string().max(200) }),
  /** The one-time code of the link that the server prints at start. */
  z.object({ code: z.string().max(200) }),
]);
export type SignInRequest = z.infer<typeof SignInRequest>;
export const Session = z.object({ key: z.string(), expiresAt: z.iso.datetime() });
export type Session = z.infer<typeof Session>;

/** STUN and TURN servers for clients, as RTCIceServer. */
export const IceServer = z.object({
  urls: z.array(z.string()),
  username: z.string().optional(),
  credential: z.string().optional(),
});
export type IceServer = z.infer<typeof IceServer>;
