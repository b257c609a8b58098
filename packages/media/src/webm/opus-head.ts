import { ByteReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';

const MAGIC = Uint8Array.from('OpusHead', (character) => character.charCodeAt(0));
const FIXED_LENGTH = 11;

/**
 * `dOps`, as MP4 has it (big-endian, version 0), as the identification header that Matroska has (RFC 7845 §5.1:
 * little-endian, version 1).
 *
 * @throws MediaError `container-malformed` when it is too short
 */
export function dOpsToOpusHead(dOps: Uint8Array): { readonly opusHead: Uint8Array; readonly preSkip: number } {
  const reader = new ByteReader(dOps);
  reader.skip(1);
  const opusHead = new Uint8Array(MAGIC.byteLength + dOps.byteLength);
  const view = new DataView(opusHead.buffer);
  opusHead.set(MAGIC);
  opusHead[8] = 1;
  opusHead[9] = reader.u8();
  const preSkip = reader.u16();
  view.setUint16(10, preSkip, true);
  view.setUint32(12, reader.u32(), true);
  view.setUint16(16, reader.u16(), true);
  opusHead.set(reader.bytes(reader.remaining), 18);
  return { opusHead, preSkip };
}

/** The other way round. @throws MediaError `container-malformed` when it is no identification header */
export function opusHeadToDOps(opusHead: Uint8Array): Uint8Array {
  if (
    opusHead.byteLength < MAGIC.byteLength + FIXED_LENGTH ||
    !MAGIC.every((byte, index) => opusHead[index] === byte)
  ) {
    throw new MediaError('container-malformed', 'not an Opus identification header');
  }
  const from = new DataView(opusHead.buffer, opusHead.byteOffset, opusHead.byteLength);
  // Not slice(), which does not copy where the bytes are a Buffer.
  const dOps = new Uint8Array(opusHead.subarray(MAGIC.byteLength));
  const view = new DataView(dOps.buffer);
  dOps[0] = 0;
  view.setUint16(2, from.getUint16(10, true));
  view.setUint32(4, from.getUint32(12, true));
  view.setUint16(8, from.getUint16(16, true));
  return dOps;
}
