import { PullRequest, Upload, UploadId, UploadList, UploadQuery } from '@aircheck/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../../apps/index.ts';
import type { ZodTypeProvider } from '../../http/index.ts';
import { type TusServer, tusHeaders, uploadsPath } from './tus-server.ts';
import type { Uploads } from './uploads.ts';

const UploadParams = z.object({ uploadId: UploadId });
const config = { access: 'any' } as const;
const streaming = { access: 'any', body: 'stream' } as const;
const tags = ['uploads'];

/** `/v1/uploads`: the tus protocol, and JSON to look at what has become of an upload; `/v1/pulls`. */
export function registerUploadRoutes(server: FastifyInstance, uploads: Uploads, tus: TusServer): void {
  // A scope of its own: the content type of the protocol is taken here alone, and its body is left to the tus server.
  server.register(async (scope) => {
    scope.addContentTypeParser('application/offset+octet-stream', (_request, _payload, done) => done(null));
    const serve = (request: FastifyRequest, reply: FastifyReply) => tus.serve(principalOf(request), request, reply);
    scope.post(
      uploadsPath,
      {
        config: streaming,
        schema: {
          summary: 'Begin an upload (tus protocol)',
          errors: [
            'request-invalid',
            'file-name-missing',
            'class-not-found',
            'recording-not-found',
            'payload-too-large',
            'storage-full',
            'storage-failed',
          ],
          description:
            'tus 1.0.0 with creation, creation-with-upload, creation-defer-length, termination and expiration: ' +
            '`Upload-Length`, or `Upload-Defer-Length: 1` for a file that still grows, and `Upload-Metadata` with ' +
            '`fileName`, and, if wanted, `intro`, `classId`, `tags`, `recordingId`, `roomId`, `userId`, `startedAt`, ' +
            '`sha256`. The `Location` of the answer takes the bytes by PATCH. See docs/guides/uploads.md.',
          tags,
          response: { 201: z.undefined() },
        },
      },
      serve,
    );
    scope.route({
      method: 'OPTIONS',
      url: uploadsPath,
      config: {},
      handler: async (_request, reply) => {
        reply
          .code(204)
          .headers({
            ...tusHeaders,
            'tus-max-size': String(uploads.maxBytes),
          })
          .send();
      },
    });
    for (const [method, summary, described] of [
      ['HEAD', 'How far an upload has come (tus protocol)', { errors: ['upload-gone'] }],
      [
        'PATCH',
        'Go on with an upload (tus protocol)',
        {
          description:
            'Of an upload that was begun without a length, the request that brings the last bytes tells `Upload-Length`, ' +
            'and in `Upload-Metadata`, if wanted, the `sha256` of the whole file, and as `head` (base64) what finishing ' +
            'the file has made of its first bytes, at most 2048.',
          consumes: 'application/offset+octet-stream',
          errors: [
            'request-invalid',
            'payload-too-large',
            'upload-gone',
            'upload-state',
            'storage-full',
            'storage-failed',
          ],
        },
      ],
      ['DELETE', 'Give an upload up (tus protocol)', { errors: ['upload-gone', 'upload-state'] }],
    ] as const) {
      scope.route({
        method,
        url: `${uploadsPath}/:uploadId`,
        config: streaming,
        schema: {
          summary,
          tags,
          ...described,
          params: z.object({ uploadId: z.string() }),
          response: { 204: z.undefined() },
        },
        handler: serve,
      });
    }
  });

  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get(
    uploadsPath,
    {
      config,
      exposeHeadRoute: false,
      schema: {
        summary: 'Uploads and pulls, newest first',
        description: 'A user sees its own, a host those of its room. What has come to its end is listed for 30 days.',
        tags,
        querystring: UploadQuery,
        response: { 200: UploadList },
      },
    },
    (request) => {
      const principal = principalOf(request);
      const user = principal.kind === 'user' ? principal : undefined;
      return uploads.list(principal.appId, { ...request.query, user });
    },
  );
  app.get(
    `${uploadsPath}/:uploadId`,
    {
      config,
      exposeHeadRoute: false,
      schema: {
        summary: 'What has become of an upload or pull',
        description: '`receiving`, then `checking`, then `ready` with the `fileId`, or `rejected` with the reason.',
        tags,
        params: UploadParams,
        response: { 200: Upload },
      },
    },
    (request) => uploads.get(principalOf(request), request.params.uploadId),
  );
  app.post(
    '/v1/pulls',
    {
      config: { access: 'server' },
      schema: {
        summary: 'Pull a file into the library from an address',
        errors: ['target-forbidden'],
        description: 'Answers at once; a job does it. `GET /v1/uploads/{uploadId}` tells how far it is.',
        tags,
        body: PullRequest,
        response: { 202: Upload },
      },
    },
    async (request, reply) => {
      const upload = await uploads.pull(principalOf(request).appId, request.body);
      reply.code(202).header('location', `${uploadsPath}/${upload.uploadId}`);
      return upload;
    },
  );
}
