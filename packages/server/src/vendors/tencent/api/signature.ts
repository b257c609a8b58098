import { createHmac } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../../../clock.ts';
import type { Nonces } from './nonces.ts';
import { Parameters, withDots } from './parameters.ts';

/** How far the time of a request may be from now, in milliseconds: two hours, the vendor's. */
export const clockToleranceMs = 2 * 3_600_000;

const hashes: Readonly<Record<string, string>> = { HmacSHA1: 'sha1', HmacSHA256: 'sha256' };

export interface SignedCall {
  readonly method: string;
  /** Hosts that the client may have signed for: the one it came to, and names of it that clients keep to. */
  readonly hosts: readonly string[];
  /** Without the query. */
  readonly path: string;
  /** Names as they came, decoded values. */
  readonly values: ReadonlyMap<string, string>;
}

export interface SignatureOptions {
  readonly secretOf: (secretId: string) => { readonly appId: string; readonly secret: Uint8Array } | undefined;
  readonly nonces: Nonces;
  readonly clock: Clock;
}

/**
 * Checks the signature of a call of the vendor's API v2: HMAC over `METHOD host path ? name=value&…`, names in order,
 * values as they are (its document 213/6984).
 * @returns whose call it is, and what of it is signed
 * @throws AircheckError `request-invalid`, `unauthenticated`, `request-expired`, `request-replayed`
 */
export async function verifyCall(
  call: SignedCall,
  { secretOf, nonces, clock }: SignatureOptions,
): Promise<{ readonly appId: string; readonly parameters: Parameters }> {
  const all = new Parameters(call.values);
  // Base64 knows no spaces: who did not encode the `+` meant it.
  const signature = all.required('Signature').replaceAll(' ', '+');
  const secretId = all.required('SecretId');
  const method = all.text('SignatureMethod') || 'HmacSHA1';
  const hash = hashes[method];
  if (hash === undefined) {
    throw all.invalid('SignatureMethod', `must be ${Object.keys(hashes).join(' or ')}`);
  }
  const timestamp = all.integer('Timestamp', 0, 99_999_999_999);
  if (timestamp === undefined) throw all.invalid('Timestamp', 'is missing');
  const nonce = all.required('Nonce');
  if (!/^-?\w{1,64}$/.test(nonce)) throw all.invalid('Nonce', 'must be a number');

  const app = secretOf(secretId);
  // Compared even when there is no such app: the time does not tell which ids there are.
  const signed = signedValues(call).find((values) =>
    call.hosts.some((host) => {
      const text = `${call.method}${host}${call.path}?${canonical(values)}`;
      const right = createHmac(hash, app?.secret ?? 'nobody')
        .update(text, 'utf8')
        .digest('base64');
      return sameText(signature, right);
    }),
  );
  if (app === undefined || signed === undefined) {
    throw new AircheckError('unauthenticated', 'SecretId or Signature is wrong', {
      input: 'Signature',
      hint: 'Sign with the secret of the app for the host and port that the request is sent to',
    });
  }
  if (Math.abs(clock.now() - timestamp * 1000) > clockToleranceMs) {
    throw new AircheckError('request-expired', 'Timestamp is more than two hours from now', { input: 'Timestamp' });
  }
  // Not by the nonce alone: clients take it from 65,536 numbers, and two of a second's calls soon have the same.
  if (!(await nonces.use(app.appId, signature, timestamp * 1000 + clockToleranceMs))) {
    throw new AircheckError('request-replayed', 'This request has come before: each takes a Nonce of its own', {
      input: 'Nonce',
    });
  }
  return {
    appId: app.appId,
    parameters: new Parameters(new Map([...signed].map(([name, value]) => [withDots(name), value]))),
  };
}

/**
 * What the client may have signed: all that came. Clients leave out of a POST what begins with `@`, which once meant a
 * file; then it counts as not sent, since nobody vouches for it.
 */
function signedValues({ method, values }: SignedCall): ReadonlyMap<string, string>[] {
  const all = new Map([...values].filter(([name]) => name !== 'Signature'));
  const withoutFiles = new Map([...all].filter(([, value]) => !value.startsWith('@')));
  return method === 'POST' && withoutFiles.size < all.size ? [all, withoutFiles] : [all];
}

function canonical(values: ReadonlyMap<string, string>): string {
  return [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${withDots(name)}=${value}`)
    .join('&');
}
