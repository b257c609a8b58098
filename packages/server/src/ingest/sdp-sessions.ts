import { AircheckError, RoomId } from '@aircheck/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isUserToken, principalOf, requireRoom, type UserPrincipal } from '../apps/index.ts';
import type { ExternalSession, Rooms } from '../rooms/index.ts';
import { iceServerLinks } from './ice-server-links.ts';
import { parseSdpFragment, type SdpFragment, serializeSdpFragment } from './sdp-fragment.ts';

/*
 * What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common: a session is made by POST of an SDP offer, and
 * is a resource then that takes PATCH (trickle ICE, ICE restart) and DELETE.
 */

const sdpType = 'application/sdp';
const fragmentType = 'application/trickle-ice-sdpfrag';
const maxSdpBytes = 200_000;

export interface IngestOptions {
  readonly rooms: Rooms;
}

interface SdpSession {
  readonly roomId: string;
  readonly user: UserPrincipal;
  readonly external: ExternalSession;
  /** Names the ICE session (RFC 9725 §4.3.1): our ufrag, which every restart draws anew. */
  etag: string;
  remoteUfrag: string | undefined;
  readonly mediaLine: string;
  readonly mid: string;
}

interface EndpointOptions {
  readonly rooms: Rooms;
  /** Pattern of the URL that takes the POST; it holds `:roomId`. */
  readonly url: string;
  /** Takes the offer, gives the answer. */
  readonly open: (
    user: UserPrincipal,
    request: FastifyRequest,
    sdp: string,
  ) => Promise<{ readonly session: ExternalSession; readonly sdp: string }>;
}

const RoomParams = z.object({ roomId: RoomId });
const SessionParams = z.object({ sessionId: z.string() });

/** Serves one endpoint and the sessions made there, at `{url}/sessions/{id}`. */
export function registerSdpEndpoint(app: FastifyInstance, { rooms, url, open }: EndpointOptions): void {
  const sessions = new Map<string, SdpSession>();
  const sessionUrl = `${url}/sessions/:sessionId`;
  const links = iceServerLinks(rooms.iceServers);

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      [sdpType, fragmentType],
      { parseAs: 'string', bodyLimit: maxSdpBytes },
      (_request, body, done) => done(null, body),
    );

    scope.options(url, async (_request, reply) =>
      reply.code(204).headers({ allow: 'OPTIONS, POST', 'accept-post': sdpType }).send(),
    );

    scope.post(url, { config: { access: 'any' } }, async (request, reply) => {
      const user = roomUser(request);
      const offer = textOf(request, sdpType);
      const remote = parseSdpFragment(offer);
      const { session, sdp } = await open(user, request, offer);
      const {
        iceUfrag = session.sessionId,
        mediaLine = 'audio 9 UDP/TLS/RTP/SAVPF 0',
        mid = '0',
      } = parseSdpFragment(sdp);
      const entry: SdpSession = {
        roomId: roomOf(request),
        user,
        external: session,
        etag: `"${iceUfrag}"`,
        remoteUfrag: remote.iceUfrag,
        mediaLine,
        mid,
      };
      sessions.set(session.sessionId, entry);
      session.onEnded(() => sessions.delete(session.sessionId));
      reply.code(201).headers({
        location: `${request.url.split('?', 1)[0]}/sessions/${session.sessionId}`,
        etag: entry.etag,
        'accept-patch': fragmentType,
      });
      if (links.length > 0) reply.header('link', links);
      return reply.type(sdpType).send(sdp);
    });

    scope.options(sessionUrl, async (_request, reply) =>
      reply.code(204).headers({ allow: 'DELETE, OPTIONS, PATCH', 'accept-patch': fragmentType }).send(),
    );

    scope.patch(sessionUrl, { config: { access: 'any' } }, async (request, reply) => {
      const session = find(request);
      const fragment = parseSdpFragment(textOf(request, fragmentType));
      if (!isRestart(request, session, fragment)) return reply.code(204).send();
      return restart(session, fragment, reply);
    });

    scope.delete(sessionUrl, { config: { access: 'any' } }, async (request, reply) => {
      find(request).external.end();
      return reply.code(200).send();
    });
  });

  function find(request: FastifyRequest): SdpSession {
    const user = roomUser(request);
    const { sessionId } = SessionParams.parse(request.params);
    const session = sessions.get(sessionId);
    if (session === undefined || session.roomId !== roomOf(request) || session.user.appId !== user.appId) {
      throw new AircheckError('session-not-found', 'There is no such session, or it has ended');
    }
    if (session.user.userId !== user.userId) {
      throw new AircheckError('forbidden', 'The session belongs to another user');
    }
    return session;
  }
}

async function restart(
  session: SdpSession,
  { iceUfrag, icePwd, mediaLine = session.mediaLine, mid = session.mid }: SdpFragment,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (iceUfrag === undefined || icePwd === undefined) {
    throw new AircheckError('sdp-invalid', 'An ICE restart needs ice-ufrag and ice-pwd', { input: 'body' });
  }
  const local = await session.external.restartIce({ iceUfrag, icePwd });
  session.remoteUfrag = iceUfrag;
  session.etag = `"${local.iceUfrag}"`;
  return reply
    .code(200)
    .header('etag', session.etag)
    .type(fragmentType)
    .send(serializeSdpFragment({ mediaLine, mid, ...local }));
}

/**
 * Whether the client's credentials are new to the session, after the preconditions of RFC 9725 §4.3.1 are checked.
 * @throws AircheckError `precondition-required`, `revision-mismatch`
 */
function isRestart(request: FastifyRequest, session: SdpSession, { iceUfrag }: SdpFragment): boolean {
  const condition = request.headers['if-match'];
  if (condition === undefined) {
    throw new AircheckError('precondition-required', 'The request lacks If-Match', {
      input: 'headers.if-match',
      hint: 'Send the ETag of the session, or "*" for an ICE restart',
    });
  }
  const tags = condition.split(',').map((tag) => tag.trim());
  // RFC 9725 writes the star of RFC 9110 §13.1.1 within quotation marks; clients do both.
  const any = tags.includes('*') || tags.includes('"*"');
  if (!any && !tags.includes(session.etag)) {
    throw new AircheckError('revision-mismatch', 'If-Match names another ICE session than the present one', {
      input: 'headers.if-match',
    });
  }
  return iceUfrag !== undefined && iceUfrag !== session.remoteUfrag;
}

/**
 * The user whose token the request carries.
 * @throws AircheckError `forbidden` for an app's own credentials, and for another room; `request-invalid` for a room that
 *   cannot be
 */
function roomUser(request: FastifyRequest): UserPrincipal {
  const principal = principalOf(request);
  const roomId = roomOf(request);
  // Who comes in with a user token is not inside yet.
  if (principal.kind !== 'user' || !isUserToken(principal)) requireRoom(principal, roomId);
  if (principal.kind !== 'user') {
    throw new AircheckError('forbidden', "This needs a user's access token", { hint: 'Make one with POST /v1/tokens' });
  }
  return principal;
}

/**
 * The room that the URL names.
 * @throws AircheckError `request-invalid` when no room can have that id
 */
export function roomOf(request: FastifyRequest): string {
  const { data, error } = RoomParams.safeParse(request.params);
  if (data !== undefined) return data.roomId;
  throw new AircheckError('request-invalid', `path.roomId: ${error.issues[0]?.message ?? 'not valid'}`, {
    input: 'path.roomId',
    cause: error,
  });
}

/** @throws AircheckError `media-type-unsupported`, `request-body-missing` */
function textOf(request: FastifyRequest, type: string): string {
  const contentType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (contentType !== type) {
    throw new AircheckError('media-type-unsupported', `The content type must be ${type}`, {
      input: 'headers.content-type',
    });
  }
  if (typeof request.body !== 'string' || request.body === '') {
    throw new AircheckError('request-body-missing', 'The request has no body', { input: 'body' });
  }
  return request.body;
}
