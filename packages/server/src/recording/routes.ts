import {
  PlayUrlsRequest,
  Recording,
  RecordingId,
  RecordingList,
  RecordingPlayUrls,
  RecordingQuery,
  RoomId,
  StartRecordingRequest,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Library, MediaUrls } from '../library/index.ts';
import type { Recordings } from './recordings.ts';
import { isFinal } from './states.ts';

const RecordingParams = z.object({ recordingId: RecordingId });

export interface RecordingRoutesOptions {
  readonly recordings: Recordings;
  readonly library: Pick<Library, 'ofRecordings'>;
  readonly urls: MediaUrls;
}

/** Start, look at, play, pause, resume and stop recordings. */
export function registerRecordingRoutes(server: FastifyInstance, options: RecordingRoutesOptions): void {
  const { recordings, library, urls } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();
  const config = { access: 'any' } as const;
  const tags = ['recordings'];

  app.post(
    '/v1/rooms/:roomId/recordings',
    {
      config,
      schema: {
        summary: 'Start to record a participant',
        errors: [
          'participant-not-found',
          'track-not-found',
          'room-pair',
          'recording-exists',
          'recording-forbidden',
          'source-invalid',
          'storage-full',
          'worker-lost',
        ],
        description: "Hosts record anyone in their room, guests themselves. Rooms of type 'pair' are not recorded.",
        tags,
        params: z.object({ roomId: RoomId }),
        body: StartRecordingRequest,
        response: { 201: Recording },
      },
    },
    async (request, reply) => {
      const recording = await recordings.start(principalOf(request), request.params.roomId, request.body);
      reply.code(201).header('location', `/v1/recordings/${recording.recordingId}`);
      return recording;
    },
  );

  app.get(
    '/v1/recordings',
    {
      config,
      schema: {
        summary: 'Recordings, newest first',
        description:
          'Users see those of their own room; with a user token those of the rooms they are in now, by `roomId`, and without ' +
          'one their own of all rooms.',
        tags,
        querystring: RecordingQuery,
        response: { 200: RecordingList },
      },
    },
    (request) => recordings.list(principalOf(request), request.query),
  );

  app.get(
    '/v1/recordings/:recordingId',
    { config, schema: { summary: 'A recording', tags, params: RecordingParams, response: { 200: Recording } } },
    (request) => recordings.get(principalOf(request), request.params.recordingId),
  );

  app.post(
    '/v1/recordings/:recordingId/play-urls',
    {
      config,
      schema: {
        summary: 'A link that plays all files of a recording without credentials until it expires',
        description:
          'One playlist over all its files (HLS): while it runs it grows and reaches back to its beginning; when it is over, ' +
          'it is the whole. `hls` is null where no file is MP4. Links to single files come from ' +
          '`POST /v1/assets/{fileId}/play-urls`.',
        tags,
        params: RecordingParams,
        body: PlayUrlsRequest,
        response: { 200: RecordingPlayUrls },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const { recordingId, state } = await recordings.get(principal, request.params.recordingId);
      const files = (await library.ofRecordings([recordingId])).get(recordingId) ?? [];
      const recording = { recordingId, appId: principal.appId, ended: isFinal(state) };
      return urls.forRecording(recording, files, { ...request.body, origin: urls.originOf(request) });
    },
  );

  app.post(
    '/v1/recordings/:recordingId/stop',
    {
      config,
      schema: {
        summary: 'End a recording; answers when its files are finished',
        errors: ['recording-stopped', 'recording-forbidden', 'timeout'],
        tags,
        params: RecordingParams,
        response: { 200: Recording },
      },
    },
    (request) => recordings.stop(principalOf(request), request.params.recordingId),
  );

  app.post(
    '/v1/recordings/:recordingId/pause',
    {
      config,
      schema: {
        summary: 'Leave out what comes until resumed',
        errors: ['recording-state', 'recording-forbidden'],
        tags,
        params: RecordingParams,
        response: { 200: Recording },
      },
    },
    (request) => recordings.pause(principalOf(request), request.params.recordingId),
  );

  app.post(
    '/v1/recordings/:recordingId/resume',
    {
      config,
      schema: {
        summary: 'Go on after a pause',
        errors: ['recording-state', 'recording-forbidden'],
        tags,
        params: RecordingParams,
        response: { 200: Recording },
      },
    },
    (request) => recordings.resume(principalOf(request), request.params.recordingId),
  );
}
