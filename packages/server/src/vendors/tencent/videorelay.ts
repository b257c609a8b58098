import { AircheckError, type Recording, type RecordingSource, RoomId, splitTags, UserId } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ServerPrincipal } from '../../apps/index.ts';
import type { Settings } from '../../library/index.ts';
import type { Recordings } from '../../recording/index.ts';
import type { UserSigs } from './user-sigs.ts';

export interface VideorelayOptions {
  readonly userSigs: Pick<UserSigs, 'verify'>;
  readonly settings: Pick<Settings, 'get'>;
  readonly recordings: Pick<Recordings, 'start' | 'stop' | 'list'>;
  /** Sends a participant away. @throws AircheckError `room-not-found`, `participant-not-found` */
  readonly kick: (appId: string, roomId: string, userId: string) => Promise<void>;
}

/** `uint32_sub_cmd` */
const kickMember = 1;
const record = 5;

/** `uint32_result` of the head: what went wrong before the command itself was looked at. */
const headResults = { unpack: -1, body: -2, head: -4, credentials: -5 } as const;

/** Numbers that no error of ours has: from the table of the vendor's recording errors. */
const numbers = {
  unreadable: 30_000_000,
  noBody: 30_000_001,
  noOperation: 30_000_003,
  serverFailed: 30_000_305,
  notThere: 30_000_411,
  notRecording: 30_000_412,
} as const;

const Uint32 = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);

const Head = z.object({
  uint32_sub_cmd: Uint32,
  uint32_seq: Uint32.default(0),
  /** The room: a number in the vendor's system, any name here. */
  uint32_auth_key: z.union([z.number(), z.string()]).transform(String).pipe(RoomId),
  uint32_sdk_appid: Uint32,
  rpt_to_Account: z.array(UserId).max(10).default([]),
  bytes_cookie_buff: z.string().max(4096).optional(),
});
type Head = z.infer<typeof Head>;

const RecordRequest = z.object({
  uint32_oper: Uint32,
  string_file_name: z.string().optional(),
  /** A text in the vendor's tables; callers that followed the name send a list. */
  string_tags: z.union([z.string().transform(splitTags), z.array(z.string())]).default([]),
  uint32_classid: Uint32.default(0),
  uint32_IsTransCode: Uint32.default(0),
  uint32_IsScreenShot: Uint32.default(0),
  uint32_IsWaterMark: Uint32.default(0),
  uint32_record_data_type: Uint32.default(0),
});
type RecordRequest = z.infer<typeof RecordRequest>;

/** A failure of a command, by the vendor's number. */
class CommandError extends Error {
  readonly number: number;
  constructor(number: number, message: string) {
    super(message);
    this.number = number;
  }
}

/**
 * `POST /v3/openim/videorelay`: how a back end of ILiveSDK starts and stops recordings (command 5) and sends members away
 * (command 1). The status is 200 whatever comes of it; `reqhead.uint32_result` tells of the request, `rspbody` of the
 * command. The credentials are the UserSig of the account's administrator, in the query.
 */
export function registerVideorelay(server: FastifyInstance, options: VideorelayOptions): void {
  // A scope of its own: back ends send their JSON under whatever type their library has.
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    scope.post('/v3/openim/videorelay', { config: {} }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      return answer(options, request.query as Record<string, unknown>, request.body);
    });
  });
}

async function answer(options: VideorelayOptions, query: Record<string, unknown>, text: unknown): Promise<object> {
  let head: Head | undefined;
  const failed = (uint32_result: number, str_error_msg: string) => ({
    reqhead: { ...echoed(head), uint32_result, str_error_msg },
  });
  let body: Record<string, unknown>;
  try {
    body = z.record(z.string(), z.unknown()).parse(JSON.parse(String(text)));
  } catch {
    return failed(headResults.unpack, 'The body is not a JSON object');
  }
  const parsed = Head.safeParse(body.reqhead);
  if (!parsed.success) return failed(headResults.head, `reqhead: ${explain(parsed.error)}`);
  head = parsed.data;

  let principal: ServerPrincipal;
  try {
    principal = await authenticate(options, query, head);
  } catch (error) {
    if (error instanceof AircheckError) return failed(headResults.credentials, error.message);
    throw error;
  }
  const run = { [kickMember]: kick, [record]: recordCommand }[head.uint32_sub_cmd];
  if (run === undefined) return failed(headResults.body, `The command ${head.uint32_sub_cmd} is not known here`);
  const reqbody = (body.reqbody ?? {}) as Record<string, unknown>;
  const name = `0x${head.uint32_sub_cmd.toString(16)}`;
  let result: object;
  try {
    result = { uint32_result: 0, str_errorinfo: '', ...(await run(options, principal, head, reqbody[`req_${name}`])) };
  } catch (error) {
    result = { uint32_result: numberOf(error), str_errorinfo: error instanceof Error ? error.message : String(error) };
  }
  return {
    reqhead: { ...echoed(head), uint32_result: 0, str_error_msg: '' },
    rspbody: { [`rsp_${name}`]: result },
  };
}

/** @throws AircheckError `unauthenticated`, `token-expired`, `forbidden` */
async function authenticate(
  { userSigs, settings }: VideorelayOptions,
  query: Record<string, unknown>,
  head: Head,
): Promise<ServerPrincipal> {
  const { usersig, identifier, sdkappid } = query;
  if (typeof usersig !== 'string') throw new AircheckError('unauthenticated', 'The query holds no usersig');
  const { appId, userId, sdkAppId } = await userSigs.verify(usersig);
  if (userId !== identifier || String(sdkAppId) !== sdkappid || sdkAppId !== head.uint32_sdk_appid) {
    throw new AircheckError('unauthenticated', 'The usersig is for another identifier or sdkappid than the request');
  }
  const { adminIdentifier } = await settings.get(appId);
  if (userId !== adminIdentifier) {
    throw new AircheckError('forbidden', `${userId} is not the administrator of the account`);
  }
  return { kind: 'server', appId };
}

async function kick({ kick }: VideorelayOptions, { appId }: ServerPrincipal, head: Head): Promise<object> {
  if (head.rpt_to_Account.length === 0) throw new CommandError(numbers.unreadable, 'rpt_to_Account names nobody');
  for (const userId of head.rpt_to_Account) await kick(appId, head.uint32_auth_key, userId);
  return {};
}

async function recordCommand(
  options: VideorelayOptions,
  principal: ServerPrincipal,
  head: Head,
  body: unknown,
): Promise<object> {
  if (body === undefined || body === null) throw new CommandError(numbers.noBody, 'reqbody holds no req_0x5');
  const parsed = RecordRequest.safeParse(body);
  if (!parsed.success) {
    const noOperation = parsed.error.issues.some(({ path }) => path[0] === 'uint32_oper');
    throw new CommandError(noOperation ? numbers.noOperation : numbers.unreadable, explain(parsed.error));
  }
  const request = parsed.data;
  const [userId, ...others] = head.rpt_to_Account;
  if (userId === undefined || others.length > 0) {
    throw new CommandError(numbers.unreadable, 'rpt_to_Account must name the one user to be recorded');
  }
  const source = sourceOf(request);
  const roomId = head.uint32_auth_key;
  if (request.uint32_oper === 1) {
    const fileName = request.string_file_name ?? '';
    if (fileName === '') throw new AircheckError('file-name-missing', 'string_file_name is missing or empty');
    await options.recordings.start(principal, roomId, {
      userId,
      source,
      fileName,
      tags: request.string_tags,
      classId: request.uint32_classid,
      process: {
        transcode: request.uint32_IsTransCode !== 0,
        screenshot: request.uint32_IsScreenShot !== 0,
        watermark: request.uint32_IsWaterMark !== 0,
      },
    });
    return {};
  }
  if (request.uint32_oper !== 2) {
    throw new CommandError(numbers.noOperation, 'uint32_oper must be 1 (start) or 2 (stop)');
  }
  const running = await runningRecording(options, principal, roomId, userId, source);
  if (running === undefined) throw new CommandError(numbers.notRecording, `${userId} is not being recorded`);
  const { fileIds } = await options.recordings.stop(principal, running.recordingId);
  return { str_fileID: fileIds };
}

async function runningRecording(
  { recordings }: VideorelayOptions,
  principal: ServerPrincipal,
  roomId: string,
  userId: string,
  source: RecordingSource,
): Promise<Recording | undefined> {
  const { items } = await recordings.list(principal, { roomId, live: true, limit: 200 });
  return items.find((recording) => recording.userId === userId && recording.source === source);
}

function sourceOf({ uint32_record_data_type: type }: RecordRequest): RecordingSource {
  if (type === 0) return 'camera';
  if (type === 1) return 'screen';
  throw new AircheckError('source-invalid', 'uint32_record_data_type must be 0 (camera) or 1 (screen)');
}

/** The vendor's number of what went wrong. */
function numberOf(error: unknown): number {
  if (error instanceof CommandError) return error.number;
  if (error instanceof z.ZodError) return numbers.unreadable;
  if (!(error instanceof AircheckError)) return numbers.serverFailed;
  if (error.vendorCode !== undefined) return error.vendorCode;
  if (error.code === 'track-not-found') return numbers.notThere;
  return error.fault === 'caller' ? numbers.unreadable : numbers.serverFailed;
}

/** What the answer's head repeats of the request's. */
function echoed(head: Head | undefined): object {
  if (head === undefined) return {};
  const { uint32_sub_cmd, uint32_seq, uint32_auth_key, uint32_sdk_appid, bytes_cookie_buff } = head;
  return {
    uint32_sub_cmd,
    uint32_seq,
    uint32_auth_key: /^\d{1,10}$/.test(uint32_auth_key) ? Number(uint32_auth_key) : uint32_auth_key,
    uint32_sdk_appid,
    ...(bytes_cookie_buff !== undefined && { bytes_cookie_buff }),
  };
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not valid'}`;
}
