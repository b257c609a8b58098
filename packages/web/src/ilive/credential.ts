/** What a credential says of itself; whether that is true, only the server can tell. */
export interface CredentialClaims {
  readonly userId: string;
  /** Of a userSig. */
  readonly sdkAppId?: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * Reads an access token (JWT) or a userSig (JSON, deflated, in Base64 with `*-_` for `+/=`).
 * @returns undefined when it is neither
 */
export async function readCredential(text: string): Promise<CredentialClaims | undefined> {
  try {
    const claims: unknown = text.includes('.')
      ? JSON.parse(utf8(fromBase64(text.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '')))
      : JSON.parse(
          utf8(await inflate(fromBase64(text.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=')))),
        );
    return text.includes('.') ? ofToken(claims as Record<string, unknown>) : ofUserSig(claims as never);
  } catch {
    // Whatever is wrong with it, it is no credential.
    return undefined;
  }
}

function ofToken({ sub, exp }: Record<string, unknown>): CredentialClaims | undefined {
  return typeof sub === 'string' && typeof exp === 'number' ? { userId: sub, expiresAt: exp * 1000 } : undefined;
}

function ofUserSig(claims: Record<string, unknown>): CredentialClaims | undefined {
  const userId = claims['TLS.identifier'];
  const sdkAppId = Number(claims['TLS.sdkappid']);
  const expiresAt = (Number(claims['TLS.time']) + Number(claims['TLS.expire'])) * 1000;
  return typeof userId === 'string' && Number.isFinite(expiresAt) ? { userId, sdkAppId, expiresAt } : undefined;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}
