import type { FastifyReply } from 'fastify';
import type { MediaBytes } from './media-bytes.ts';

/** Bytes read and written at a time: large pieces let one process feed many fast players … */
const largeBytes = 256 * 1024;
/** … and small ones let it keep little for many slow ones. */
const smallBytes = 64 * 1024;
/** A player that takes a large piece more slowly than that gets small ones. */
const slowMs = 1000;
/** Bytes after which they are told. */
const toldBytes = 4 * 1024 * 1024;
/** Buffers that are kept for the next piece: memory that is used again costs no page faults. */
const keptBuffers = 64;

class BufferPool {
  readonly #byteLength: number;
  readonly #free: Buffer[] = [];

  constructor(byteLength: number) {
    this.#byteLength = byteLength;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#byteLength);
  }

  give(buffer: Buffer): void {
    if (this.#free.length < keptBuffers) this.#free.push(buffer);
  }
}

const large = new BufferPool(largeBytes);
const small = new BufferPool(smallBytes);

/**
 * Sends a stretch of a file as the body of an answer whose head is set, and closes it. One piece is under way at a
 * time: the next is read when the system has taken it.
 *
 * @param last - inclusive
 * @param sent - is told of the bytes that the system has taken, every few megabytes and in the end
 * @returns when all is sent, or the player has gone
 */
export async function sendBytes(
  reply: FastifyReply,
  bytes: MediaBytes,
  first: number,
  last: number,
  sent: (byteLength: number) => void,
): Promise<void> {
  const { raw } = reply;
  reply.hijack();
  // Ends the wait for a piece that a player who has gone does not take any more.
  let settle: ((taken: boolean) => void) | undefined;
  raw.once('close', () => settle?.(false));
  const write = (piece: Buffer) =>
    new Promise<boolean>((resolve) => {
      settle = resolve;
      if (raw.destroyed) resolve(false);
      else raw.write(piece, (error) => resolve(error === undefined || error === null));
    });
  let untold = 0;
  try {
    raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
    let pool = smallBytes > last - first ? small : large;
    for (let position = first; position <= last && !raw.destroyed; ) {
      const buffer = pool.take();
      const length = await bytes.read(buffer, Math.min(buffer.length, last - position + 1), position);
      // Shorter than it was: the length is promised already, so all that is left is to break off.
      if (length === 0) throw new Error('the file has become shorter while it was sent');
      const asked = performance.now();
      // A piece that was not taken is with the system still: its buffer is not used again.
      if (!(await write(length === buffer.length ? buffer : buffer.subarray(0, length)))) break;
      pool.give(buffer);
      pool = performance.now() - asked > slowMs ? small : large;
      position += length;
      untold += length;
      if (untold < toldBytes) continue;
      sent(untold);
      untold = 0;
    }
    raw.end();
  } catch (error) {
    reply.log.warn({ err: error }, 'a file was not sent to its end');
    raw.destroy();
  } finally {
    if (untold > 0) sent(untold);
    await bytes.close();
  }
}
