/**
 * Entry of a child process that holds a peer of libdatachannel, as publisher or as subscriber: the library keeps handles
 * open after its connections are closed, so only the end of its process ends it.
 */
import {
  buildNack,
  isRtcp,
  parseRtcp,
  parseRtpPacket,
  RetransmissionBuffer,
  serializeRtpPacket,
  wrapRtx,
} from '@aircheck/media';
import { Audio, PeerConnection, type Track, Video } from 'node-datachannel';
import { type PeerCommand, type PeerReport, type ReceivedPacket, SLICES } from './datachannel-peer.ts';

const VIDEO_SSRC = 2222;
const RTX_SSRC = 2223;
const AUDIO_SSRC = 1111;
const FRAME_MS = 40;
const SLICE_BYTES = 600;

const report = (message: PeerReport): void => {
  process.send!(message);
};

// The connection and its tracks have to be held here: the library closes those that are collected.
let connection: PeerConnection;
const tracks: Track[] = [];

function open(): PeerConnection {
  const opened = new PeerConnection('peer', { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true });
  opened.onStateChange((state) => report({ type: 'state', state }));
  return opened;
}

function publish(loseEvery: number): void {
  connection = open();
  const audioLine = new Audio('0', 'SendOnly');
  audioLine.addOpusCodec(111);
  audioLine.addSSRC(AUDIO_SSRC, 'peer', 'peer', 'audio');
  const videoLine = new Video('1', 'SendOnly');
  videoLine.addH264Codec(96, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
  videoLine.addRTXCodec(97, 96, 90_000);
  videoLine.addSSRC(VIDEO_SSRC, 'peer', 'peer', 'video');
  const audio = connection.addTrack(audioLine);
  const video = connection.addTrack(videoLine);
  tracks.push(audio, video);
  connection.setLocalDescription('offer');
  report({ type: 'description', sdp: connection.localDescription()!.sdp });
  video.onOpen(() => sendPictures(video, audio, loseEvery));
}

function sendPictures(video: Track, audio: Track, loseEvery: number): void {
  const sent = new RetransmissionBuffer({ packets: 1024 });
  let sequenceNumber = 65_500;
  let rtxSequenceNumber = 0;
  let picture = 0;
  let packets = 0;
  let keyWanted = true;
  video.onMessage((message) => {
    if (!isRtcp(message)) return;
    for (const packet of parseRtcp(message)) {
      if (packet.type === 'pli') {
        keyWanted = true;
        report({ type: 'key-frame-requested' });
      }
      if (packet.type !== 'nack' || packet.mediaSsrc !== VIDEO_SSRC) continue;
      report({ type: 'asked-again', packets: packet.sequenceNumbers.length });
      for (const missing of packet.sequenceNumbers) {
        const bytes = sent.get(missing);
        if (bytes === undefined) continue;
        const stream = { ssrc: RTX_SSRC, payloadType: 97, sequenceNumber: rtxSequenceNumber++ };
        video.sendMessageBinary(Buffer.from(wrapRtx(parseRtpPacket(bytes), stream)));
      }
    }
  });
  const send = (payload: Uint8Array, marker: boolean): void => {
    const bytes = serializeRtpPacket({
      payloadType: 96,
      ssrc: VIDEO_SSRC,
      sequenceNumber: sequenceNumber++,
      timestamp: picture * 90 * FRAME_MS,
      marker,
      payload,
    });
    sent.add((sequenceNumber - 1) & 0xffff, bytes);
    packets += 1;
    if (loseEvery === 0 || packets % loseEvery !== 0) video.sendMessageBinary(Buffer.from(bytes));
  };
  setInterval(() => {
    if (!video.isOpen()) return;
    if (keyWanted) send(Uint8Array.of(0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8), false);
    if (keyWanted) send(Uint8Array.of(0x68, 0xce, 0x38, 0x80), false);
    for (let slice = 0; slice < SLICES; slice++) {
      const payload = new Uint8Array(SLICE_BYTES).fill(0x55);
      payload.set([keyWanted ? 0x65 : 0x41, picture >> 8, picture & 0xff, slice]);
      send(payload, slice === SLICES - 1);
    }
    keyWanted = false;
    const sound = { payloadType: 111, ssrc: AUDIO_SSRC, sequenceNumber: picture, timestamp: picture * 48 * FRAME_MS };
    audio.sendMessageBinary(Buffer.from(serializeRtpPacket({ ...sound, payload: Uint8Array.of(0xf8, 0xff, 0xfe) })));
    picture += 1;
  }, FRAME_MS);
}

/** Answers an offer; asks again for the 20th packet of each track, as if it had been lost. */
function receive(offer: string): void {
  connection = open();
  let received: ReceivedPacket[] = [];
  connection.onTrack((track) => {
    tracks.push(track);
    let count = 0;
    track.onMessage((message) => {
      if (isRtcp(message)) return;
      const { ssrc, payloadType, sequenceNumber, payload } = parseRtpPacket(message);
      received.push({ ssrc, payloadType, sequenceNumber, head: [...payload.subarray(0, 8)] });
      if (++count === 20) track.sendMessageBinary(Buffer.from(buildNack(1, ssrc, [sequenceNumber])));
    });
  });
  connection.setRemoteDescription(offer, 'offer');
  connection.setLocalDescription('answer');
  report({ type: 'description', sdp: connection.localDescription()!.sdp });
  setInterval(() => {
    if (received.length > 0) report({ type: 'received', packets: received });
    received = [];
  }, 50);
}

process.on('message', (command: PeerCommand) => {
  if (command.type === 'publish') publish(command.loseEvery);
  else if (command.type === 'answer') connection.setRemoteDescription(command.sdp, 'answer');
  else receive(command.sdp);
});
process.on('disconnect', () => process.exit(0));
