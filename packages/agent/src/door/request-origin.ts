import type { IncomingMessage } from 'node:http';
import { AGENT_SUBPROTOCOL, AircheckError } from '@aircheck/protocol';
import type { Settings } from '../settings/index.ts';

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Who knocks, if it may come in at all. A browser writes the Origin header itself, so no page can say it is another. The Host header must name
 * this computer: a page whose own name was made to lead here (DNS rebinding) gives itself away by it.
 *
 * HTTPS origins and those of this computer may come in to be paired; others, whose pages anybody on the way could
 * change, only when the user put them on the list. Once there is a list, only what is on it.
 *
 * @returns the origin
 * @throws AircheckError `origin-forbidden`, `request-invalid`
 */
export function requestOrigin(
  request: Pick<IncomingMessage, 'headers' | 'url'>,
  port: number,
  { allowedOrigins }: Pick<Settings, 'allowedOrigins'>,
): string {
  const { host, origin } = request.headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
    throw new AircheckError('request-invalid', `the Host header is ${JSON.stringify(host ?? null)}`);
  }
  const protocols = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  if (!protocols.includes(AGENT_SUBPROTOCOL)) {
    throw new AircheckError('request-invalid', `the subprotocol ${AGENT_SUBPROTOCOL} was not offered`);
  }
  // `null` is what frames without an origin of their own say, whoever they are.
  const address = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined;
  if (address === undefined || address.origin !== origin || !/^https?:$/.test(address.protocol)) {
    throw new AircheckError('origin-forbidden', `${JSON.stringify(origin ?? null)} is not the origin of a page`);
  }
  if (allowedOrigins.includes(origin)) return origin;
  if (allowedOrigins.length > 0)
    throw new AircheckError('origin-forbidden', `${origin} is not on the list of allowed origins`);
  if (address.protocol === 'https:' || LOOPBACK_HOSTS.has(address.hostname)) return origin;
  throw new AircheckError(
    'origin-forbidden',
    `${origin} is not served by HTTPS, and not on the list of allowed origins`,
  );
}
