import {
  AppSettings,
  AssetClass,
  ClassId,
  ClassList,
  CreateClassRequest,
  RetentionRules,
  Statistics,
  UpdateAppSettings,
  UpdateClassRequest,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Library } from './library.ts';

const ClassParams = z.object({ classId: z.coerce.number().pipe(ClassId) });

/** Classes, settings, retention rules and statistics, for the app alone. */
export function registerLibrarySettingsRoutes(server: FastifyInstance, library: Library): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const config = { access: 'server' } as const;

  app.get(
    '/v1/classes',
    {
      config,
      schema: {
        summary: 'All classes: the default class, then parents before their children',
        tags: ['classes'],
        response: { 200: ClassList },
      },
    },
    async (request) => ({ items: await library.classes.list(principalOf(request).appId) }),
  );

  app.post(
    '/v1/classes',
    {
      config,
      schema: {
        summary: 'Make a class',
        description: 'Classes are a tree of four levels at most.',
        tags: ['classes'],
        body: CreateClassRequest,
        response: { 201: AssetClass },
        errors: ['class-not-found', 'class-invalid'],
      },
    },
    async (request, reply) => {
      const { name, parentId } = request.body;
      const made = await library.classes.create(principalOf(request).appId, name, parentId);
      return reply.code(201).header('location', `/v1/classes/${made.classId}`).send(made);
    },
  );

  app.get(
    '/v1/classes/:classId',
    { config, schema: { summary: 'A class', tags: ['classes'], params: ClassParams, response: { 200: AssetClass } } },
    (request) => library.classes.get(principalOf(request).appId, request.params.classId),
  );

  app.patch(
    '/v1/classes/:classId',
    {
      config,
      schema: {
        summary: 'Rename a class, or move it with all below it',
        tags: ['classes'],
        params: ClassParams,
        body: UpdateClassRequest,
        response: { 200: AssetClass },
        errors: ['class-invalid'],
      },
    },
    (request) => library.classes.update(principalOf(request).appId, request.params.classId, request.body),
  );

  app.delete(
    '/v1/classes/:classId',
    {
      config,
      schema: {
        summary: 'Delete a class; its files fall back to the default class',
        description: 'Its retention rule goes with it. A class with others below it is not deleted.',
        tags: ['classes'],
        params: ClassParams,
        response: { 204: z.undefined() },
        errors: ['class-invalid'],
      },
    },
    async (request, reply) => {
      await library.classes.remove(principalOf(request).appId, request.params.classId);
      return reply.code(204).send();
    },
  );

  app.get(
    '/v1/settings',
    { config, schema: { summary: 'Settings of the app', tags: ['settings'], response: { 200: AppSettings } } },
    (request) => library.settings.get(principalOf(request).appId),
  );

  app.patch(
    '/v1/settings',
    {
      config,
      schema: {
        summary: 'Change settings of the app',
        description: 'What is absent stays.',
        tags: ['settings'],
        body: UpdateAppSettings,
        response: { 200: AppSettings },
      },
    },
    (request) => library.settings.update(principalOf(request).appId, request.body),
  );

  app.get(
    '/v1/retention-rules',
    {
      config,
      schema: { summary: 'How long files are kept', tags: ['settings'], response: { 200: RetentionRules } },
    },
    async (request) => ({ items: await library.retention.rules(principalOf(request).appId) }),
  );

  app.put(
    '/v1/retention-rules',
    {
      config,
      schema: {
        summary: 'Say anew how long files are kept, per class',
        description:
          'Files are deleted so many days after their end, past the recycle bin. A rule is for the very class, not for ' +
          'those below it; that of class -1 is for every class without one. The rules take the place of all former ones.',
        tags: ['settings'],
        body: RetentionRules,
        response: { 200: RetentionRules },
        errors: ['class-not-found'],
      },
    },
    async (request) => ({ items: await library.retention.replace(principalOf(request).appId, request.body.items) }),
  );

  app.get(
    '/v1/statistics',
    {
      config,
      schema: {
        summary: 'How many files are kept, and how much was served of them',
        description: 'Files in the recycle bin count.',
        tags: ['settings'],
        response: { 200: Statistics },
      },
    },
    (request) => library.statistics(principalOf(request).appId),
  );
}
