import type { Peer } from './peer.ts';
import type { UdpSocket } from './udp-socket.ts';

/** A remote address that an authenticated check came from, at one of our sockets. */
export class Path {
  readonly peer: Peer;
  readonly socket: UdpSocket;
  readonly address: string;
  readonly port: number;
  nominated = false;
  /** PRIORITY of its checks. */
  priority = 0;
  lastHeardMs = 0;

  constructor(peer: Peer, socket: UdpSocket, address: string, port: number) {
    this.peer = peer;
    this.socket = socket;
    this.address = address;
    this.port = port;
  }
}

/**
 * Paths by socket and remote address. Each packet is looked up here: numbers first, since a key put together from
 * socket, address and port would be one more string a packet.
 */
export class PathTable {
  readonly #byPort = new Map<number, Path[]>();

  find(socket: UdpSocket, address: string, port: number): Path | undefined {
    const paths = this.#byPort.get(port);
    if (paths === undefined) return undefined;
    for (const path of paths) if (path.socket === socket && path.address === address) return path;
    return undefined;
  }

  add(path: Path): void {
    const paths = this.#byPort.get(path.port);
    if (paths === undefined) this.#byPort.set(path.port, [path]);
    else paths.push(path);
  }

  remove(path: Path): void {
    const rest = (this.#byPort.get(path.port) ?? []).filter((other) => other !== path);
    if (rest.length === 0) this.#byPort.delete(path.port);
    else this.#byPort.set(path.port, rest);
  }
}
