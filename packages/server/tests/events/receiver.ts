import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A subscriber's server on the loopback, which answers as the test says. */
export interface Receiver {
  readonly url: string;
  /** Requests in the order in which they came, also those that were not answered well. */
  readonly received: Received[];
  /** Requests that are being answered. */
  readonly open: () => number;
  answer: (request: Received, response: ServerResponse, message: IncomingMessage) => void;
  close(): Promise<void>;
}

/** @param port - 0 takes a free one */
export async function startReceiver(port = 0): Promise<Receiver> {
  let open = 0;
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const request = { path: message.url ?? '', headers: message.headers, body };
      receiver.received.push(request);
      receiver.answer(request, response, message);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    open: () => open,
    answer: (_request, response) => response.end('{}'),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
