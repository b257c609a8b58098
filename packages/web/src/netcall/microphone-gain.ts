/** The volume of a microphone. Nothing stands between it and the connection until its volume is changed. */
export class MicrophoneGain {
  readonly #track: MediaStreamTrack;
  #context: AudioContext | undefined;
  #gain: GainNode | undefined;
  #output: MediaStreamTrack | undefined;

  constructor(track: MediaStreamTrack) {
    this.#track = track;
  }

  /**
   * @param volume - 0 to 255, which is what the microphone gives
   * @returns the track that has this volume; the same one from the first change on
   */
  at(volume: number): MediaStreamTrack {
    if (this.#output === undefined && volume === 255) return this.#track;
    if (this.#context === undefined) {
      // What recorders and WebRTC take as it is.
      this.#context = new AudioContext({ sampleRate: 48_000 });
      const destination = this.#context.createMediaStreamDestination();
      this.#gain = this.#context.createGain();
      this.#context
        .createMediaStreamSource(new MediaStream([this.#track]))
        .connect(this.#gain)
        .connect(destination);
      this.#output = destination.stream.getAudioTracks()[0];
    }
    if (this.#gain !== undefined) this.#gain.gain.value = volume / 255;
    return this.#output ?? this.#track;
  }

  close(): void {
    void this.#context?.close();
    this.#context = undefined;
  }
}
