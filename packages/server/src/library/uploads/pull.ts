import { open, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { AircheckError } from '@aircheck/protocol';
import type { Database } from '../../db/index.ts';
import type { SafeHttp } from '../../events/index.ts';
import type { Commit, ControlContext, ControlRun, InternalJob, Jobs, Outcome } from '../../jobs/index.ts';
import { sizeOf, writeAll } from './disk.ts';
import type { Uploads } from './uploads.ts';

/** Redirects that are followed; each address is looked at as the first was. */
const maxRedirects = 5;
/** A connection that brought that much before it broke off is followed by another at once, without a failure of the job. */
const worthwhileBytes = 65_536;
/** An address that sends nothing for that long has failed, in milliseconds. */
const silenceMs = 30_000;

export interface PullsOptions {
  readonly db: Database;
  readonly uploads: Uploads;
  readonly jobs: Pick<Jobs, 'onRun' | 'onFinished'>;
  readonly http: Pick<SafeHttp, 'request'>;
  /** Milliseconds; for tests. */
  readonly silenceMs?: number;
}

/** Fetches files from addresses; goes on where a former attempt was cut, where the address can give out ranges. */
export class Pulls {
  readonly #options: PullsOptions;

  constructor(options: PullsOptions) {
    this.#options = options;
    options.jobs.onRun('pull', (job, context) => this.#run(job, context));
    options.jobs.onFinished('pull', (job, outcome) => this.#finished(job, outcome));
  }

  async #run(job: InternalJob<'pull'>, context: ControlContext): ReturnType<ControlRun<'pull'>> {
    const { uploads } = this.#options;
    const { uploadId } = job.input;
    const path = uploads.pathOf(uploadId);
    const row = await uploads.store.get(uploadId);
    // All of it came, and a kill took the note of that.
    if (row.state !== 'receiving') return { path, sizeBytes: row.size_bytes };
    for (;;) {
      const before = (await sizeOf(path)) ?? 0;
      try {
        return { path, sizeBytes: await this.#receive(job, path, context) };
      } catch (error) {
        context.signal.throwIfAborted();
        const failure = pullError(error);
        const came = ((await sizeOf(path)) ?? 0) - before;
        const goesOn = failure.code === 'pull-failed' && came >= worthwhileBytes;
        if (!goesOn || (await readNote(notePathOf(path))) === undefined) throw failure;
      }
    }
  }

  /** Fetches what is missing of a file over one connection. @returns the size of the whole file */
  async #receive(job: InternalJob<'pull'>, path: string, context: ControlContext): Promise<number> {
    const { uploads } = this.#options;
    const { uploadId } = job.input;
    const notePath = notePathOf(path);
    const have = (await sizeOf(path)) ?? 0;
    const validator = have === 0 ? undefined : await readNote(notePath);
    const silence = new AbortController();
    const signal = AbortSignal.any([context.signal, silence.signal]);
    const timeoutMs = this.#options.silenceMs ?? silenceMs;
    const timer = setTimeout(() => {
      silence.abort(new AircheckError('pull-failed', `Nothing came for ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      const answer = await this.#fetch(job.input.url, validator === undefined ? 0 : have, validator, signal);
      const start = answer.statusCode === 206 ? have : 0;
      const length = Number(answer.headers['content-length'] ?? Number.NaN);
      const total = Number.isFinite(length) ? start + length : undefined;
      if (total !== undefined && total > uploads.maxBytes) throw tooLarge(answer, uploads.maxBytes);
      await uploads.requireRoom(total === undefined ? 0 : total - start);
      await uploads.store.setSize(uploadId, total ?? 0);
      const next = strongValidator(answer);
      if (next === undefined) await rm(notePath, { force: true });
      else await writeFile(notePath, next);
      const file = await open(path, start === 0 ? 'w' : 'r+');
      try {
        const source = within(answer, uploads.maxBytes - start, (received) => {
          timer.refresh();
          context.progress(total ? Math.min(99, ((start + received) * 100) / total) : 0);
        });
        const sizeBytes = await writeAll(file, source, start, 'the pulled file');
        if (sizeBytes === 0) throw new AircheckError('media-invalid', 'The address gives out an empty file');
        return sizeBytes;
      } finally {
        answer.destroy();
        await file.close();
      }
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The answer with the bytes, its headers read. @throws AircheckError */
  async #fetch(
    address: string,
    from: number,
    validator: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    let url = new URL(address);
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const headers = {
        // What comes must be the file, not a packed form of it.
        'accept-encoding': 'identity',
        'user-agent': 'aircheck',
        ...(validator !== undefined && { range: `bytes=${from}-`, 'if-range': validator }),
      };
      const answer = await this.#options.http.request(url, { method: 'GET', headers, signal });
      const status = answer.statusCode ?? 0;
      if (status === 200) return answer;
      if (status === 206 && answer.headers['content-range']?.startsWith(`bytes ${from}-`) === true) return answer;
      answer.destroy();
      // The file has another length by now.
      if (status === 416 && validator !== undefined) return this.#fetch(address, 0, undefined, signal);
      const { location } = answer.headers;
      if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, url)) {
        const again = status >= 500 || status === 408 || status === 429;
        throw new AircheckError(again ? 'pull-failed' : 'media-invalid', `The address answers ${status}`);
      }
      url = new URL(location, url);
    }
    throw new AircheckError('media-invalid', `The address redirects more than ${maxRedirects} times`);
  }

  async #finished(job: InternalJob<'pull'>, outcome: Outcome<'pull'>): Promise<Commit | undefined> {
    const { uploads } = this.#options;
    const row = await uploads.store.find(job.input.uploadId);
    if (row?.state !== 'receiving') return undefined;
    return async (transaction) => {
      if (outcome.state === 'done') {
        const { sizeBytes } = outcome.result;
        await uploads.store.move(transaction, row.upload_id, 'receiving', 'checking', { sizeBytes });
        await uploads.enqueueCheck(transaction, row);
      } else {
        await uploads.reject(transaction, row, outcome.error.message);
      }
      return undefined;
    };
  }
}

/**
 * What the answer brings, as it comes.
 * @param onReceived - told of every chunk, however small, since a slow address is not a silent one
 * @throws AircheckError `payload-too-large` when more comes than said
 */
async function* within(
  answer: IncomingMessage,
  maxBytes: number,
  onReceived: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    received += chunk.byteLength;
    if (received > maxBytes) throw tooLarge(answer, maxBytes);
    onReceived(received);
    yield chunk;
  }
  // A connection that ends before its time may end as if all had come.
  if (!answer.complete) throw new AircheckError('pull-failed', 'The connection broke off');
}

function tooLarge(answer: IncomingMessage, maxBytes: number): AircheckError {
  answer.destroy();
  return new AircheckError('payload-too-large', `The file is larger than ${maxBytes} bytes`);
}

/** Where it is kept of which bytes a file is the beginning. */
const notePathOf = (path: string): string => `${path}.etag`;

/** What names these very bytes: a strong ETag, else the time of the last change. */
function strongValidator({ headers }: IncomingMessage): string | undefined {
  const { etag } = headers;
  return etag !== undefined && !etag.startsWith('W/') ? etag : headers['last-modified'];
}

async function readNote(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // Without it the file is fetched from its beginning, which is right whatever the reason.
    return undefined;
  }
}

function pullError(error: unknown): AircheckError {
  if (error instanceof AircheckError) return error;
  const { message } = error as Error;
  return new AircheckError('pull-failed', `The address cannot be fetched: ${message}`, { cause: error });
}
