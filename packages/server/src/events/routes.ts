import {
  ConfirmEventsRequest,
  ConfirmedEvents,
  CreatedSubscriber,
  CreateSubscriberRequest,
  Delivery,
  DeliveryList,
  DeliveryQuery,
  Event,
  EventList,
  EventQuery,
  PullEventsRequest,
  PulledEvents,
  ReplayRequest,
  ReplayResponse,
  Subscriber,
  SubscriberList,
  UpdateSubscriberRequest,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Events } from './events.ts';

const Id = z.string().min(1).max(100);
const SubscriberParams = z.object({ subscriberId: Id });

/** `/v1/subscribers`, `/v1/events` and `/v1/deliveries`. */
export function registerEventRoutes(server: FastifyInstance, events: Events): void {
  registerSubscribers(server, events);
  registerQueue(server, events);
  registerLog(server, events);
}

const config = { access: 'server' } as const;
const tags = ['events'];

function registerSubscribers(server: FastifyInstance, { subscribers, deliveries }: Events): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const url = '/v1/subscribers/:subscriberId';

  app.post(
    '/v1/subscribers',
    {
      config,
      schema: {
        summary: 'Have somebody told of events',
        errors: ['target-forbidden'],
        description: 'Of what happens from now on. The secret is answered this once.',
        tags,
        body: CreateSubscriberRequest,
        response: { 201: CreatedSubscriber },
      },
    },
    async (request, reply) => {
      const created = await subscribers.create(principalOf(request).appId, request.body);
      reply.code(201).header('location', `/v1/subscribers/${created.subscriberId}`);
      return created;
    },
  );

  app.get(
    '/v1/subscribers',
    { config, schema: { summary: 'Who is told of events, oldest first', tags, response: { 200: SubscriberList } } },
    async (request) => ({ items: await subscribers.list(principalOf(request).appId) }),
  );

  app.get(
    url,
    { config, schema: { summary: 'A subscriber', tags, params: SubscriberParams, response: { 200: Subscriber } } },
    (request) => subscribers.get(principalOf(request).appId, request.params.subscriberId),
  );

  app.patch(
    url,
    {
      config,
      schema: {
        summary: 'Change a subscriber, or pause it',
        errors: ['target-forbidden'],
        description: 'While it is not `enabled`, its deliveries wait.',
        tags,
        params: SubscriberParams,
        body: UpdateSubscriberRequest,
        response: { 200: Subscriber },
      },
    },
    (request) => subscribers.update(principalOf(request).appId, request.params.subscriberId, request.body),
  );

  app.delete(
    url,
    {
      config,
      schema: {
        summary: 'Remove a subscriber and all that waits for it',
        tags,
        params: SubscriberParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await subscribers.delete(principalOf(request).appId, request.params.subscriberId);
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${url}/test`,
    {
      config,
      schema: {
        summary: 'Tell a subscriber of a test event',
        description: 'An event of type `subscriber.test`. Kinds of other vendors know none: the delivery is `skipped`.',
        tags,
        params: SubscriberParams,
        response: { 202: Delivery },
      },
    },
    async (request, reply) => {
      const { appId } = principalOf(request);
      const deliveryId = await subscribers.test(appId, request.params.subscriberId);
      reply.code(202);
      return deliveries.get(appId, deliveryId);
    },
  );

  app.post(
    `${url}/replay`,
    {
      config,
      schema: {
        summary: 'Tell a subscriber events again',
        errors: ['event-not-found'],
        description: 'Those named, or those of a time range that its filter lets through. Answers how many.',
        tags,
        params: SubscriberParams,
        body: ReplayRequest,
        response: { 200: ReplayResponse },
      },
    },
    async (request) => ({
      deliveries: await deliveries.replay(principalOf(request).appId, request.params.subscriberId, request.body),
    }),
  );
}

function registerQueue(server: FastifyInstance, { queue }: Events): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  app.post(
    '/v1/subscribers/:subscriberId/pull',
    {
      config,
      schema: {
        summary: 'Fetch events from a queue',
        description: 'Waits for the first one. What is not confirmed within 30 s is given out again.',
        tags,
        params: SubscriberParams,
        body: PullEventsRequest,
        response: { 200: PulledEvents },
      },
    },
    async (request) => {
      const gone = new AbortController();
      // The socket's: the request itself is closed as soon as it has been read.
      const close = () => gone.abort();
      request.socket.once('close', close);
      try {
        const pulled = await queue.pull(principalOf(request).appId, {
          limit: request.body.limit,
          waitMs: request.body.waitSeconds * 1000,
          kind: 'queue',
          subscriberId: request.params.subscriberId,
          signal: gone.signal,
        });
        return { items: pulled.map(({ handle, body }) => ({ handle, event: JSON.parse(body) as unknown })) };
      } finally {
        request.socket.off('close', close);
      }
    },
  );

  app.post(
    '/v1/subscribers/:subscriberId/confirm',
    {
      config,
      schema: {
        summary: 'Confirm events that were fetched',
        description: 'Answers how many: a handle that is used, unknown or older than 30 s does not count.',
        tags,
        params: SubscriberParams,
        body: ConfirmEventsRequest,
        response: { 200: ConfirmedEvents },
      },
    },
    async (request) => {
      const { subscriberId } = request.params;
      return { confirmed: await queue.confirm(principalOf(request).appId, request.body.handles, { subscriberId }) };
    },
  );
}

function registerLog(server: FastifyInstance, { deliveries }: Events): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const EventParams = z.object({ eventId: Id });
  const DeliveryParams = z.object({ deliveryId: Id });

  app.get(
    '/v1/events',
    {
      config,
      schema: {
        summary: 'What has happened, newest first',
        description: 'Events are kept for 30 days.',
        tags,
        querystring: EventQuery,
        response: { 200: EventList },
      },
    },
    (request) => deliveries.listEvents(principalOf(request).appId, request.query),
  );

  app.get(
    '/v1/events/:eventId',
    { config, schema: { summary: 'An event', tags, params: EventParams, response: { 200: Event } } },
    (request) => deliveries.getEvent(principalOf(request).appId, request.params.eventId),
  );

  app.get(
    '/v1/deliveries',
    {
      config,
      schema: {
        summary: 'Deliveries, newest first, each with its last attempt',
        tags,
        querystring: DeliveryQuery,
        response: { 200: DeliveryList },
      },
    },
    (request) => deliveries.list(principalOf(request).appId, request.query),
  );

  app.get(
    '/v1/deliveries/:deliveryId',
    {
      config,
      schema: { summary: 'A delivery with every attempt', tags, params: DeliveryParams, response: { 200: Delivery } },
    },
    (request) => deliveries.get(principalOf(request).appId, request.params.deliveryId),
  );

  app.post(
    '/v1/deliveries/:deliveryId/retry',
    {
      config,
      schema: {
        summary: 'Try a delivery again now, in whatever state it is',
        tags,
        params: DeliveryParams,
        response: { 200: Delivery },
      },
    },
    (request) => deliveries.retry(principalOf(request).appId, request.params.deliveryId),
  );
}
