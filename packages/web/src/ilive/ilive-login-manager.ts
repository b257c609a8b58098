import type { Role } from '@aircheck/protocol';
import { RestClient } from '../core/index.ts';
import { answer, type ILiveCallBack, type ILiveFailure, type ILiveSuccess } from './callbacks.ts';
import { readCredential } from './credential.ts';
import type { ILiveError } from './errors.ts';
import { ILiveSDK, type TokenWish } from './ilive-sdk.ts';
import type { ILiveUserStatusListener } from './room-listeners.ts';

interface Login {
  readonly userId: string;
  /** Empty where each token is asked for. */
  readonly sig: string;
}

/** Who uses the SDK. */
export class ILiveLoginManager {
  static #instance: ILiveLoginManager | undefined;
  readonly #sdk: ILiveSDK;
  #login: Login | undefined;
  #busy = false;
  #listener: ILiveUserStatusListener | undefined;
  #beforeLogout: () => Promise<void> = async () => {};

  static getInstance(): ILiveLoginManager {
    ILiveLoginManager.#instance ??= new ILiveLoginManager(ILiveSDK.getInstance());
    return ILiveLoginManager.#instance;
  }

  private constructor(sdk: ILiveSDK) {
    this.#sdk = sdk;
  }

  /**
   * Logs a user in: the server is asked whether it knows the credentials.
   * @param sig - a userSig, or an access token for any room (`POST /v1/tokens` with `roomId: '*'`) or for one; not used with `getToken`
   * @returns rejects with ILiveError 8021, 8051 (both of TLSSDK), 8011, 8012, 8024, 8052
   */
  iLiveLogin(
    id: string,
    sig: string,
    callBack?: ILiveCallBack<void> | ILiveSuccess<void> | null,
    failed?: ILiveFailure | null,
  ): Promise<void> {
    return answer(
      this.#sdk.run('login', () => this.#logIn(id, sig)),
      callBack,
      failed,
    );
  }

  /** Logs the user out, leaving the room before. @returns rejects with ILiveError 8009 */
  iLiveLogout(callBack?: ILiveCallBack<void> | ILiveSuccess<void> | null, failed?: ILiveFailure | null): Promise<void> {
    const logOut = async () => {
      this.requireUser();
      await this.#beforeLogout();
      this.#login = undefined;
    };
    return answer(this.#sdk.run('login', logOut), callBack, failed);
  }

  /** The user's id; empty when nobody is logged in. */
  getMyUserId(): string {
    return this.#login?.userId ?? '';
  }

  /** iOS: {@link getMyUserId}. */
  getLoginId(): string {
    return this.getMyUserId();
  }

  isLogin(): boolean {
    return this.#login !== undefined;
  }

  /** Tells when the user was sent away or its credentials have expired. */
  setUserStatusListener(listener: ILiveUserStatusListener | null): void {
    this.#listener = listener ?? undefined;
  }

  /** @internal @throws ILiveError 8002, 8009 */
  requireUser(): string {
    // Without initSdk nothing else can be right either.
    void this.#sdk.settings;
    if (this.#login === undefined) throw this.#sdk.error('ERR_NOT_LOGIN');
    return this.#login.userId;
  }

  /** @internal What to enter a room with. @throws ILiveError */
  async tokenFor(roomId: string, role: Role, privateMapKey = ''): Promise<string> {
    const userId = this.requireUser();
    if (this.#sdk.settings.getToken !== undefined) return this.#ask({ userId, roomId, role });
    return privateMapKey === '' ? (this.#login?.sig ?? '') : privateMapKey;
  }

  /** @internal The room is over because of the user. */
  forceOffline({ module, errCode, errMsg }: ILiveError): void {
    const userId = this.getMyUserId();
    this.#sdk.tell((handler) => handler.onForceOffline?.(userId, module, errCode, errMsg));
    this.#listener?.onForceOffline(errCode, errMsg);
  }

  /** @internal */
  set beforeLogout(leave: () => Promise<void>) {
    this.#beforeLogout = leave;
  }

  async #logIn(userId: string, sig: string): Promise<void> {
    const { serverUrl, getToken, platform } = this.#sdk.settings;
    if (this.#busy) throw this.#sdk.error('ERR_BUSY_HERE');
    if (this.#login !== undefined) throw this.#sdk.error('ERR_ALREADY_STATE', this.#login.userId);
    if (typeof userId !== 'string' || userId === '') throw this.#sdk.error('ERR_INVALID_PARAM', 'id');
    this.#busy = true;
    try {
      const token = getToken === undefined ? sig : await this.#ask({ userId });
      await this.#check(userId, token);
      // What anyone may ask; it fails when the server does not know the credentials.
      const api = new RestClient({ baseUrl: serverUrl, token, fetch: platform.fetch });
      await api.recordings({ limit: 1 });
      this.#login = { userId, sig };
    } finally {
      this.#busy = false;
    }
  }

  /** Finds out what can be known without the server. @throws ILiveError 8021, 8051 */
  async #check(userId: string, token: string): Promise<void> {
    const claims = typeof token === 'string' ? await readCredential(token) : 'unreadable';
    const module = 'TLSSDK';
    const { sdkAppId } = this.#sdk.settings;
    if (claims === 'unknown') return;
    if (claims === 'unreadable') throw this.#sdk.error('ERR_INVALID_PARAM', 'sig', { module });
    if (claims.userId !== userId) {
      throw this.#sdk.error('ERR_INVALID_PARAM', `sig: ${claims.userId} ≠ ${userId}`, { module });
    }
    if (sdkAppId !== 0 && claims.sdkAppId !== undefined && claims.sdkAppId !== sdkAppId) {
      throw this.#sdk.error('ERR_INVALID_PARAM', `sdkAppId: ${claims.sdkAppId} ≠ ${sdkAppId}`, { module });
    }
  }

  /** @throws ILiveError 8020 of HTTP */
  async #ask(wish: TokenWish): Promise<string> {
    const { getToken } = this.#sdk.settings;
    try {
      return (await getToken?.(wish)) ?? '';
    } catch (cause) {
      const detail = `getToken: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw this.#sdk.error('ERR_SDK_FAILED', detail, { module: 'HTTP', cause });
    }
  }
}
