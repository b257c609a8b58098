export { bitstreamParameters, canReceive, encodingName, formatParameters, type NegotiableCodec } from './codecs.ts';
export { HEADER_EXTENSIONS, parseDescription, type RemoteDescription, type RemoteMedia } from './description.ts';
export {
  codecFormats,
  codecLines,
  joinLines,
  rejectedMediaLines,
  type SentStream,
  type SessionOrigin,
  sessionLines,
  streamLines,
  transportLines,
} from './lines.ts';
export { answerSetup, buildReceiveAnswer, chooseCodec } from './receive-answer.ts';
