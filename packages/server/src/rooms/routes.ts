import { PutRoomRequest, Room, RoomId, RoomList, RoomQuery } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf, requireRoom, requireRoomMaker, roleIn } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Rooms } from './rooms.ts';

const RoomParams = z.object({ roomId: RoomId });

/** `/v1/rooms`: make, look at and delete rooms. */
export function registerRoomRoutes(server: FastifyInstance, rooms: Rooms): void {
  const app = server.withTypeProvider<ZodTypeProvider>();

  app.put(
    '/v1/rooms/:roomId',
    {
      config: { access: 'any' },
      schema: {
        summary: 'Make a room',
        errors: ['room-type', 'room-exists'],
        description:
          'Asking again for the same room changes nothing. Hosts make their room, too, by this or by joining it; one whose ' +
          'token is for any room is told who is inside when it is inside itself.',
        tags: ['rooms'],
        params: RoomParams,
        body: PutRoomRequest,
        response: { 200: Room },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const { roomId } = request.params;
      requireRoomMaker(principal, roomId);
      const room = await rooms.put(principal.appId, roomId, request.body.type, request.body.expect);
      const inside = principal.kind !== 'user' || roleIn(principal, roomId) !== undefined;
      return inside ? room : { ...room, participants: [], recordings: [] };
    },
  );

  app.get(
    '/v1/rooms',
    {
      config: { access: 'server' },
      schema: {
        summary: 'Rooms, newest first, with who is inside',
        tags: ['rooms'],
        querystring: RoomQuery,
        response: { 200: RoomList },
      },
    },
    (request) => rooms.list(principalOf(request).appId, request.query),
  );

  app.get(
    '/v1/rooms/:roomId',
    {
      config: { access: 'any' },
      schema: {
        summary: 'A room: its participants, their tracks, its live recordings',
        tags: ['rooms'],
        params: RoomParams,
        response: { 200: Room },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireRoom(principal, request.params.roomId);
      return rooms.get(principal.appId, request.params.roomId);
    },
  );

  app.delete(
    '/v1/rooms/:roomId',
    {
      config: { access: 'server' },
      schema: {
        summary: 'Delete a room: everyone in it is sent away, its recordings end',
        tags: ['rooms'],
        params: RoomParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await rooms.delete(principalOf(request).appId, request.params.roomId);
      reply.code(204);
    },
  );
}
