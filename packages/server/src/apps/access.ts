import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Apps } from './apps.ts';
import { type Principal, requireServer } from './principal.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route: `any` takes every credential, `server` the app's own. Absent: the route sees to it itself. */
    access?: 'any' | 'server';
  }
  interface FastifyRequest {
    /** Set before validation on routes with `config.access`. */
    principal: Principal | null;
  }
}

/** Authenticates requests of routes with `config.access` before anything else of them is looked at. */
export function registerAccess(app: FastifyInstance, apps: Apps): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config;
    if (access === undefined) return;
    request.principal = await apps.authenticate(request);
    if (access === 'server') requireServer(request.principal);
  });
}

/** Whose request it is, on a route with `config.access`. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error(`${request.routeOptions.url} has no config.access`);
  return request.principal;
}
