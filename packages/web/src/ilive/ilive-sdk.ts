import type { Role } from '@aircheck/protocol';
import { browserPlatform, type Platform } from '../core/index.ts';
import type { ILiveModule } from './error-entry.ts';
import { type CallKind, toVendorError } from './error-mapping.ts';
import { ILiveError, type ILiveErrorName, type ILiveLanguage } from './errors.ts';
import type { ILiveEventHandler } from './room-listeners.ts';

/** For whom, where and as what a token is wanted. Without `roomId` it is for logging in: a user token. */
export interface TokenWish {
  readonly userId: string;
  readonly roomId?: string;
  readonly role?: Role;
}

export interface ILiveSDKOptions {
  /** Where the Aircheck server is, e.g. `https://rec.example.org`. */
  readonly serverUrl: string;
  /** The number of the application; a userSig must be for it. */
  readonly sdkAppId?: number;
  /** Kept for the vendor's sake. */
  readonly accountType?: number;
  /**
   * Asks your server for an access token (`POST /v1/tokens` there), at login and whenever a room is entered or the role
   * changed. With it the userSig given to `iLiveLogin` is not used and may be empty.
   */
  readonly getToken?: (wish: TokenWish) => Promise<string>;
  /** What the names given to `controlRole` and `changeRole` stand for, added to {@link defaultRoles}. */
  readonly roles?: Readonly<Record<string, Role>>;
  /** Of error messages; the page's own when absent: Chinese where it is, else English. */
  readonly language?: ILiveLanguage;
  /** The browser's own when absent. */
  readonly platform?: Platform;
}

/** Roles as the vendor's console has them at first. */
export const defaultRoles: Readonly<Record<string, Role>> = {
  LiveMaster: 'host',
  LiveGuest: 'guest',
  Guest: 'audience',
};

/** What `initSdk` was given, with its defaults. */
export interface ILiveSettings {
  readonly serverUrl: string;
  readonly sdkAppId: number;
  readonly accountType: number;
  readonly getToken: ((wish: TokenWish) => Promise<string>) | undefined;
  readonly roles: Readonly<Record<string, Role>>;
  readonly platform: Platform;
}

/** The SDK as a whole: where the server is, and who listens. */
export class ILiveSDK {
  static #instance: ILiveSDK | undefined;
  readonly #handlers = new Set<ILiveEventHandler>();
  #settings: ILiveSettings | undefined;
  #language: ILiveLanguage = pageLanguage();

  static getInstance(): ILiveSDK {
    ILiveSDK.#instance ??= new ILiveSDK();
    return ILiveSDK.#instance;
  }

  /**
   * To be called once, before anything else.
   * @throws ILiveError 8021 when `serverUrl` is no address
   */
  initSdk({ serverUrl, sdkAppId = 0, accountType = 0, getToken, roles, language, platform }: ILiveSDKOptions): void {
    this.#language = language ?? pageLanguage();
    if (!isWebAddress(serverUrl)) {
      throw this.error('ERR_INVALID_PARAM', `serverUrl: ${String(serverUrl)}`);
    }
    this.#settings = {
      serverUrl: serverUrl.replace(/\/+$/, ''),
      sdkAppId,
      accountType,
      getToken,
      roles: { ...defaultRoles, ...roles },
      platform: platform ?? browserPlatform(),
    };
  }

  getAppId(): number {
    return this.#settings?.sdkAppId ?? 0;
  }

  getAccountType(): number {
    return this.#settings?.accountType ?? 0;
  }

  /** Tells a handler of everything that happens in rooms from now on. */
  addEventHandler(handler: ILiveEventHandler): void {
    this.#handlers.add(handler);
  }

  removeEventHandler(handler: ILiveEventHandler): void {
    this.#handlers.delete(handler);
  }

  /** @internal @throws ILiveError 8002 before `initSdk` */
  get settings(): ILiveSettings {
    if (this.#settings === undefined) throw this.error('ERR_AV_NOT_READY', 'initSdk');
    return this.#settings;
  }

  /** @internal */
  tell(tell: (handler: ILiveEventHandler) => void): void {
    for (const handler of [...this.#handlers]) tell(handler);
  }

  /** @internal */
  error(
    name: ILiveErrorName,
    detail = '',
    options?: { readonly module?: ILiveModule; readonly cause?: unknown },
  ): ILiveError {
    return new ILiveError(name, detail, this.#language, options);
  }

  /** @internal Runs a call; whatever it fails with becomes the vendor's error for it. */
  async run<Result>(kind: CallKind, call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (cause) {
      throw this.failure(cause, kind);
    }
  }

  /** @internal */
  failure(cause: unknown, kind: CallKind): ILiveError {
    if (cause instanceof ILiveError) return cause;
    const { name, ...options } = toVendorError(cause, kind);
    return this.error(name, cause instanceof Error ? cause.message : String(cause), { ...options, cause });
  }
}

/** `URL.canParse` is not in React Native. */
function isWebAddress(url: string): boolean {
  if (!/^https?:/.test(url)) return false;
  try {
    new URL(url);
    return true;
  } catch {
    return false;
  }
}

function pageLanguage(): ILiveLanguage {
  return /^zh\b/i.test(globalThis.navigator?.language ?? '') ? 'zh' : 'en';
}
