/** What the SDK takes from the browser; tests and other runtimes hand in their own. */
export interface Platform {
  readonly RTCPeerConnection: typeof RTCPeerConnection;
  readonly WebSocket: typeof WebSocket;
  /** Absent in pages that are neither HTTPS nor localhost: browsers give no camera there. */
  readonly mediaDevices: MediaDevices | undefined;
  readonly fetch: typeof fetch;
  /** Codecs the browser can send, best supported ones first; `null` where it can't say. */
  videoCapabilities(): RTCRtpCapabilities | null;
  /** Uniformly distributed in [0, 1). */
  random(): number;
  /** Calls the listener when the network came back or changed, e.g. from Wi-Fi to mobile. Returns a function that ends it. */
  onNetworkChange(listener: () => void): () => void;
}

/** The platform of the page the SDK runs in. */
export function browserPlatform(): Platform {
  return {
    RTCPeerConnection: globalThis.RTCPeerConnection,
    WebSocket: globalThis.WebSocket,
    mediaDevices: globalThis.navigator.mediaDevices as MediaDevices | undefined,
    fetch: globalThis.fetch.bind(globalThis),
    videoCapabilities: () => globalThis.RTCRtpSender.getCapabilities('video'),
    random: Math.random,
    onNetworkChange,
  };
}

function onNetworkChange(listener: () => void): () => void {
  // The Network Information API exists in Chromium only (https://github.com/mdn/browser-compat-data,
  // `api/NetworkInformation.json`); elsewhere `online` alone tells of changes. Its event comes with every new estimate of
  // the speed too: only another kind of network (known on mobile devices) means another path.
  const { connection } = globalThis.navigator as Navigator & { connection?: EventTarget & { readonly type?: string } };
  let type = connection?.type;
  const whenOnline = () => {
    const former = type;
    type = connection?.type;
    if (type !== former && globalThis.navigator.onLine) listener();
  };
  globalThis.addEventListener('online', listener);
  connection?.addEventListener('change', whenOnline);
  return () => {
    globalThis.removeEventListener('online', listener);
    connection?.removeEventListener('change', whenOnline);
  };
}
