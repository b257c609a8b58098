/*
 * Entry of the child process that holds WebRTC peers: node-datachannel keeps handles open and has threads of its own,
 * which would disturb whoever measures or tests beside it. Only `process.exit()` ends it.
 */
import { type EncodedClip, readClip } from '../synthetic-media/clip.ts';
import { ClipSource, type MediaSource } from '../synthetic-media/media-source.ts';
import type { FromPeerProcess, PeerRequests, ToPeerProcess } from './contract.ts';
import { SignalingError } from './http-signaling.ts';
import { PublishingPeer } from './publishing-peer.ts';
import { ViewingPeer } from './viewing-peer.ts';

const publishers = new Map<number, PublishingPeer>();
const viewers = new Map<number, ViewingPeer>();
const clips = new Map<string, EncodedClip>();

async function openSource(options: PeerRequests['publish']['in']): Promise<MediaSource> {
  if (options.clipPath !== undefined) {
    const clip = clips.get(options.clipPath) ?? readClip(options.clipPath);
    clips.set(options.clipPath, clip);
    return new ClipSource(clip);
  }
  // Only here: the encoder loads FFmpeg.
  const { LiveSource } = await import('../synthetic-media/live-source.ts');
  return new LiveSource(options.media ?? {});
}

function publisher(peer: number): PublishingPeer {
  const found = publishers.get(peer);
  if (found === undefined) throw new Error(`no publisher ${peer} in this process`);
  return found;
}

async function handle(request: ToPeerProcess): Promise<unknown> {
  const { peer } = request;
  switch (request.name) {
    case 'publish': {
      const publishing = new PublishingPeer(request.body, await openSource(request.body));
      publishers.set(peer, publishing);
      return { resource: await publishing.start() };
    }
    case 'view': {
      const viewing = new ViewingPeer(request.body);
      viewers.set(peer, viewing);
      return { resource: await viewing.start() };
    }
    case 'sent':
      return publisher(peer).sent();
    case 'received':
      return viewers.get(peer)?.received();
    case 'pause':
      return publisher(peer).pause();
    case 'resume':
      return publisher(peer).resume();
    case 'stopMidFrame':
      return publisher(peer).stopMidFrame();
    case 'garbage':
      return publisher(peer).sendGarbage(request.body.kind, request.body.packets, request.body.seed);
    case 'leave': {
      await (publishers.get(peer) ?? viewers.get(peer))?.leave(request.body.silently);
      publishers.delete(peer);
      viewers.delete(peer);
    }
  }
  return null;
}

function reply(message: FromPeerProcess): void {
  process.send?.(message);
}

process.on('message', (request: ToPeerProcess) => {
  handle(request).then(
    (result) => reply({ id: request.id, result: result ?? null }),
    (error: Error) => {
      const { status, code } = error instanceof SignalingError ? error : {};
      const details = { ...(status !== undefined && { status }), ...(code !== undefined && { code }) };
      reply({ id: request.id, error: { message: error.message, ...details } });
    },
  );
});
process.on('disconnect', () => process.exit(0));
