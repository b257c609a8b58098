export type {
  DeliveryFormat,
  DeliveryFormats,
  FormatSubscriber,
  RenderedDelivery,
  StoredEvent,
} from './formats.ts';
export { type NewEvent, Outbox } from './outbox.ts';
export { SafeHttp, type SafeRequest } from './safe-http.ts';
export { TargetGuard } from './target-guard.ts';
export { queueFormat, toEvent, webhookFormat } from './webhook-format.ts';
