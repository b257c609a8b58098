import { AircheckError } from '@aircheck/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { receiveWhole, type Uploads } from '../../../library/index.ts';
import type { UploadTicket, UploadTickets } from './upload-tickets.ts';
import type { WatermarkFiles } from './watermark-files.ts';

const path = '/v2/uploads';
/** Bytes of a watermark (vendor's console). */
const watermarkBytes = 100 * 1024;

export interface UploadTargetsOptions {
  readonly tickets: UploadTickets;
  readonly uploads: Uploads;
  readonly watermarkFiles: WatermarkFiles;
}

/** Where to PUT what was applied for. */
export function uploadUrl(origin: string, ticket: string): string {
  return `${origin}${path}?ticket=${ticket}`;
}

/** The ticket in such an address, whatever else of it a client has changed; empty when there is none. */
export function ticketOf(url: string): string {
  return /[?&]ticket=([\w.-]+)/.exec(url)?.[1] ?? '';
}

/**
 * `PUT /v2/uploads?ticket=…`: takes the bytes of what ApplyUpload and ApplyUploadWatermark have promised. Errors are
 * problems, as everywhere but in the legacy API itself.
 */
export function registerUploadTargets(app: FastifyInstance, options: UploadTargetsOptions): void {
  const { tickets, watermarkFiles, uploads } = options;
  /** Two at once would write over each other. */
  const receiving = new Set<string>();

  app.register(async (scope) => {
    // Whatever the bytes are called: they are read by the handler, as they come.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.put(path, { config: { body: 'stream' } }, async (request, reply) => {
      const ticket = tickets.open(ticketOf(request.url));
      const sizeBytes = lengthOf(request);
      if (receiving.has(ticket.id)) throw new AircheckError('upload-state', 'The upload is under way already');
      receiving.add(ticket.id);
      try {
        if (ticket.kind === 'video') await receiveVideo(uploads, ticket, sizeBytes, request);
        else await watermarkFiles.put(ticket.id, await receivePicture(sizeBytes, request));
      } catch (error) {
        if (error instanceof AircheckError || request.raw.complete) throw error;
        throw new AircheckError('request-invalid', 'The upload was cut off; it may be sent again', { cause: error });
      } finally {
        receiving.delete(ticket.id);
      }
      return reply.code(200).send();
    });
  });
}

function lengthOf({ headers }: FastifyRequest): number {
  const length = headers['content-length'];
  if (length !== undefined && /^\d{1,15}$/.test(length)) return Number(length);
  throw new AircheckError('request-invalid', 'The request must say how long the file is', {
    input: 'headers.content-length',
  });
}

function receiveVideo(
  uploads: Uploads,
  { appId, id, metadata }: Extract<UploadTicket, { kind: 'video' }>,
  sizeBytes: number,
  request: FastifyRequest,
): Promise<void> {
  const principal = { kind: 'server', appId } as const;
  return receiveWhole(uploads, { principal, uploadId: id, sizeBytes, metadata, source: request.raw });
}

async function receivePicture(sizeBytes: number, request: FastifyRequest): Promise<Buffer> {
  if (sizeBytes > watermarkBytes) {
    throw new AircheckError('payload-too-large', `Watermarks of at most ${watermarkBytes} bytes are taken`);
  }
  const parts: Buffer[] = [];
  for await (const part of request.raw) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
