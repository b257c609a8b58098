import type { Platform } from '../core/index.ts';

/**
 * The parts of a WebRTC implementation outside of browsers. `react-native-webrtc` exports all of them under these names;
 * their types differ from those of browsers in what the SDK does not use.
 */
export interface NativeWebRtc {
  readonly RTCPeerConnection: new (configuration: never) => object;
  readonly mediaDevices: object;
  /** Tells what can be sent; without it codecs keep the implementation's own order. */
  readonly RTCRtpSender?: { getCapabilities(kind: 'video'): unknown };
}

/** `NetInfo` of `@react-native-community/netinfo`, or what works like it. */
export interface NetworkInformation {
  addEventListener(
    listener: (state: { readonly type: string; readonly isConnected: boolean | null }) => void,
  ): () => void;
}

/** `AppState` of `react-native`, or what works like it. */
export interface ApplicationState {
  addEventListener(type: 'change', listener: (state: string) => void): { remove(): void };
}

export interface NativePlatformOptions {
  /** Tells of changes of the network: media moves to the new path at once. Without it, after some seconds. */
  readonly netInfo?: NetworkInformation;
  /** Tells when the app is in front again: iOS closes the sockets of apps in the background. */
  readonly appState?: ApplicationState;
  /** The runtime's own when absent. */
  readonly WebSocket?: typeof WebSocket;
  /** The runtime's own when absent. */
  readonly fetch?: typeof fetch;
}

/**
 * The platform of an app that is no web page: Android and iOS by React Native, Node.js, Electron's main process.
 *
 * ```ts
 * import * as webRtc from 'react-native-webrtc';
 * const platform = nativePlatform(webRtc, { netInfo: NetInfo, appState: AppState });
 * const room = await Room.connect(url, token, { platform });
 * ```
 *
 * Pictures are shown by the implementation's own view: `new MediaStream([track.mediaStreamTrack]).toURL()` for the
 * `RTCView` of React Native; sound is played by itself there.
 */
export function nativePlatform(webRtc: NativeWebRtc, options: NativePlatformOptions = {}): Platform {
  const { netInfo, appState } = options;
  const fetchOption = options.fetch ?? globalThis.fetch;
  return {
    RTCPeerConnection: webRtc.RTCPeerConnection as typeof RTCPeerConnection,
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    mediaDevices: webRtc.mediaDevices as MediaDevices,
    fetch: (...args) => fetchOption(...args),
    videoCapabilities: () => (webRtc.RTCRtpSender?.getCapabilities('video') ?? null) as RTCRtpCapabilities | null,
    random: Math.random,
    onNetworkChange: (listener) => {
      let path: string | undefined;
      const endNetInfo = netInfo?.addEventListener(({ type, isConnected }) => {
        const next = isConnected === true ? type : 'none';
        // The first call says how it is now; being cut off is no path to change to.
        if (path !== undefined && path !== next && next !== 'none') listener();
        path = next;
      });
      let inFront = true;
      const appStates = appState?.addEventListener('change', (state) => {
        if (state === 'active' && !inFront) listener();
        inFront = state === 'active';
      });
      return () => {
        endNetInfo?.();
        appStates?.remove();
      };
    },
  };
}
