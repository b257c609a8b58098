export { FrameAssembler, type FrameAssemblerOptions, type FrameAssemblerStats } from './frame-assembler.ts';
export { NackGenerator } from './nack-generator.ts';
export { ReceptionStatistics } from './reception-statistics.ts';
export { RetransmissionBuffer, unwrapRtx, wrapRtx } from './retransmission.ts';
export {
  buildBye,
  buildFir,
  buildNack,
  buildPli,
  buildReceiverReport,
  buildSenderReport,
  buildSourceDescription,
} from './rtcp-builder.ts';
export type {
  Bye,
  FullIntraRequest,
  Nack,
  PictureLossIndication,
  ReceiverEstimatedMaximumBitrate,
  ReceiverReport,
  ReportBlock,
  RtcpPacket,
  SenderReport,
  SourceDescription,
  TransportFeedback,
  UnknownRtcp,
} from './rtcp-packet.ts';
export { parseRtcp } from './rtcp-parser.ts';
export { isRtcp, parseRtpPacket, RtpPacket, type RtpPacketFields, serializeRtpPacket } from './rtp-packet.ts';
export { TransportFeedbackGenerator } from './transport-feedback-generator.ts';
export { SequenceUnwrapper, TimestampUnwrapper } from './unwrapper.ts';
