/*
 * The floor that recording is measured against: the server's own transport, answering WHIP offers, with each publisher's
 * decrypted packets written to a file as they come. No reordering, no retransmission, no MP4, no rooms.
 */
import { closeSync, openSync, write } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { answerSetup, buildReceiveAnswer, chooseCodec, parseDescription } from '@aircheck/engine/receiving';
import { createTransportEngine } from '@aircheck/engine/transport';

const CHUNK_BYTES = 65_536;

/** Gathers packets and writes them in pieces, as the baselines' floors do. */
class Dump {
  readonly #file: number;
  #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #used = 0;
  packets = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  add(packet: Buffer): void {
    this.packets += 1;
    if (this.#used + packet.length + 2 > CHUNK_BYTES) {
      write(this.#file, this.#chunk, 0, this.#used, null, () => {});
      this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      this.#used = 0;
    }
    this.#used = this.#chunk.writeUInt16BE(packet.length, this.#used);
    this.#used += packet.copy(this.#chunk, this.#used);
  }

  close(): void {
    write(this.#file, this.#chunk, 0, this.#used, null, () => closeSync(this.#file));
  }
}

const folder = process.argv[2] ?? '.';
const engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 1 });
const dumps: Dump[] = [];

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(request.method === 'PATCH' ? 204 : 200).end();
    return;
  }
  const offer = parseDescription(await text(request));
  const dump = new Dump(join(folder, `${dumps.length}.rtp`));
  dumps.push(dump);
  const peer = engine.createPeer({ onRtp: (packet) => dump.add(packet), onRtcp: () => {}, onState: () => {} });
  const setup = answerSetup(offer.transport.setup);
  peer.setRemote({ ...offer.transport, setup: setup === 'passive' ? 'active' : 'passive' });
  const answer = buildReceiveAnswer({
    origin: { sessionId: String(dumps.length), version: 1 },
    offer,
    codecs: new Map(offer.media.map((media) => [media.mid, chooseCodec(media)])),
    local: peer.local,
    setup,
  });
  response.writeHead(201, { 'content-type': 'application/sdp', location: `/session/${dumps.length}` }).end(answer);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});

process.on('message', (message) => {
  if (message !== 'end') return;
  for (const dump of dumps) dump.close();
  process.send?.({ packets: dumps.map((dump) => dump.packets) }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
