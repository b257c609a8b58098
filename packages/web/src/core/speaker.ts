import { AircheckError } from '@aircheck/protocol/errors';

/** `HTMLMediaElement` as far as it is there: `setSinkId` is not, in the browsers that {@link Speaker.choose} names. */
type Sink = HTMLMediaElement & { setSinkId?(deviceId: string): Promise<void> };

/** The loudspeaker that the sound of a room comes out of. */
export class Speaker {
  /** `''`: the system's own. */
  #deviceId = '';
  /** Elements belong to the page: whatever it throws away must not be kept here. */
  readonly #elements = new Set<WeakRef<Sink>>();

  /** Whether the browser lets pages choose. */
  static get available(): boolean {
    // Outside of browsers there are no elements, and the sound is not played by the page.
    return 'setSinkId' in (globalThis.HTMLMediaElement?.prototype ?? {});
  }

  /** Plays an element over the chosen loudspeaker, from now on. */
  add(element: Sink): void {
    for (const known of this.#elements) {
      const there = known.deref();
      if (there === element) return;
      if (there === undefined) this.#elements.delete(known);
    }
    this.#elements.add(new WeakRef(element));
    // One that has been unplugged meanwhile: the system's own plays, as for what played before.
    if (this.#deviceId !== '') element.setSinkId?.(this.#deviceId).catch(() => {});
  }

  /**
   * Chromium can since 49 and Firefox since 116, both on computers alone (https://github.com/mdn/browser-compat-data,
   * `api/HTMLMediaElement.json`), Safari since 18.4 (https://docs.daily.co/reference/daily-js/instance-methods/set-output-device-async).
   * @throws AircheckError `browser-unsupported`
   * @throws DOMException `NotFoundError`, `NotAllowedError`, `AbortError` as `setSinkId` does; the former one goes on then
   */
  async choose(deviceId: string): Promise<void> {
    if (!Speaker.available) {
      throw new AircheckError('browser-unsupported', 'This browser does not let pages choose a loudspeaker', {
        hint: 'Choose it in the settings of the system',
      });
    }
    const elements = [...this.#elements].flatMap((element) => element.deref() ?? []);
    const former = this.#deviceId;
    this.#deviceId = deviceId;
    try {
      await Promise.all(elements.map((element) => element.setSinkId?.(deviceId)));
    } catch (error) {
      this.#deviceId = former;
      await Promise.allSettled(elements.map((element) => element.setSinkId?.(former)));
      throw error;
    }
  }
}
