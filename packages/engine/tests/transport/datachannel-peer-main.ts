/**
 * Entry of the child process that holds a peer of libdatachannel: the library keeps handles open after its
 * connections are closed, so only the end of its process ends it.
 */
import { initLogger, PeerConnection, Video } from 'node-datachannel';

export interface PeerCommand {
  readonly certificate?: { readonly certificatePemFile: string; readonly keyPemFile: string };
  readonly answer?: string;
}

export type PeerReport =
  | { readonly type: 'offer'; readonly sdp: string }
  | { readonly type: 'state'; readonly state: string }
  | { readonly type: 'profile'; readonly profile: string }
  | { readonly type: 'received'; readonly hex: string };

const report = (message: PeerReport) => process.send!(message);
initLogger('Debug', (_, message) => {
  const profile = /SRTP profile is: (\w+)/.exec(message)?.[1];
  if (profile !== undefined) report({ type: 'profile', profile });
});

// The connection has to be held here: the library closes one that is collected.
let connection: PeerConnection | undefined;

process.on('message', (command: PeerCommand) => {
  if (command.answer !== undefined) {
    connection?.setRemoteDescription(command.answer, 'answer');
    return;
  }
  connection = new PeerConnection('peer', {
    iceServers: [],
    bindAddress: '127.0.0.1',
    disableAutoNegotiation: true,
    ...command.certificate,
  });
  const video = new Video('0', 'SendRecv');
  video.addH264Codec(108);
  video.addSSRC(4711, 'peer', 'peer', 'peer');
  const track = connection.addTrack(video);
  track.onMessage((message) => report({ type: 'received', hex: message.toString('hex') }));
  connection.onStateChange((state) => report({ type: 'state', state }));
  connection.setLocalDescription('offer');
  report({ type: 'offer', sdp: connection.localDescription()!.sdp });
  const packet = Buffer.alloc(200, 0xab);
  packet.set([0x80, 108]);
  packet.writeUInt32BE(4711, 8);
  // Near the wrap, so that every run sees a rollover.
  let sequenceNumber = 65530;
  setInterval(() => {
    if (!track.isOpen()) return;
    packet.writeUInt16BE(sequenceNumber++ % 65536, 2);
    track.sendMessageBinary(packet);
    track.sendMessageBinary(Buffer.from('81c9000100001267', 'hex'));
  }, 10);
});
