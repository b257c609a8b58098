import { AircheckError, anyRoom } from '@aircheck/protocol';
import type { Apps, UserPrincipal } from '../../apps/index.ts';
import type { Clock } from '../../clock.ts';
import type { Settings } from '../../library/index.ts';
import { sdkAppIdOf, type UserSig, verifyUserSig } from './user-sig.ts';

export interface UserSigsOptions {
  readonly apps: Pick<Apps, 'secrets'>;
  readonly settings: Pick<Settings, 'get'>;
  readonly clock: Clock;
}

/** Whose UserSig it is: that of the app with its account number, signed with that app's secret. */
export class UserSigs {
  readonly #options: UserSigsOptions;

  constructor(options: UserSigsOptions) {
    this.#options = options;
  }

  /** @throws AircheckError `unauthenticated`, `token-expired` */
  async verify(text: string): Promise<UserSig & { readonly appId: string }> {
    const { apps, settings, clock } = this.#options;
    const sdkAppId = sdkAppIdOf(text);
    let refusal = new AircheckError('unauthenticated', `There is no app with the sdkAppId ${sdkAppId}`);
    for (const { appId, secret } of apps.secrets()) {
      if ((await settings.get(appId)).sdkAppId !== sdkAppId) continue;
      try {
        return { ...verifyUserSig(text, secret, clock.now()), appId };
      } catch (error) {
        if (!(error instanceof AircheckError)) throw error;
        // Apps that never set the number have the same one: it may be another's.
        refusal = error;
      }
    }
    throw refusal;
  }

  /**
   * A UserSig in the place of an access token. One that says what room it is for (a `PrivateMapKey`) is good there, with
   * the rights that it says; a plain one is a user token, and whoever it is may be host of any room.
   * @throws AircheckError `unauthenticated`, `token-expired`
   */
  async principal(text: string): Promise<UserPrincipal> {
    const { appId, userId, expiresAt, room = { roomId: anyRoom, role: 'host' } } = await this.verify(text);
    return { kind: 'user', appId, userId, roomId: room.roomId, role: room.role, exp: expiresAt };
  }
}
