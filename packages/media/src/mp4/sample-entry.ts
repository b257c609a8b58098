import type { AudioTrackOptions, VideoFormat } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import type { BoxWriter } from './box-writer.ts';

/**
 * Writes the sample entry of a picture format (ISO/IEC 14496-12 §12.1.3; `avc1`: ISO/IEC 14496-15 §5.4.2.1; `vp09`: VP
 * Codec ISO Media File Format Binding §3; `av01`: AV1 Codec ISO Media File Format Binding §2.2). The description of VP9 begins with version and flags of `vpcC`, a full box.
 *
 * @throws MediaError `container-unsupported` for VP8, which players do not take in MP4
 */
export function writeVideoSampleEntry(writer: BoxWriter, format: VideoFormat): void {
  const [entryType, configurationType] = videoBoxTypes(format);
  const entry = writer.open(entryType);
  writer.zeros(6);
  writer.u16(1);
  writer.zeros(16);
  writer.u16(format.width);
  writer.u16(format.height);
  writer.u32(0x00480000);
  writer.u32(0x00480000);
  writer.u32(0);
  writer.u16(1);
  writer.zeros(32);
  writer.u16(0x0018);
  writer.u16(0xffff);
  const configuration = writer.open(configurationType);
  writer.bytes(format.description);
  writer.close(configuration);
  writer.close(entry);
}

function videoBoxTypes(format: VideoFormat): [entry: string, configuration: string] {
  switch (format.codec) {
    case 'h264':
      return ['avc1', 'avcC'];
    case 'vp9':
      return ['vp09', 'vpcC'];
    case 'av1':
      return ['av01', 'av1C'];
    case 'vp8':
      throw new MediaError('container-unsupported', 'VP8 is not kept in MP4: use WebM');
  }
}

/**
 * Writes the sample entry of a sound track (ISO/IEC 14496-12 §12.2.3; `Opus`: Encapsulation of Opus in ISO Base Media
 * File Format §4.3; `mp4a`: ISO/IEC 14496-14 §6.7).
 */
export function writeAudioSampleEntry(writer: BoxWriter, track: AudioTrackOptions): void {
  const entry = writer.open(track.codec === 'opus' ? 'Opus' : 'mp4a');
  writer.zeros(6);
  writer.u16(1);
  writer.zeros(8);
  writer.u16(track.channels);
  writer.u16(16);
  writer.u32(0);
  // 16.16 fixed point: rates above 65535 Hz do not fit, and readers then take the codec's own configuration.
  writer.u32(track.sampleRate < 65536 ? track.sampleRate * 65536 : 0);
  if (track.codec === 'opus') {
    const configuration = writer.open('dOps');
    writer.bytes(track.description);
    writer.close(configuration);
  } else {
    writeEsds(writer, track.description);
  }
  writer.close(entry);
}

/** ES_Descriptor around an AudioSpecificConfig (ISO/IEC 14496-1 §7.2.6, ISO/IEC 14496-14 §6.7.2). */
function writeEsds(writer: BoxWriter, audioSpecificConfig: Uint8Array): void {
  const decoderConfigLength = 13 + 5 + audioSpecificConfig.byteLength;
  const box = writer.openFull('esds', 0, 0);
  writeDescriptorHeader(writer, 0x03, 3 + 5 + decoderConfigLength + 5 + 1);
  writer.u16(0);
  writer.u8(0);
  writeDescriptorHeader(writer, 0x04, decoderConfigLength);
  writer.u8(0x40);
  writer.u8(0x15);
  writer.zeros(3);
  writer.u32(0);
  writer.u32(0);
  writeDescriptorHeader(writer, 0x05, audioSpecificConfig.byteLength);
  writer.bytes(audioSpecificConfig);
  writeDescriptorHeader(writer, 0x06, 1);
  writer.u8(0x02);
  writer.close(box);
}

/** Four length bytes, as most writers do: some readers expect nothing else. */
function writeDescriptorHeader(writer: BoxWriter, tag: number, length: number): void {
  writer.u8(tag);
  writer.u8(0x80 | ((length >> 21) & 0x7f));
  writer.u8(0x80 | ((length >> 14) & 0x7f));
  writer.u8(0x80 | ((length >> 7) & 0x7f));
  writer.u8(length & 0x7f);
}
