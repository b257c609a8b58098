import type { Role } from '@aircheck/protocol';
import { NetcallError } from './netcall-error.ts';

/** What is read of a `NIM` object; one that a page makes by itself, `{account, token}`, does as well. */
export interface NimLike {
  readonly account?: string;
  /** An access token of Aircheck for that user: a user token (`roomId: '*'`), or one for the channel. */
  readonly token?: string;
  readonly appKey?: string;
  /** Where the vendor's own object keeps them. */
  readonly options?: { readonly account?: string; readonly token?: string; readonly appKey?: string };
}

/** What a token is wanted for. */
export interface TokenWanted {
  readonly userId: string;
  readonly roomId: string;
  readonly role: Role;
}

export type GetToken = (wanted: TokenWanted) => string | Promise<string>;

/** Who takes part, and the tokens that show it. */
export class Identity {
  readonly account: string;
  readonly #token: string | undefined;
  readonly #getToken: GetToken | undefined;

  /** @throws NetcallError 400 without an account, or without either a token or a way to get one */
  constructor(nim: NimLike | undefined, getToken: GetToken | undefined) {
    const account = nim?.account ?? nim?.options?.account;
    if (typeof account !== 'string' || account === '') {
      throw new NetcallError(400, 'nim has no account: pass {account, token} of the user', { input: 'nim.account' });
    }
    this.account = account;
    this.#token = nim?.token ?? nim?.options?.token;
    this.#getToken = getToken;
    if (this.#token === undefined && getToken === undefined) {
      throw new NetcallError(400, 'There is neither nim.token nor getToken', { input: 'nim.token' });
    }
  }

  /** Tokens can be had for a role. */
  get asks(): boolean {
    return this.#getToken !== undefined;
  }

  /** @throws NetcallError 401 when `getToken` gives none */
  async token(roomId: string, role: Role): Promise<string> {
    if (this.#getToken === undefined) return this.#token ?? '';
    let token: unknown;
    try {
      token = await this.#getToken({ userId: this.account, roomId, role });
    } catch (cause) {
      throw new NetcallError(401, 'getToken gave no token', { cause, input: 'getToken' });
    }
    if (typeof token === 'string' && token !== '') return token;
    throw new NetcallError(401, 'getToken gave no token', { input: 'getToken' });
  }
}
