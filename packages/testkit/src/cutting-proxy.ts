import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Passes a TCP port on, and cuts connections. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** After so many bytes of the client since the last cut, whatever the connection, comes the next one. */
  readonly cuts: number[] = [];
  done = 0;
  #sinceCut = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(target: () => number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on('connection', (client) => proxy.#pass(client, target()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #pass(client: Socket, port: number): void {
    const upstream = connect(port, '127.0.0.1');
    this.#sockets.add(client).add(upstream);
    let cut = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (chunk) => {
      if (cut) return;
      const left = (this.cuts[0] ?? Number.POSITIVE_INFINITY) - this.#sinceCut;
      if (chunk.byteLength >= left) {
        cut = true;
        this.cuts.shift();
        this.done += 1;
        this.#sinceCut = 0;
        upstream.write(chunk.subarray(0, left), end);
        return;
      }
      this.#sinceCut += chunk.byteLength;
      if (!upstream.write(chunk)) {
        client.pause();
        upstream.once('drain', () => client.resume());
      }
    });
    upstream.on('data', (chunk) => client.write(chunk));
    for (const socket of [client, upstream]) {
      socket.on('error', end);
      socket.on('close', end);
    }
  }

  /** Cuts every connection there is now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
