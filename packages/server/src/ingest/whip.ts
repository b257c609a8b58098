import type { FastifyInstance } from 'fastify';
import type { OfferedSource } from '../worker/contract.ts';
import { type IngestOptions, registerSdpEndpoint, roomOf } from './sdp-sessions.ts';
import { sourceOf } from './source-query.ts';

/**
 * WHIP (RFC 9725) at `POST /whip/{roomId}`: who publishes here is a participant of the room. `?source=screen` says that
 * the picture is a screen.
 */
export function registerWhip(app: FastifyInstance, { rooms }: IngestOptions): void {
  registerSdpEndpoint(app, {
    rooms,
    url: '/whip/:roomId',
    open: (user, request, sdp) =>
      rooms.publishExternal(
        user,
        roomOf(request),
        sdp,
        sourceOf(request) === 'screen' ? screenSources(sdp) : undefined,
      ),
  });
}

/** The first audio of an offer is the microphone, the first video the screen. */
function screenSources(sdp: string): OfferedSource[] {
  const sections = sdp.split(/\r?\n(?=m=)/).slice(1);
  const first = (kind: string) => {
    const section = sections.find((text) => text.startsWith(`m=${kind} `));
    return section === undefined ? undefined : /^a=mid:(\S+)/m.exec(section)?.[1];
  };
  const [audio, video] = [first('audio'), first('video')];
  return [
    ...(audio === undefined ? [] : [{ mid: audio, source: 'microphone' as const, muted: false }]),
    ...(video === undefined ? [] : [{ mid: video, source: 'screen' as const, muted: false }]),
  ];
}
