import { AircheckError, type JoinRequest, type LiveOptions, type Role } from '@aircheck/protocol';
import type { z } from 'zod';
import { isAtMost, roomOfToken, type UserPrincipal } from '../apps/index.ts';

/** Somebody on the way into a room. */
export interface Entrant {
  readonly appId: string;
  readonly roomId: string;
  readonly userId: string;
  readonly role: Role;
  /** What the token lets the user become. */
  readonly mostRole: Role;
  /** A hidden viewer: whom it watches for. */
  readonly viewerOf?: string | undefined;
  readonly live?: LiveOptions | undefined;
}

/** Whoever gives an address that the mixed picture is pushed to. */
export function isLiveHost(live: LiveOptions | undefined): boolean {
  return live !== undefined && live.rtmpUrl !== '';
}

/**
 * Who wants to join, where and as what.
 * @throws AircheckError `request-invalid` for a user token without a room, `forbidden` for another room or a greater role
 *   than the token's
 */
export function entrantOf(user: UserPrincipal, request: z.infer<typeof JoinRequest>): Entrant {
  const roomId = roomOfToken(user, request.roomId);
  const role = request.role ?? user.role;
  if (!isAtMost(role, user.role)) {
    throw new AircheckError('forbidden', `The access token is for the role ${user.role}, not for ${role}`, {
      input: 'role',
    });
  }
  const { appId, userId, role: mostRole, viewerOf } = user;
  return { appId, roomId, userId, role, mostRole, viewerOf, live: request.live };
}
