import { TokenClaims, viewerOf } from '@aircheck/protocol';
import type { JoinOptions, RoomViewer } from '../room/index.ts';

/** What recordings need of a room that was joined. */
export type JoinedRoom = Pick<
  RoomViewer,
  'state' | 'participants' | 'mediaOf' | 'receive' | 'on' | 'off' | 'recordMp4' | 'renew' | 'leave'
>;
export type JoinRoom = (options: JoinOptions) => Promise<JoinedRoom>;

interface Sharing {
  readonly room: Promise<JoinedRoom>;
  users: number;
}

/** Rooms that are joined while somebody uses them: two recordings of one call, for one user, are one viewer. */
export class SharedRooms {
  readonly #join: JoinRoom;
  readonly #rooms = new Map<string, Sharing>();

  constructor(join: JoinRoom) {
    this.#join = join;
  }

  /**
   * Joins a room, or shares in one that was joined for the same user of the same site.
   * @returns the room, and a function that gives it back: to be called once
   * @throws AircheckError what the server refuses it with
   */
  async enter(origin: string, options: JoinOptions): Promise<{ room: JoinedRoom; leave: () => Promise<void> }> {
    const key = keyOf(origin, options);
    let sharing = this.#rooms.get(key);
    if (sharing === undefined) {
      sharing = { room: this.#join(options), users: 0 };
      this.#rooms.set(key, sharing);
      // One that was closed from outside is not for the next recording.
      const forget = () => this.#rooms.get(key) === sharing && this.#rooms.delete(key);
      sharing.room.then((room) => room.on('closed', forget), forget);
    }
    const entered = sharing;
    entered.users += 1;
    const room = await entered.room;
    const leave = async () => {
      entered.users -= 1;
      if (entered.users > 0) return;
      if (this.#rooms.get(key) === entered) this.#rooms.delete(key);
      await room.leave();
    };
    return { room, leave };
  }

  /**
   * Hands a newer token to a room that is joined for the same user of the same site.
   * @returns whether there is one
   */
  async renew(origin: string, options: JoinOptions): Promise<boolean> {
    const sharing = this.#rooms.get(keyOf(origin, options));
    if (sharing === undefined) return false;
    (await sharing.room).renew(options.token);
    return true;
  }
}

function keyOf(origin: string, { serverUrl, roomId, token }: JoinOptions): string {
  return JSON.stringify([origin, serverUrl, roomId, userOf(token)]);
}

/** Whom a token is for, unchecked, as the server alone can check it; the token itself where it does not say. */
function userOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return viewerOf(TokenClaims.pick({ sub: true }).parse(claims).sub);
  } catch {
    return token;
  }
}
