import type { TokenClaims } from '@aircheck/protocol';

/** Reads what an access token says, without checking it: the server does that. Undefined when it is not a token. */
export function readTokenClaims(token: string): TokenClaims | undefined {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Partial<TokenClaims>;
    const { sub, room, role, exp } = claims;
    if (sub === undefined || room === undefined || role === undefined || exp === undefined) return undefined;
    return { sub, room, role, exp };
  } catch {
    return undefined;
  }
}
