import { z } from 'zod';
import type { Problem } from './errors.ts';
import { RecordingMedia, RecordingSource, RoomId, UserId } from './model.ts';

/*
 * The PC agent's door: a WebSocket on 127.0.0.1, subprotocol `aircheck-agent.v1`, JSON text messages.
 *
 * The page sends requests `{id, type, …}`; each gets one response `{id, ok: true, result}` or
 * `{id, ok: false, error: Problem, status}`. The agent sends notices `{type, …}` without an id.
 *
 * First comes `hello`. The agent answers with its name and a nonce. A page whose origin has been paired with this agent
 * proves it with `authenticate`; one that has not asks its user for the code that the agent shows, and sends `pair`. Until
 * one of the two has been answered with `ok`, every other request is refused with `agent-not-paired`.
 *
 * The secret that pairing gives out never goes over the socket again: both sides show that they have it
 * (`agentProofText`), so that a program that took the agent's port learns nothing that opens the agent's door.
 */

/**
 * What became of a file, in the numbers of NetEase's agent.
 *
 * 200 created; 0 closed as it should be; 1 closed since the picture became what the file cannot go on with (another codec;
 * a change of size alone does not end a file here); 2 out of disk; 3 that account is being recorded already; 400 the
 * file exists; 403 it cannot be created; 404 there is no such call, or nobody of that name in it; at the end of a file: the
 * call was lost, or nothing came, and there is no file.
 */
export const AgentStatus = z.union([
  z.literal(0),
  z.literal(1),
  z.literal(2),
  z.literal(3),
  z.literal(200),
  z.literal(400),
  z.literal(403),
  z.literal(404),
]);
export type AgentStatus = z.infer<typeof AgentStatus>;

const requestBase = { id: z.int() };
const Nonce = z.string().min(16).max(100);
const Base64Url = z.string().regex(/^[A-Za-z0-9_-]{16,200}$/);

export const HelloRequest = z.object({
  ...requestBase,
  type: z.literal('hello'),
  version: z.int(),
  /** What the agent is to prove itself with. */
  nonce: Nonce,
});
export const HelloResult = z.object({
  version: z.int(),
  /** This installation, by a name that it has for this origin alone; a page keeps a secret for each. */
  agentId: z.string(),
  nonce: Nonce,
  /** HMAC-SHA-256 of `agentProofText` `agent` under the origin's secret, base64url; absent where there is none. */
  proof: Base64Url.optional(),
});
export type HelloResult = z.infer<typeof HelloResult>;

export const AuthenticateRequest = z.object({
  ...requestBase,
  type: z.literal('authenticate'),
  /** HMAC-SHA-256 of `agentProofText` `page` under the origin's secret, base64url. */
  proof: Base64Url,
});

/** What a page that may record is told at once. */
export const AgentWelcome = z.object({
  agentVersion: z.string(),
  /** As Node.js names it: `win32`, `darwin`, `linux`. */
  platform: z.string(),
  /** Folders under which files may be made. A name without a folder goes into the first one. */
  folders: z.array(z.string()),
  /** What this origin has running here: a page that was loaded anew goes on with it. */
  recordings: z.array(
    z.object({
      recordingId: z.string(),
      kind: z.enum(['mp4', 'aac']),
      roomId: RoomId,
      account: z.string(),
      file: z.string(),
      startedAt: z.number(),
    }),
  ),
});
export type AgentWelcome = z.infer<typeof AgentWelcome>;

export const PairRequest = z.object({
  ...requestBase,
  type: z.literal('pair'),
  /** As the agent shows it; spaces and dashes do not count. */
  code: z.string().min(1).max(40),
});
export const PairResult = AgentWelcome.extend({ secret: Base64Url });
export type PairResult = z.infer<typeof PairResult>;

/** Where the room is, for the agent to join it as a viewer that nobody sees: the token is one from `POST /v1/tokens/viewer`. */
const call = {
  serverUrl: z.url({ protocol: /^https?$/ }).max(2000),
  token: z.string().min(1).max(4096),
  roomId: RoomId,
};
const path = z.string().min(1).max(4000);

export const RecordMp4StartRequest = z.object({
  ...requestBase,
  type: z.literal('record-mp4-start'),
  ...call,
  account: UserId,
  /** A path under an allowed folder, e.g. `E:/test.mp4`, or a name for the first allowed folder. */
  path,
  source: RecordingSource.default('camera'),
  media: RecordingMedia.default('av'),
});
export const RecordMp4StopRequest = z.object({
  ...requestBase,
  type: z.literal('record-mp4-stop'),
  roomId: RoomId,
  account: UserId,
});
export const RecordAacStartRequest = z.object({
  ...requestBase,
  type: z.literal('record-aac-start'),
  ...call,
  path,
});
export const RecordAacStopRequest = z.object({ ...requestBase, type: z.literal('record-aac-stop'), roomId: RoomId });
/**
 * A newer token of the same user for what is recorded in a room: where the connection to the call breaks after the end of
 * the former one, it is made again with this. `recording-not-found` when nothing is recorded there.
 */
export const RenewRequest = z.object({ ...requestBase, type: z.literal('renew'), ...call });
export const AgentHeartbeatRequest = z.object({ ...requestBase, type: z.literal('heartbeat') });

export const AgentRequest = z.discriminatedUnion('type', [
  HelloRequest,
  AuthenticateRequest,
  PairRequest,
  RecordMp4StartRequest,
  RecordMp4StopRequest,
  RecordAacStartRequest,
  RecordAacStopRequest,
  RenewRequest,
  AgentHeartbeatRequest,
]);
export type AgentRequest = z.infer<typeof AgentRequest>;

/** A file was made: the answer to `record-…-start`, sent as a notice too. `time`: milliseconds since 1970. */
export const Mp4Start = z.object({
  type: z.literal('mp4_start'),
  mp4_file: z.string(),
  time: z.number(),
  /** The recording's id. */
  id: z.string(),
  account: z.string(),
  roomId: z.string(),
});
export type Mp4Start = z.infer<typeof Mp4Start>;

/** A file is finished: the answer to `record-…-stop`, sent as a notice too. `time`: its length in milliseconds. */
export const Mp4Close = Mp4Start.extend({ type: z.literal('mp4_close'), status: AgentStatus });
export type Mp4Close = z.infer<typeof Mp4Close>;

export const AudioRecordStart = z.object({
  type: z.literal('audio_record_start'),
  file: z.string(),
  time: z.number(),
  id: z.string(),
  roomId: z.string(),
});
export type AudioRecordStart = z.infer<typeof AudioRecordStart>;

export const AudioRecordClose = AudioRecordStart.extend({
  type: z.literal('audio_record_close'),
  status: AgentStatus,
});
export type AudioRecordClose = z.infer<typeof AudioRecordClose>;

export const AgentNotice = z.discriminatedUnion('type', [
  Mp4Start,
  Mp4Close,
  AudioRecordStart,
  AudioRecordClose,
  /** About once a second for each recording. */
  z.object({
    type: z.literal('progress'),
    id: z.string(),
    durationMs: z.number(),
    sizeBytes: z.number(),
    /** Room left on the disk that the file is on; null where the system does not say. */
    freeBytes: z.number().nullable(),
  }),
  z.object({ type: z.literal('heartbeat') }),
  /** The user took the pairing back, or the agent ends; nothing follows. */
  z.object({ type: z.literal('closed'), reason: z.enum(['unpaired', 'ended']) }),
]);
export type AgentNotice = z.infer<typeof AgentNotice>;

/** What each request is answered with; those not named here are answered with `{}`. */
export interface AgentResults {
  hello: HelloResult;
  authenticate: AgentWelcome;
  pair: PairResult;
  'record-mp4-start': Mp4Start;
  'record-mp4-stop': Mp4Close;
  'record-aac-start': AudioRecordStart;
  'record-aac-stop': AudioRecordClose;
}

export type AgentResponse<Type extends AgentRequest['type'] = AgentRequest['type']> = { readonly id: number } & (
  | { readonly ok: true; readonly result: Type extends keyof AgentResults ? AgentResults[Type] : Record<never, never> }
  | { readonly ok: false; readonly error: Problem; readonly status: AgentStatus | null }
);
