import type { Role } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol';

/** Whose request it is. */
export type Principal = ServerPrincipal | UserPrincipal;

/** The app itself: another server with the app's key, or a console signed in with it. May do everything in the app. */
export interface ServerPrincipal {
  readonly kind: 'server' | 'console';
  readonly appId: string;
}

/** A user with an access token: may act in one room, by its role. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly appId: string;
  readonly userId: string;
  readonly roomId: string;
  readonly role: Role;
  /** Seconds since 1970 at which the token ends. */
  readonly exp: number;
}

/** @throws AircheckError `forbidden` when the request is a user's */
export function requireServer(principal: Principal): asserts principal is ServerPrincipal {
  if (principal.kind === 'user') {
    throw new AircheckError('forbidden', "This needs the app's key and secret; an access token does not suffice");
  }
}

/**
 * @param roomId - null for what belongs to no room, which is the app's alone
 * @throws AircheckError `forbidden` when the request is that of a user of another room
 */
export function requireRoom(principal: Principal, roomId: string | null): void {
  if (principal.kind === 'user' && principal.roomId !== roomId) {
    const what = roomId === null ? 'one room, and this belongs to none' : `another room than ${roomId}`;
    throw new AircheckError('forbidden', `The access token is for ${what}`);
  }
}

/**
 * Hosts record anyone in their room, guests themselves, the audience nobody.
 * @throws AircheckError `forbidden` for another room, `recording-forbidden` where the role does not suffice
 */
export function requireRecording(principal: Principal, roomId: string, userId: string): void {
  requireRoom(principal, roomId);
  if (principal.kind !== 'user' || principal.role === 'host') return;
  if (principal.role === 'guest' && principal.userId === userId) return;
  throw new AircheckError(
    'recording-forbidden',
    principal.role === 'guest' ? 'A guest may record itself only' : 'The audience may not record',
  );
}
