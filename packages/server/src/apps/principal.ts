import { AircheckError, anyRoom, type Role } from '@aircheck/protocol';

/** Whose request it is. */
export type Principal = ServerPrincipal | UserPrincipal;

/** The app itself: another server with the app's key, or a console signed in with it. May do everything in the app. */
export interface ServerPrincipal {
  readonly kind: 'server' | 'console';
  readonly appId: string;
}

/** Rooms in which somebody is now, and as what. */
export type Presence = ReadonlyMap<string, Role>;

/**
 * A user with an access token. The token of one room is good there whether the user is inside or not. A user token is
 * good wherever the user is inside now, and a hidden viewer's where the one is that it watches for; see
 * docs/decisions/0007-user-tokens.md.
 */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly appId: string;
  readonly userId: string;
  /** The room that the token is for; `*` makes it a user token. */
  readonly roomId: string;
  /** What its user may be at most. */
  readonly role: Role;
  /** Seconds since 1970 at which the token ends. */
  readonly exp: number;
  /** A hidden viewer: whom it watches for. */
  readonly viewerOf?: string;
  /** Where its rights depend on who is where: how that is at the time of the request. */
  readonly presence?: Presence;
}

const roles: readonly Role[] = ['audience', 'guest', 'host'];

/** Whether a role may do no more than another. */
export function isAtMost(role: Role, most: Role): boolean {
  return roles.indexOf(role) <= roles.indexOf(most);
}

/** Whether it is good in any room of the app, and the user's own files are its own wherever they were made. */
export function isUserToken(user: UserPrincipal): boolean {
  return user.roomId === anyRoom;
}

/** What a user may act as in a room now; undefined where it has no rights. */
export function roleIn(user: UserPrincipal, roomId: string | null): Role | undefined {
  if (roomId === null) return undefined;
  if (user.presence === undefined) return user.roomId === roomId ? user.role : undefined;
  const role = user.presence.get(roomId);
  return role === undefined || isAtMost(role, user.role) ? role : user.role;
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
  if (principal.kind !== 'user' || roleIn(principal, roomId) !== undefined) return;
  if (principal.presence !== undefined) {
    throw new AircheckError('forbidden', `The user ${principal.userId} is not in ${roomId ?? 'a room of this'} now`, {
      hint: 'Join the room first, or use a token that is for this room',
    });
  }
  const what = roomId === null ? 'one room, and this belongs to none' : `another room than ${roomId}`;
  throw new AircheckError('forbidden', `The access token is for ${what}`);
}

/**
 * Who may look at a recording or file: who may look at its room, and with a user token the one who is in it.
 * @throws AircheckError `forbidden`
 */
export function requireSight(
  principal: Principal,
  { roomId, userId }: { readonly roomId: string | null; readonly userId: string | null },
): void {
  const own = principal.kind === 'user' && isUserToken(principal) && principal.userId === userId;
  if (!own) requireRoom(principal, roomId);
}

/**
 * What a user may list: all of a room that it may look at; with a user token its own besides, which is what it gets
 * without a room.
 * @returns the filter to list by
 * @throws AircheckError `forbidden`
 */
export function listedFor(
  principal: Principal,
  filter: { readonly roomId?: string | undefined; readonly userId?: string | undefined },
): { readonly roomId?: string | undefined; readonly userId?: string | undefined } {
  const { roomId, userId } = filter;
  if (principal.kind !== 'user') return { roomId, userId };
  if (!isUserToken(principal)) {
    if (roomId !== undefined || principal.presence !== undefined) requireRoom(principal, roomId ?? principal.roomId);
    return { roomId: principal.roomId, userId };
  }
  if (roomId !== undefined && roleIn(principal, roomId) !== undefined) return { roomId, userId };
  if (userId !== undefined && userId !== principal.userId) {
    throw new AircheckError('forbidden', 'A user token lists what is of its own user, or of a room that it is in now', {
      input: 'query.userId',
    });
  }
  return { roomId, userId: principal.userId };
}

/**
 * Hosts record anyone in their room, guests themselves, the audience nobody.
 * @throws AircheckError `forbidden` for another room, `recording-forbidden` where the role does not suffice
 */
export function requireRecording(principal: Principal, roomId: string, userId: string): void {
  requireRoom(principal, roomId);
  if (principal.kind !== 'user') return;
  const role = roleIn(principal, roomId);
  if (role === 'host' || (role === 'guest' && principal.userId === userId)) return;
  throw new AircheckError(
    'recording-forbidden',
    role === 'guest' ? 'A guest may record itself only' : 'The audience may not record',
  );
}

/**
 * Hosts make rooms: theirs, or with a user token any, as they could by joining.
 * @throws AircheckError `forbidden`
 */
export function requireRoomMaker(principal: Principal, roomId: string): void {
  if (principal.kind !== 'user') return;
  if (!isUserToken(principal)) requireRoom(principal, roomId);
  if (principal.role !== 'host') throw new AircheckError('forbidden', 'Only hosts make rooms');
}

/**
 * The room that a token is used for.
 * @param roomId - the one that the request names
 * @throws AircheckError `request-invalid` for a user token without a room, `forbidden` for another than the token's
 */
export function roomOfToken(user: UserPrincipal, roomId: string | undefined): string {
  if (isUserToken(user)) {
    if (roomId !== undefined) return roomId;
    throw new AircheckError('request-invalid', 'roomId: a user token does not say which room', {
      input: 'roomId',
      hint: 'Name the room, or use a token that is for it',
    });
  }
  if (roomId === undefined || roomId === user.roomId) return user.roomId;
  throw new AircheckError('forbidden', `The access token is for another room than ${roomId}`, { input: 'roomId' });
}
