import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { WebSocketServer } from 'ws';
import type { Rooms } from './rooms.ts';
import { SignalingConnection } from './signaling-connection.ts';

const path = '/v1/signal';
const subprotocol = 'aircheck.v1';
/** The largest request is a session description of 200 KB. */
const maxPayloadBytes = 512 * 1024;

/** Serves the signaling WebSocket at `GET /v1/signal`. */
export function registerSignaling(app: FastifyInstance, rooms: Rooms): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxPayloadBytes,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });

  app.server.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      new SignalingConnection(webSocket, rooms, rooms.logger);
    });
  });

  // The HTTP server waits for upgraded connections but does not close them.
  app.addHook('preClose', async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });

  app.get(path, async (_request, reply) => {
    reply.code(426).headers({ upgrade: 'websocket', connection: 'Upgrade' });
    return { hint: `This is a WebSocket with the subprotocol ${subprotocol}` };
  });
}

function refusalOf(request: IncomingMessage): string | undefined {
  if (request.url?.split('?', 1)[0] !== path) return '404 Not Found';
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(subprotocol) ? undefined : '400 Bad Request';
}

function refuse(socket: Duplex, status: string): void {
  // The client may be gone already, which is no fault of anybody here.
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
