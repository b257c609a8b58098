export { EventQueue, handleMs, type PulledEvent, type PullRequest } from './event-queue.ts';
export { Events, type EventsOptions } from './events.ts';
export {
  type DeliveryFormat,
  type DeliveryFormats,
  type FormatSubscriber,
  NotYet,
  type RenderedDelivery,
  type StoredEvent,
} from './formats.ts';
export { type NewEvent, Outbox } from './outbox.ts';
export { registerEventRoutes } from './routes.ts';
export { SafeHttp, type SafeRequest } from './safe-http.ts';
export { TargetGuard } from './target-guard.ts';
export { queueFormat, toEvent, webhookFormat } from './webhook-format.ts';
