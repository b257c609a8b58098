import type { VideoFormat } from '../container/container-writer.ts';
import type { AssembledFrame, Depacketizer } from './depacketizer.ts';

const MAX_PAYLOAD_DESCRIPTOR_LENGTH = 6;

/** Length of the VP8 payload descriptor (RFC 7741 §4.2); undefined when the payload ends within it. */
function descriptorLength(payload: Uint8Array): number | undefined {
  let length = 1;
  if ((payload[0]! & 0x80) !== 0) {
    const extensions = payload[1] ?? 0;
    length += 1;
    if ((extensions & 0x80) !== 0) length += (payload[length] ?? 0) >= 0x80 ? 2 : 1;
    if ((extensions & 0x40) !== 0) length += 1;
    if ((extensions & 0x30) !== 0) length += 1;
  }
  return length < payload.byteLength && length <= MAX_PAYLOAD_DESCRIPTOR_LENGTH ? length : undefined;
}

/** Start of the first partition: of the frame. */
function isFirst(payload: Uint8Array): boolean {
  return (payload[0]! & 0x17) === 0x10;
}

/** VP8 (RFC 7741). Any loss is damage up to the next key frame: temporal layers are not told apart. */
export class Vp8Depacketizer implements Depacketizer {
  startsFrame(payload: Uint8Array): boolean {
    return isFirst(payload);
  }

  packetsLost(): void {}

  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'damaged' {
    if (!isFirst(payloads[0]!)) return 'damaged';
    let length = 0;
    for (const payload of payloads) {
      const descriptor = descriptorLength(payload);
      if (descriptor === undefined) return 'damaged';
      length += payload.byteLength - descriptor;
    }
    const data = new Uint8Array(length);
    let offset = 0;
    for (const payload of payloads) {
      const part = payload.subarray(descriptorLength(payload));
      data.set(part, offset);
      offset += part.byteLength;
    }
    const keyFrame = (data[0]! & 1) === 0;
    // A key frame has a start code (RFC 6386 §9.1); without it no decoder takes it.
    return keyFrame && vp8Format(data) === undefined ? 'damaged' : { data, keyFrame };
  }
}

/**
 * Picture size out of a key frame's header (RFC 6386 §9.1); undefined when it is not one. VP8 needs no configuration, so
 * the description is empty.
 */
export function vp8Format(frameData: Uint8Array): VideoFormat | undefined {
  if (frameData.byteLength < 10 || (frameData[0]! & 1) !== 0) return undefined;
  if (frameData[3] !== 0x9d || frameData[4] !== 0x01 || frameData[5] !== 0x2a) return undefined;
  const width = ((frameData[7]! << 8) | frameData[6]!) & 0x3fff;
  const height = ((frameData[9]! << 8) | frameData[8]!) & 0x3fff;
  if (width === 0 || height === 0) return undefined;
  return { codec: 'vp8', width, height, description: new Uint8Array(0) };
}
