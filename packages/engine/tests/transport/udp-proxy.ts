import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A network of its own between one peer and the engine: it loses, reorders and moves. */
export class UdpProxy {
  readonly port: number;
  readonly #front: Socket;
  readonly #targetPort: number;
  readonly #fate: () => 'pass' | 'drop' | 'hold';
  #back: Socket;
  #clientPort = 0;
  #held: (() => void)[] = [];

  private constructor(front: Socket, back: Socket, targetPort: number, fate: () => 'pass' | 'drop' | 'hold') {
    this.#front = front;
    this.port = (front.address() as AddressInfo).port;
    this.#targetPort = targetPort;
    this.#fate = fate;
    this.#back = back;
    this.#listen(back);
    front.on('message', (datagram, from) => {
      this.#clientPort = from.port;
      this.#forward(() => this.#back.send(datagram, this.#targetPort, '127.0.0.1'));
    });
  }

  /** @param fate - asked for each datagram; a held one goes out behind the next one that passes */
  static async open(targetPort: number, fate: () => 'pass' | 'drop' | 'hold' = () => 'pass'): Promise<UdpProxy> {
    return new UdpProxy(await boundSocket(), await boundSocket(), targetPort, fate);
  }

  /** From now on the engine sees the peer at another port, as after a change of network. */
  async move(): Promise<void> {
    const back = await boundSocket();
    this.#back.close();
    this.#back = back;
    this.#listen(back);
  }

  close(): void {
    this.#front.close();
    this.#back.close();
  }

  #listen(back: Socket): void {
    back.on('message', (datagram) => this.#forward(() => this.#front.send(datagram, this.#clientPort, '127.0.0.1')));
  }

  #forward(send: () => void): void {
    const fate = this.#fate();
    if (fate === 'drop') return;
    if (fate === 'hold') {
      this.#held.push(send);
      return;
    }
    send();
    for (const held of this.#held.splice(0)) held();
  }
}

/** The same numbers each time: a run that fails fails again. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
