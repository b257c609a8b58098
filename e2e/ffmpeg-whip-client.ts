/*
 * FFmpeg's own WHIP muxer as a publisher: `node ffmpeg-whip-client.ts FILE URL TOKEN` sends a file's packets at their
 * times, says "connected" when it may begin and ends with 0 when the session has been taken down again.
 */
import { setTimeout } from 'node:timers/promises';
import { Dictionary, FFmpegError, FormatContext, Packet } from 'node-av';

const [file = '', url = '', token = ''] = process.argv.slice(2);
const input = new FormatContext();
FFmpegError.throwIfError(await input.openInput(file, null, null), 'openInput');
FFmpegError.throwIfError(await input.findStreamInfo(null), 'findStreamInfo');
const output = new FormatContext();
FFmpegError.throwIfError(output.allocOutputContext2(null, 'whip', url), 'allocOutputContext2');
const inputStreams = input.streams ?? [];
for (const stream of inputStreams) {
  const copy = output.newStream(null);
  stream.codecpar.copy(copy.codecpar);
  copy.codecpar.codecTag = 0;
  copy.timeBase = stream.timeBase;
}
FFmpegError.throwIfError(await output.writeHeader(Dictionary.fromObject({ authorization: token })), 'writeHeader');
process.stdout.write('connected\n');

const outputStreams = output.streams ?? [];
const packet = new Packet();
packet.alloc();
const start = performance.now();
while ((await input.readFrame(packet)) >= 0) {
  const from = inputStreams[packet.streamIndex]!.timeBase;
  const dueMs = (Number(packet.dts) * 1000 * from.num) / from.den;
  await setTimeout(Math.max(0, dueMs - (performance.now() - start)));
  packet.rescaleTs(from, outputStreams[packet.streamIndex]!.timeBase);
  FFmpegError.throwIfError(await output.interleavedWriteFrame(packet), 'interleavedWriteFrame');
}
FFmpegError.throwIfError(await output.writeTrailer(), 'writeTrailer');
process.exit(0);
