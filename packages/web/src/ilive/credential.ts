/** What a credential says of itself; whether that is true, only the server can tell. */
export interface CredentialClaims {
  readonly userId: string;
  /** Of a userSig. */
  readonly sdkAppId?: number;
}

/**
 * Reads an access token (JWT) or a userSig (JSON, deflated, in Base64 with `*-_` for `+/=`).
 * @returns `unreadable` when it is neither; `unknown` for a userSig where nothing can inflate it (React Native)
 */
export async function readCredential(text: string): Promise<CredentialClaims | 'unreadable' | 'unknown'> {
  const isToken = text.includes('.');
  if (!isToken && globalThis.DecompressionStream === undefined) return 'unknown';
  try {
    const bytes = isToken ? payloadOf(text) : await inflate(fromBase64(text, ['*', '-', '_']));
    const claims = JSON.parse(utf8(bytes)) as Record<string, unknown>;
    return (isToken ? ofToken(claims) : ofUserSig(claims)) ?? 'unreadable';
  } catch {
    // Whatever is wrong with it, it is no credential.
    return 'unreadable';
  }
}

function payloadOf(token: string): Uint8Array {
  return fromBase64(token.split('.')[1] ?? '', ['-', '_', '=']);
}

function ofToken({ sub }: Record<string, unknown>): CredentialClaims | undefined {
  return typeof sub === 'string' ? { userId: sub } : undefined;
}

function ofUserSig(claims: Record<string, unknown>): CredentialClaims | undefined {
  const userId = claims['TLS.identifier'];
  return typeof userId === 'string' ? { userId, sdkAppId: Number(claims['TLS.sdkappid']) } : undefined;
}

/** @param letters - what stands for `+`, `/` and `=` */
function fromBase64(text: string, [plus, slash, equals]: readonly [string, string, string]): Uint8Array<ArrayBuffer> {
  const base64 = text.replaceAll(plus, '+').replaceAll(slash, '/').replaceAll(equals, '=');
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

/** React Native has no `TextDecoder`. @throws URIError for what is no UTF-8 */
function utf8(bytes: Uint8Array): string {
  return decodeURIComponent([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
}
