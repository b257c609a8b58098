import wrtc from '@roamhq/wrtc';

const makers: { readonly [Kind in 'audio' | 'video']: () => MediaStreamTrack } = {
  audio: () => new wrtc.nonstandard.RTCAudioSource().createTrack() as MediaStreamTrack,
  video: () => new wrtc.nonstandard.RTCVideoSource().createTrack() as MediaStreamTrack,
};

/** A track of libwebrtc that carries nothing: who only asks what is sent needs no pictures. */
export function emptyTrack(kind: 'audio' | 'video'): MediaStreamTrack {
  return makers[kind]();
}

/** The devices of a page in Node.js: their tracks can be sent by libwebrtc. */
export class SyntheticDevices extends EventTarget {
  /** What was asked for, in order. */
  readonly asked: MediaStreamConstraints[] = [];
  /** Name of the error that a camera is refused with. */
  cameraRefusal: string | undefined;

  async enumerateDevices(): Promise<MediaDeviceInfo[]> {
    return [];
  }

  async getUserMedia(constraints: MediaStreamConstraints): Promise<MediaStream> {
    this.asked.push(constraints);
    const kind = constraints.video === undefined ? 'audio' : 'video';
    if (kind === 'video' && this.cameraRefusal !== undefined) throw new DOMException('no', this.cameraRefusal);
    return new wrtc.MediaStream([makers[kind]()]) as MediaStream;
  }

  async getDisplayMedia(): Promise<MediaStream> {
    return new wrtc.MediaStream([makers.video()]) as MediaStream;
  }
}
