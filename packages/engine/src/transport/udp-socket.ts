import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { AircheckError } from '@aircheck/protocol/errors';
import { sealedPacketBytes } from './srtp/index.ts';

/** What the kernel keeps while the event loop is busy: 4 MiB is a second of 30 Mbit/s. */
const kernelBufferBytes = 4 * 1024 * 1024;
/** Above it the kernel does not take packets any more, and later ones are of more use than these. */
const mostQueuedBytes = 1024 * 1024;

/**
 * The host names given to a socket are numeric, so nothing is looked up. Node's own lookup would make a closure and
 * wait for the next tick for each packet; this answers within the call.
 */
function numericLookup(address: string, family: unknown, callback: (error: null, ip: string, family: number) => void) {
  callback(null, address, family === 6 ? 6 : 4);
}

/** One bound UDP socket and the buffer that packets are sealed in for it. */
export class UdpSocket {
  readonly port: number;
  readonly ipv6: boolean;
  readonly #socket: Socket;
  #scratch = Buffer.allocUnsafeSlow(sealedPacketBytes);

  private constructor(socket: Socket, onDatagram: (datagram: Buffer, from: RemoteInfo, socket: UdpSocket) => void) {
    this.#socket = socket;
    const { port, family } = socket.address();
    this.port = port;
    this.ipv6 = family === 'IPv6';
    socket.on('message', (datagram, from) => onDatagram(datagram, from, this));
    // Only receive errors come here, each about one datagram; sends fail silently as datagrams do.
    socket.on('error', () => {});
  }

  /** @throws NodeJS.ErrnoException as bind does */
  static async bind(
    host: string,
    port: number,
    onDatagram: (datagram: Buffer, from: RemoteInfo, socket: UdpSocket) => void,
  ): Promise<UdpSocket> {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', lookup: numericLookup as never });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close();
        reject(error);
      });
      socket.bind(port, host, resolve);
    });
    socket.removeAllListeners('error');
    for (const set of [
      () => socket.setRecvBufferSize(kernelBufferBytes),
      () => socket.setSendBufferSize(kernelBufferBytes),
    ]) {
      try {
        set();
      } catch {
        // Some kernels refuse what is above their limit instead of giving less; their default has to do then.
      }
    }
    return new UdpSocket(socket, onDatagram);
  }

  /**
   * A buffer of {@link sealedPacketBytes} for the next packet. It is the same one as long as the kernel took the
   * last packet within `send`; else Node holds on to that one until it is gone.
   */
  scratch(): Buffer {
    if (this.#socket.getSendQueueCount() > 0) this.#scratch = Buffer.allocUnsafeSlow(sealedPacketBytes);
    return this.#scratch;
  }

  /**
   * Sends the first `length` bytes; false when the kernel's queue and ours are full, or when there is no port: a
   * datagram may come from port 0 (RFC 768), but nothing goes there.
   */
  send(bytes: Buffer, length: number, address: string, port: number): boolean {
    if (port === 0 || this.#socket.getSendQueueSize() > mostQueuedBytes) return false;
    this.#socket.send(bytes, 0, length, port, address);
    return true;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

/**
 * Binds up to `count` sockets to ports of the range, skipping those in use.
 * @throws AircheckError `config-invalid` when not one port of the range can be bound
 */
export async function bindSockets(
  host: string,
  [from, to]: readonly [number, number],
  count: number,
  onDatagram: (datagram: Buffer, from: RemoteInfo, socket: UdpSocket) => void,
): Promise<UdpSocket[]> {
  const sockets: UdpSocket[] = [];
  const ports = from === 0 ? Array.from({ length: count }, () => 0) : range(from, to);
  let cause: unknown;
  for (const port of ports) {
    if (sockets.length === count) break;
    try {
      sockets.push(await UdpSocket.bind(host, port, onDatagram));
    } catch (error) {
      cause = error;
    }
  }
  if (sockets.length === 0) {
    throw new AircheckError('config-invalid', `no UDP port of ${from}-${to} can be bound on ${host}`, {
      cause,
      input: 'AIRCHECK_UDP_PORTS',
      hint: 'Give a range with free ports and an address of this machine.',
    });
  }
  return sockets;
}

/**
 * Binds one socket to any port of each of these addresses, leaving out those that the machine has not.
 * @throws AircheckError `config-invalid` when none can be bound
 */
export async function bindAnyPort(
  hosts: readonly string[],
  onDatagram: (datagram: Buffer, from: RemoteInfo, socket: UdpSocket) => void,
): Promise<UdpSocket[]> {
  const bound = await Promise.allSettled(hosts.map((host) => UdpSocket.bind(host, 0, onDatagram)));
  const sockets = bound.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (sockets.length === 0) {
    const [first] = bound;
    throw new AircheckError('config-invalid', `no UDP port can be bound on ${hosts.join(', ')}`, {
      cause: first?.status === 'rejected' ? first.reason : undefined,
    });
  }
  return sockets;
}

function* range(from: number, to: number): Generator<number> {
  for (let port = from; port <= to; port++) yield port;
}
