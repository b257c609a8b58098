/** Bits of RTCP packet types (RFC 3550 §12.1, RFC 4585 §6.1). */
export const RTCP_TYPE = {
  senderReport: 200,
  receiverReport: 201,
  sourceDescription: 202,
  bye: 203,
  transportLayerFeedback: 205,
  payloadSpecificFeedback: 206,
} as const;

/** Feedback message types: RFC 4585 §6.2 and §6.3, RFC 5104 §4.3.1, transport-cc §3.1. */
export const FEEDBACK_FORMAT = { nack: 1, transportFeedback: 15, pli: 1, fir: 4, applicationLayer: 15 } as const;

/** Milliseconds from the NTP era's start, 1900, to 1970. */
export const NTP_EPOCH_OFFSET_MS = 2_208_988_800_000;

/** What a receiver says of one source (RFC 3550 §6.4.1). */
export interface ReportBlock {
  readonly ssrc: number;
  /** Part of the packets lost since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Since the beginning; negative when there were duplicates. */
  readonly packetsLost: number;
  /** Cycles in the high 16 bits. */
  readonly highestSequenceNumber: number;
  /** In timestamp units. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report, 0 when there was none. */
  readonly lastSenderReport: number;
  /** Since that report came, in 1/65536 s. */
  readonly delaySinceLastSenderReport: number;
}

export interface SenderReport {
  readonly type: 'sender-report';
  readonly ssrc: number;
  /** The sender's wall clock, milliseconds since 1970 with fraction; negative when the sender has none and sent 0. */
  readonly ntpMs: number;
  /** Middle 32 bits of the NTP time, what a report block gives back as `lastSenderReport`. */
  readonly compactNtp: number;
  /** 32 bits, as on the wire. */
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  readonly octetCount: number;
  readonly reports: readonly ReportBlock[];
}

export interface ReceiverReport {
  readonly type: 'receiver-report';
  readonly ssrc: number;
  readonly reports: readonly ReportBlock[];
}

export interface SourceDescription {
  readonly type: 'source-description';
  readonly chunks: readonly { readonly ssrc: number; readonly cname: string | undefined }[];
}

export interface Bye {
  readonly type: 'bye';
  readonly ssrcs: readonly number[];
  readonly reason: string | undefined;
}

/** Generic NACK (RFC 4585 §6.2.1). */
export interface Nack {
  readonly type: 'nack';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly sequenceNumbers: readonly number[];
}

/** Picture loss indication (RFC 4585 §6.3.1). */
export interface PictureLossIndication {
  readonly type: 'pli';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
}

/** Full intra request (RFC 5104 §4.3.1). */
export interface FullIntraRequest {
  readonly type: 'fir';
  readonly senderSsrc: number;
  readonly requests: readonly { readonly ssrc: number; readonly commandSequenceNumber: number }[];
}

/** Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2.2). */
export interface ReceiverEstimatedMaximumBitrate {
  readonly type: 'remb';
  readonly senderSsrc: number;
  readonly bitrateBps: number;
  readonly ssrcs: readonly number[];
}

/** Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). */
export interface TransportFeedback {
  readonly type: 'transport-feedback';
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly feedbackCount: number;
  /** Each packet's transport-wide sequence number, and when it came on the receiver's clock; undefined when it did not. */
  readonly packets: readonly { readonly sequenceNumber: number; readonly arrivalMs: number | undefined }[];
}

/** A packet of a type, or a feedback format, that this parser does not read. */
export interface UnknownRtcp {
  readonly type: 'unknown';
  readonly packetType: number;
  /** The 5 bits after version and padding: a count, or the feedback format. */
  readonly format: number;
}

export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Bye
  | Nack
  | PictureLossIndication
  | FullIntraRequest
  | ReceiverEstimatedMaximumBitrate
  | TransportFeedback
  | UnknownRtcp;
