import type { IceServer } from '@aircheck/protocol';

/**
 * `Link` header values that tell a client its STUN and TURN servers (RFC 9725 §4.6).
 * @returns one value for each URL
 */
export function iceServerLinks(servers: readonly IceServer[]): string[] {
  return servers.flatMap(({ urls, username, credential }) =>
    urls.map((url) => {
      const parameters = ['rel="ice-server"'];
      if (username !== undefined) parameters.push(`username=${quoted(username)}`);
      if (credential !== undefined) {
        parameters.push(`credential=${quoted(credential)}`, 'credential-type="password"');
      }
      return `<${url}>; ${parameters.join('; ')}`;
    }),
  );
}

/** quoted-string of RFC 9110 §5.6.4. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
