import { AircheckError } from '@aircheck/protocol';
import type { RenderedDelivery } from './formats.ts';
import type { SafeHttp } from './safe-http.ts';

/** How long an attempt may take, from the look-up of the name to the end of the answer, in milliseconds. */
export const attemptTimeoutMs = 5000;

/** How much of an answer is read, in bytes. */
const answerBytes = 1024;

/** What came of one attempt. */
export interface Answer {
  /** Null when no answer came. */
  readonly status: number | null;
  /** First KiB. */
  readonly body: string;
  readonly latencyMs: number;
  /** Why there is no answer, or not all of it. */
  readonly error: string | null;
}

/**
 * POSTs to a subscriber and reads the beginning of what it answers. Never throws for what the other side does.
 * @param signal - gives the attempt up before its time
 */
export async function send(
  http: SafeHttp,
  url: string,
  { headers, body }: RenderedDelivery,
  signal: AbortSignal,
  timeoutMs: number = attemptTimeoutMs,
): Promise<Answer> {
  const startedAt = performance.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  const chunks: Buffer[] = [];
  let status: number | null = null;
  let error: string | null = null;
  try {
    const response = await http.request(new URL(url), {
      method: 'POST',
      headers: { 'user-agent': 'aircheck', ...headers },
      body,
      signal: AbortSignal.any([signal, timeout]),
    });
    status = response.statusCode ?? null;
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      // Leaving the loop destroys the response, and with it the connection: what else it has to say is not waited for.
      if (size >= answerBytes) break;
    }
  } catch (cause) {
    const late = timeout.aborted ? `within ${timeoutMs / 1000} s` : undefined;
    if (status !== null) error = `The answer did not end ${late ?? `(${reason(cause)})`}`;
    else error = late === undefined ? reason(cause) : `No answer ${late}`;
  }
  const text = Buffer.concat(chunks).subarray(0, answerBytes).toString('utf8');
  return {
    status,
    // PostgreSQL keeps no NUL in text.
    body: text.replaceAll('\0', '\u{fffd}'),
    latencyMs: performance.now() - startedAt,
    error: error?.replaceAll('\0', '\u{fffd}').slice(0, 500) ?? null,
  };
}

function reason(cause: unknown): string {
  if (cause instanceof AircheckError) return cause.message;
  // Where a name has several addresses, each fails in its own way.
  if (cause instanceof AggregateError) return cause.errors.map(reason).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}
