import { PeerConnection } from 'node-datachannel';
import { HttpSession } from './http-signaling.ts';

const CONNECT_TIMEOUT_MS = 15_000;

/** All on loopback, whatever other addresses the machine has. */
export function openPeerConnection(name: string): PeerConnection {
  return new PeerConnection(name, { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true });
}

/**
 * Offers at once, tells the candidates by PATCH, and waits for ICE and DTLS.
 * @param munge - changes the offer before it is sent
 */
export async function connect(
  connection: PeerConnection,
  endpoint: { readonly url: string; readonly token: string },
  munge: (offer: string) => string,
): Promise<HttpSession> {
  const candidates: string[] = [];
  const gathered = Promise.withResolvers<void>();
  const connected = Promise.withResolvers<void>();
  connection.onLocalCandidate((candidate) => candidates.push(candidate.replace(/^a=/, '')));
  connection.onGatheringStateChange((state) => {
    if (state === 'complete') gathered.resolve();
  });
  connection.onStateChange((state) => {
    if (state === 'connected') connected.resolve();
    else if (state === 'failed' || state === 'closed') connected.reject(new Error(`the connection ${state}`));
  });
  connection.setLocalDescription('offer');
  const offer = munge(connection.localDescription()?.sdp ?? '');
  const session = await HttpSession.open(endpoint.url, endpoint.token, offer);
  connection.setRemoteDescription(session.answer, 'answer');
  await gathered.promise;
  const attribute = (name: string) => new RegExp(`^a=${name}:(.+?)\\r?$`, 'm').exec(offer)?.[1] ?? '';
  await session.trickle(
    { ufrag: attribute('ice-ufrag'), pwd: attribute('ice-pwd'), mid: attribute('mid') },
    candidates,
  );
  const timer = setTimeout(
    () => connected.reject(new Error(`not connected after ${CONNECT_TIMEOUT_MS} ms`)),
    CONNECT_TIMEOUT_MS,
  );
  await connected.promise.finally(() => clearTimeout(timer));
  return session;
}
