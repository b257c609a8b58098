import type {
  AppSettings,
  Asset,
  AssetClass,
  AssetList,
  AssetQuery,
  CreatedSubscriber,
  CreateJobRequest,
  CreateSubscriberRequest,
  CreateTemplateRequest,
  Delivery,
  DeliveryList,
  DeliveryQuery,
  Derivative,
  EventList,
  EventQuery,
  Job,
  JobList,
  JobQuery,
  PlayUrls,
  Procedure,
  PullRequest,
  RecordingPlayUrls,
  ReplayRequest,
  RetentionRule,
  RetentionRules,
  Statistics,
  Subscriber,
  Template,
  UpdateAssetRequest,
  UpdateSubscriberRequest,
  UpdateTemplateRequest,
  Upload,
} from '@aircheck/protocol';
import type { z } from 'zod';
import { consoleApi } from './api.tsx';

type Items<Item> = { readonly items: Item[] };
type Query<Schema extends z.ZodType> = Partial<z.output<Schema>>;
export type AssetFilter = Query<typeof AssetQuery>;
export type JobFilter = Query<typeof JobQuery>;
export type DeliveryFilter = Query<typeof DeliveryQuery>;
export type EventFilter = Query<typeof EventQuery>;

const id = encodeURIComponent;
const get = <Result>(path: string, query: object = {}, signal?: AbortSignal) =>
  consoleApi.request<Result>('GET', `/v1/${path}`, { query: { ...query }, signal });
const send = <Result = void>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  consoleApi.request<Result>(method, `/v1/${path}`, { body });

/** The library's part of the REST API. Every call rejects with an AircheckError. */
export const libraryApi = {
  assets: (filter: AssetFilter, signal?: AbortSignal) => get<AssetList>('assets', filter, signal),
  asset: (fileId: string, signal?: AbortSignal) => get<Asset>(`assets/${id(fileId)}`, {}, signal),
  updateAsset: (fileId: string, changes: UpdateAssetRequest) => send<Asset>('PATCH', `assets/${id(fileId)}`, changes),
  /** Into the recycle bin; `now`: for good. */
  deleteAsset: (fileId: string, { now = false } = {}) =>
    send('DELETE', `assets/${id(fileId)}${now ? '?now=true' : ''}`),
  restoreAsset: (fileId: string) => send<Asset>('POST', `assets/${id(fileId)}/restore`),
  derivatives: (fileId: string, signal?: AbortSignal) =>
    get<Items<Derivative>>(`assets/${id(fileId)}/derivatives`, {}, signal),
  deleteDerivative: (fileId: string, derivativeId: string) =>
    send('DELETE', `assets/${id(fileId)}/derivatives/${id(derivativeId)}`),
  playUrls: (fileId: string, ttlSeconds: number) =>
    send<PlayUrls>('POST', `assets/${id(fileId)}/play-urls`, { ttlSeconds }),
  recordingPlayUrls: (recordingId: string, ttlSeconds: number) =>
    send<RecordingPlayUrls>('POST', `recordings/${id(recordingId)}/play-urls`, { ttlSeconds }),

  classes: (signal?: AbortSignal) => get<Items<AssetClass>>('classes', {}, signal),
  createClass: (name: string, parentId: number) => send<AssetClass>('POST', 'classes', { name, parentId }),
  updateClass: (classId: number, changes: { name?: string; parentId?: number }) =>
    send<AssetClass>('PATCH', `classes/${classId}`, changes),
  deleteClass: (classId: number) => send('DELETE', `classes/${classId}`),

  settings: (signal?: AbortSignal) => get<AppSettings>('settings', {}, signal),
  updateSettings: (changes: Partial<AppSettings>) => send<AppSettings>('PATCH', 'settings', changes),
  retentionRules: (signal?: AbortSignal) => get<RetentionRules>('retention-rules', {}, signal),
  putRetentionRules: (items: RetentionRule[]) => send<RetentionRules>('PUT', 'retention-rules', { items }),
  statistics: (signal?: AbortSignal) => get<Statistics>('statistics', {}, signal),

  upload: (uploadId: string) => get<Upload>(`uploads/${id(uploadId)}`),
  pull: (request: PullRequest) => send<Upload>('POST', 'pulls', request),

  jobs: (filter: JobFilter, signal?: AbortSignal) => get<JobList>('jobs', filter, signal),
  job: (jobId: string, signal?: AbortSignal) => get<Job>(`jobs/${id(jobId)}`, {}, signal),
  createJob: (request: CreateJobRequest) => send<Job>('POST', 'jobs', request),
  cancelJob: (jobId: string) => send<Job>('POST', `jobs/${id(jobId)}/cancel`),
  redoJob: (jobId: string) => send<Job>('POST', `jobs/${id(jobId)}/redo`),

  templates: (signal?: AbortSignal) => get<Items<Template>>('templates', {}, signal),
  createTemplate: (request: z.input<typeof CreateTemplateRequest>) => send<Template>('POST', 'templates', request),
  updateTemplate: (definition: number, changes: z.input<typeof UpdateTemplateRequest>) =>
    send<Template>('PATCH', `templates/${definition}`, changes),
  deleteTemplate: (definition: number) => send('DELETE', `templates/${definition}`),
  procedures: (signal?: AbortSignal) => get<Items<Procedure>>('procedures', {}, signal),
  putProcedure: ({ name, ...request }: Procedure) => send<Procedure>('PUT', `procedures/${id(name)}`, request),
  deleteProcedure: (name: string) => send('DELETE', `procedures/${id(name)}`),

  subscribers: (signal?: AbortSignal) => get<Items<Subscriber>>('subscribers', {}, signal),
  createSubscriber: (request: CreateSubscriberRequest) => send<CreatedSubscriber>('POST', 'subscribers', request),
  updateSubscriber: (subscriberId: string, changes: z.input<typeof UpdateSubscriberRequest>) =>
    send<Subscriber>('PATCH', `subscribers/${id(subscriberId)}`, changes),
  deleteSubscriber: (subscriberId: string) => send('DELETE', `subscribers/${id(subscriberId)}`),
  testSubscriber: (subscriberId: string) => send<Delivery>('POST', `subscribers/${id(subscriberId)}/test`),
  replay: (subscriberId: string, request: z.input<typeof ReplayRequest>) =>
    send<{ deliveries: number }>('POST', `subscribers/${id(subscriberId)}/replay`, request),
  events: (filter: EventFilter, signal?: AbortSignal) => get<EventList>('events', filter, signal),
  /** With all of its attempts, of which a list has the last one. */
  delivery: (deliveryId: string, signal?: AbortSignal) => get<Delivery>(`deliveries/${id(deliveryId)}`, {}, signal),
  /** Now, in whatever state it is. */
  retryDelivery: (deliveryId: string) => send<Delivery>('POST', `deliveries/${id(deliveryId)}/retry`),
  deliveries: (filter: DeliveryFilter, signal?: AbortSignal) => get<DeliveryList>('deliveries', filter, signal),
};
