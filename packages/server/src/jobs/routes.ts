import {
  CreateJobRequest,
  CreateTemplateRequest,
  Job,
  JobId,
  JobList,
  JobQuery,
  Procedure,
  ProcedureList,
  ProcedureName,
  PutProcedureRequest,
  Template,
  TemplateList,
  TemplateQuery,
  UpdateTemplateRequest,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Jobs } from './jobs.ts';

const JobParams = z.object({ jobId: JobId });
const TemplateParams = z.object({ definition: z.coerce.number().int() });
const ProcedureParams = z.object({ name: ProcedureName });

/** Jobs, their templates and procedures: for the app itself. */
export function registerJobRoutes(server: FastifyInstance, jobs: Jobs): void {
  registerQueueRoutes(server, jobs);
  registerTemplateRoutes(server, jobs);
  registerProcedureRoutes(server, jobs);
}

const config = { access: 'server' } as const;

function registerQueueRoutes(server: FastifyInstance, jobs: Jobs): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const tags = ['jobs'];

  app.post(
    '/v1/jobs',
    {
      config,
      schema: {
        summary: 'Put a job in',
        errors: [
          'asset-not-found',
          'asset-state',
          'template-not-found',
          'procedure-not-found',
          'not-found',
          'media-invalid',
        ],
        description:
          'Its input is checked before it is put in. How it ends is told by the events `job.done`, `job.failed` and `job.cancelled`.',
        tags,
        body: CreateJobRequest,
        response: { 201: Job },
      },
    },
    async (request, reply) => {
      const job = await jobs.create(principalOf(request).appId, request.body);
      reply.code(201).header('location', `/v1/jobs/${job.jobId}`);
      return job;
    },
  );

  app.get(
    '/v1/jobs',
    { config, schema: { summary: 'Jobs, newest first', tags, querystring: JobQuery, response: { 200: JobList } } },
    (request) => jobs.list(principalOf(request).appId, request.query),
  );

  app.get(
    '/v1/jobs/:jobId',
    { config, schema: { summary: 'A job', tags, params: JobParams, response: { 200: Job } } },
    (request) => jobs.get(principalOf(request).appId, request.params.jobId),
  );

  app.post(
    '/v1/jobs/:jobId/cancel',
    {
      config,
      schema: {
        summary: 'Cancel a job that waits or runs',
        errors: ['job-state'],
        description: 'A procedure is cancelled with all of its jobs that have not ended.',
        tags,
        params: JobParams,
        response: { 200: Job },
      },
    },
    (request) => jobs.cancel(principalOf(request).appId, request.params.jobId),
  );

  app.post(
    '/v1/jobs/:jobId/redo',
    {
      config,
      schema: {
        summary: 'Do a job again that failed or was cancelled',
        errors: ['job-state'],
        description: 'Of a procedure, those of its jobs that failed or were cancelled are done again.',
        tags,
        params: JobParams,
        response: { 200: Job },
      },
    },
    (request) => jobs.redo(principalOf(request).appId, request.params.jobId),
  );
}

function registerTemplateRoutes(server: FastifyInstance, { templates }: Jobs): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const tags = ['templates'];

  app.get(
    '/v1/templates',
    {
      config,
      schema: {
        summary: 'Templates, those that are built in first',
        tags,
        querystring: TemplateQuery,
        response: { 200: TemplateList },
      },
    },
    async (request) => ({ items: await templates.list(principalOf(request).appId, request.query.kind) }),
  );

  app.post(
    '/v1/templates',
    {
      config,
      schema: {
        summary: 'Make a template',
        errors: ['template-limit', 'template-not-found'],
        description: 'Numbers of own templates begin at 1000; there may be 16 of each kind.',
        tags,
        body: CreateTemplateRequest,
        response: { 201: Template },
      },
    },
    async (request, reply) => {
      const template = await templates.create(principalOf(request).appId, request.body);
      reply.code(201).header('location', `/v1/templates/${template.definition}`);
      return template;
    },
  );

  app.get(
    '/v1/templates/:definition',
    { config, schema: { summary: 'A template', tags, params: TemplateParams, response: { 200: Template } } },
    (request) => templates.get(principalOf(request).appId, request.params.definition),
  );

  app.get(
    '/v1/templates/:definition/image',
    {
      config,
      schema: {
        summary: 'The picture of a watermark template',
        errors: ['template-not-found'],
        tags,
        params: TemplateParams,
        produces: 'image/png',
      },
    },
    async (request, reply) => {
      const image = await templates.image(principalOf(request).appId, request.params.definition);
      return reply.type('image/png').header('cache-control', 'private, no-cache').send(image);
    },
  );

  app.patch(
    '/v1/templates/:definition',
    {
      config,
      schema: {
        summary: 'Change an own template',
        tags,
        params: TemplateParams,
        body: UpdateTemplateRequest,
        response: { 200: Template },
      },
    },
    (request) => templates.update(principalOf(request).appId, request.params.definition, request.body),
  );

  app.delete(
    '/v1/templates/:definition',
    {
      config,
      schema: { summary: 'Delete an own template', tags, params: TemplateParams, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      await templates.remove(principalOf(request).appId, request.params.definition);
      return reply.code(204).send();
    },
  );
}

function registerProcedureRoutes(server: FastifyInstance, { procedures }: Jobs): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const tags = ['procedures'];

  app.get(
    '/v1/procedures',
    { config, schema: { summary: 'Procedures, by name', tags, response: { 200: ProcedureList } } },
    async (request) => ({ items: await procedures.list(principalOf(request).appId) }),
  );

  app.get(
    '/v1/procedures/:name',
    {
      config,
      schema: {
        summary: 'A procedure',
        errors: ['procedure-not-found'],
        tags,
        params: ProcedureParams,
        response: { 200: Procedure },
      },
    },
    (request) => procedures.get(principalOf(request).appId, request.params.name),
  );

  app.put(
    '/v1/procedures/:name',
    {
      config,
      schema: {
        summary: 'Make a procedure or replace it',
        errors: ['template-not-found'],
        description: 'An `automatic` one runs by itself on each file of each new recording.',
        tags,
        params: ProcedureParams,
        body: PutProcedureRequest,
        response: { 200: Procedure },
      },
    },
    (request) => procedures.put(principalOf(request).appId, request.params.name, request.body),
  );

  app.delete(
    '/v1/procedures/:name',
    {
      config,
      schema: {
        summary: 'Delete a procedure',
        errors: ['procedure-not-found'],
        tags,
        params: ProcedureParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await procedures.remove(principalOf(request).appId, request.params.name);
      return reply.code(204).send();
    },
  );
}
