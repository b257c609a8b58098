import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError, type AssetState, FileId, RecordingId } from '@aircheck/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { pathOf, type ZodTypeProvider } from '../http/index.ts';
import type { StoredAsset } from './assets.ts';
import type { StoredDerivative } from './derivatives.ts';
import type { Library } from './library.ts';
import type { MediaLinks } from './links.ts';
import { type MediaFile, openMediaFile, sendMediaFile } from './media-file.ts';
import { extensionOf, hasHls, isRecorded } from './media-urls.ts';
import { HlsPlaylists, type PlayedFile, type PlayedRecording } from './playlists.ts';
import { Previews } from './previews.ts';
import type { ServedBytes } from './served-bytes.ts';
import { signedVtt } from './signed-vtt.ts';

export interface MediaRoutesOptions {
  readonly library: Pick<Library, 'get' | 'derivativesOf' | 'ofRecordings'>;
  readonly links: MediaLinks;
  /** @throws AircheckError `recording-not-found` */
  readonly recording: (recordingId: string) => Promise<{ readonly appId: string; readonly ended: boolean }>;
  /** Checks links that are signed in another way. @returns undefined when they are not */
  readonly hotlink?: (
    appId: string,
    path: string,
    query: Readonly<Record<string, unknown>>,
  ) => Promise<GrantedLink | undefined>;
  readonly served: ServedBytes;
  readonly recordingsFolder: string;
  readonly derivedFolder: string;
  /** Who sends the bytes of files. */
  readonly accel: 'none' | 'nginx';
}

/** What a link opens. */
export interface GrantedLink {
  /** For further links to the same. */
  readonly query: string;
  /** The beginning alone, of picture and sound; all of it when absent. */
  readonly previewSeconds?: number;
}

const AssetParams = z.object({ fileId: FileId, name: z.string() });
const DerivativeParams = AssetParams.extend({ derivativeId: z.string().max(100) });
const RecordingParams = z.object({ recordingId: RecordingId });
const LinkQuery = z.looseObject({ download: z.string().optional() });

interface Found {
  readonly file: PlayedFile;
  /** Other files beside it, by their names. */
  readonly beside?: Readonly<Record<string, MediaFile>>;
}

/** `/v1/media`, for those with a link. */
export function registerMediaRoutes(server: FastifyInstance, options: MediaRoutesOptions): void {
  const { library, links, hotlink, served } = options;
  const playlists = new HlsPlaylists();
  const previews = new Previews();
  const app = server.withTypeProvider<ZodTypeProvider>();
  const method = ['GET' as const, 'HEAD' as const];
  const described = {
    description: 'Links come from `POST /v1/assets/{fileId}/play-urls`; playlists are at the name `index.m3u8`.',
    tags: ['media'],
    public: true,
    produces: 'application/octet-stream',
    errors: ['link-invalid', 'link-expired', 'asset-banned', 'asset-state', 'media-invalid', 'range-not-satisfiable'],
  } as const;

  app.route({
    method,
    url: '/v1/media/:fileId/:name',
    schema: {
      ...described,
      summary: 'A file, or a range of it, for who has a signed link',
      params: AssetParams,
      querystring: LinkQuery,
    },
    handler: (request, reply) => answer(request, reply, request.params, async (stored) => ({ file: asset(stored) })),
  });
  app.route({
    method,
    url: '/v1/media/:fileId/d/:derivativeId/:name',
    schema: {
      ...described,
      summary: 'What was made of a file, for who has a signed link',
      params: DerivativeParams,
      querystring: LinkQuery,
    },
    handler: (request, reply) => {
      const { derivativeId } = request.params;
      return answer(request, reply, request.params, (stored) => derivative(stored, derivativeId));
    },
  });

  app.route({
    method,
    url: '/v1/media/recordings/:recordingId/index.m3u8',
    schema: {
      summary: 'The playlist of all files of a recording, for who has a signed link',
      description:
        'The link comes from `POST /v1/recordings/{recordingId}/play-urls`. The playlist grows as long as the recording ' +
        'runs, over all its files, and reaches back to its beginning.',
      tags: ['media'],
      public: true,
      produces: 'application/vnd.apple.mpegurl',
      errors: ['link-invalid', 'link-expired', 'asset-banned', 'asset-not-found'],
      params: RecordingParams,
      querystring: z.looseObject({}),
    },
    handler: async (request, reply) => {
      const { recordingId } = request.params;
      const { appId } = await options.recording(recordingId);
      const query = links.check(appId, { recordingId }, request.query);
      // Counted for none of the files: what a playlist weighs is little.
      return sendMade(request, reply, await playlists.sendRecording(reply, () => playedRecording(recordingId, query)));
    },
  });

  /** What may be played of it now. */
  async function playedRecording(recordingId: string, query: string): Promise<PlayedRecording> {
    // In this order: when a recording has ended, its files are in the library as they stay.
    const { ended } = await options.recording(recordingId);
    const all = (await library.ofRecordings([recordingId])).get(recordingId) ?? [];
    const files = all.filter((stored) => isRecorded(stored) && hasHls(stored.asset.mimeType));
    const shown = files.filter(({ asset: { banned, state } }) => !banned && !goneStates.includes(state));
    if (shown.length === 0 && files[0] !== undefined) playable(files[0]);
    const parts = shown.map((stored) => {
      const { fileId, state } = stored.asset;
      const linked = links.signLike(stored.appId, fileId, query);
      const whole = state !== 'recording' && state !== 'interrupted';
      return { file: asset(stored), folder: `../../${fileId}`, query: linked, whole };
    });
    return { recordingId, parts, ended };
  }

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { fileId, name }: z.infer<typeof AssetParams>,
    find: (stored: StoredAsset) => Promise<Found>,
  ): Promise<unknown> {
    const given = request.query as Readonly<Record<string, unknown>>;
    const stored = await library.get(fileId);
    const { appId } = stored;
    const granted = (await hotlink?.(appId, pathOf(request), given)) ?? { query: links.check(appId, fileId, given) };
    const { query, previewSeconds } = granted;
    const { file: whole, beside } = await find(playable(stored));
    const file = previewSeconds === undefined ? whole : await previewOf(whole, previewSeconds);
    const look = async () => (await find(playable(await library.get(fileId)))).file;
    const segment = /^segment-(\d{1,9})\.m4s$/.exec(name);
    const made =
      name === 'index.m3u8'
        ? await playlists.sendPlaylist(reply, file, look, query)
        : name === 'init.mp4'
          ? await playlists.sendInit(reply, file)
          : segment !== null
            ? await playlists.sendSegment(reply, file, Number(segment[1]))
            : name.endsWith('.vtt')
              ? await sendVtt(reply, beside?.[name], query)
              : undefined;
    if (made !== undefined) {
      // What is made in memory is small, and is sent as a whole as a rule.
      if (request.method === 'GET') reply.raw.once('finish', () => served.add(file, Buffer.byteLength(made), 1));
      return sendMade(request, reply, made);
    }
    const wanted = beside !== undefined && Object.hasOwn(beside, name) ? beside[name]! : file;
    const folderName = wanted.folder === options.derivedFolder ? 'derived' : 'recordings';
    return sendMediaFile(request, reply, wanted, {
      served,
      accelPrefix: options.accel === 'nginx' ? `/aircheck-files/${folderName}` : undefined,
      download: given.download !== undefined && given.download !== '0',
    });
  }

  /** Pictures are no film: they come as they are. */
  async function previewOf(file: PlayedFile, seconds: number): Promise<PlayedFile> {
    return file.mimeType.startsWith('image/') ? file : previews.of(file, seconds);
  }

  function asset({ appId, path, asset }: StoredAsset): PlayedFile {
    const { fileId, state, mimeType, fileName, startedAt } = asset;
    return {
      appId,
      fileId,
      id: fileId,
      folder: options.recordingsFolder,
      path,
      mimeType,
      finished: state === 'ready',
      growing: state === 'recording',
      startedAtMs: Date.parse(startedAt),
      saveAs: withExtension(fileName, extensionOf(path)),
    };
  }

  async function derivative(stored: StoredAsset, derivativeId: string): Promise<Found> {
    const { fileId } = stored.asset;
    const all = (await library.derivativesOf([fileId])).get(fileId) ?? [];
    const found = all.find(({ derivative }) => derivative.derivativeId === derivativeId);
    if (found === undefined) throw new AircheckError('asset-not-found', `The file ${fileId} has no ${derivativeId}`);
    return derivedFiles(found, stored);
  }

  function derivedFiles({ derivative, path, appId }: StoredDerivative, { asset }: StoredAsset): Found {
    const { fileId, derivativeId, mimeType, info } = derivative;
    const file = {
      appId,
      fileId,
      id: derivativeId,
      folder: options.derivedFolder,
      path,
      mimeType,
      finished: true,
      growing: false,
      startedAtMs: derivative.kind === 'rendition' ? Date.parse(asset.startedAt) : undefined,
      saveAs: withExtension(asset.fileName, extensionOf(path)),
    };
    const names = [...(info.sheets ?? []), ...(info.vtt === undefined ? [] : [info.vtt])];
    const beside = names.map((name) => {
      const type = name === info.vtt ? 'text/vtt; charset=utf-8' : mimeType;
      const id = `${derivativeId}-${name}`;
      return [name, { ...file, id, path: join(path, '..', name), mimeType: type, saveAs: name }] as const;
    });
    return { file, beside: Object.fromEntries(beside) };
  }
}

function sendMade(request: FastifyRequest, reply: FastifyReply, made: string | Uint8Array): unknown {
  return request.method === 'HEAD' ? reply.header('content-length', Buffer.byteLength(made)).send() : reply.send(made);
}

/** Of files that are going to be removed, or may be. */
const goneStates: readonly AssetState[] = ['recycled', 'deleting'];

/** @throws AircheckError `asset-not-found` for a file that is going to be removed, `asset-banned` */
function playable(stored: StoredAsset): StoredAsset {
  const { fileId, state, banned } = stored.asset;
  if (goneStates.includes(state)) {
    throw new AircheckError('asset-not-found', `The file ${fileId} was deleted`);
  }
  if (banned) throw new AircheckError('asset-banned', `The file ${fileId} is banned: nobody may play it`);
  return stored;
}

async function sendVtt(reply: FastifyReply, file: MediaFile | undefined, query: string): Promise<string> {
  if (file === undefined) throw new AircheckError('asset-not-found', 'There is no such file');
  const handle = await openMediaFile(file);
  try {
    const text = await readFile(handle, 'utf8');
    reply.headers({
      'content-type': file.mimeType,
      'cache-control': 'private, max-age=3600',
      'cross-origin-resource-policy': 'cross-origin',
    });
    return signedVtt(text, query);
  } finally {
    await handle.close();
  }
}

function withExtension(name: string, extension: string): string {
  return name.toLowerCase().endsWith(`.${extension}`) ? name : `${name}.${extension}`;
}
