export { type Av1SequenceHeader, av1Format, parseAv1SequenceHeader } from './av1-sequence-header.ts';
export { createDepacketizer, type RtpCodec } from './create-depacketizer.ts';
export type { AssembledFrame, Depacketizer } from './depacketizer.ts';
export {
  annexBNalUnits,
  annexBToLengthPrefixed,
  joinLengthPrefixed,
  lengthPrefixedNalUnits,
  NAL_TYPE,
} from './h264-nal-units.ts';
export { packetizeH264 } from './h264-packetizer.ts';
export { findParameterSets, h264Format, parseSps, type SequenceParameterSet } from './h264-parameter-sets.ts';
export { OPUS_SILENCE, opusHead, opusPacketDuration, packetizeOpus } from './opus.ts';
export { codecString, videoFormat } from './video-format.ts';
export { vp8Format } from './vp8.ts';
export { vp9Format } from './vp9.ts';
