/** The server refused a WHIP or WHEP request. */
export class SignalingError extends Error {
  readonly status: number;
  /** `code` of the problem document, where there is one. */
  readonly code: string | undefined;

  constructor(message: string, status: number, code: string | undefined) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function refuse(action: string, response: Response): Promise<never> {
  const text = await response.text();
  let code: string | undefined;
  try {
    code = (JSON.parse(text) as { code?: string }).code;
  } catch {
    // Not a problem document: the text is in the message as it is.
  }
  throw new SignalingError(`${action} answered ${response.status}: ${text.slice(0, 500)}`, response.status, code);
}

/** A session at a WHIP (RFC 9725) or WHEP endpoint. */
export class HttpSession {
  readonly resource: string;
  readonly answer: string;
  readonly #etag: string | null;
  readonly #authorization: string;

  private constructor(resource: string, answer: string, etag: string | null, authorization: string) {
    this.resource = resource;
    this.answer = answer;
    this.#etag = etag;
    this.#authorization = authorization;
  }

  static async open(url: string, token: string, offer: string): Promise<HttpSession> {
    const authorization = `Bearer ${token}`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/sdp' },
      body: offer,
    });
    if (response.status !== 201) return refuse(`POST ${url}`, response);
    const location = response.headers.get('location');
    if (location === null) throw new Error(`POST ${url} answered 201 without a Location`);
    const answer = await response.text();
    return new HttpSession(new URL(location, url).href, answer, response.headers.get('etag'), authorization);
  }

  /** Tells candidates that were found after the offer (RFC 9725 §4.3.2), each with the m-line's mid. */
  async trickle(
    credentials: { ufrag: string; pwd: string; mid: string },
    candidates: readonly string[],
  ): Promise<void> {
    const lines = [
      `a=ice-ufrag:${credentials.ufrag}`,
      `a=ice-pwd:${credentials.pwd}`,
      'm=audio 9 UDP/TLS/RTP/SAVPF 0',
      `a=mid:${credentials.mid}`,
      ...candidates.map((candidate) => `a=${candidate}`),
      'a=end-of-candidates',
    ];
    const response = await fetch(this.resource, {
      method: 'PATCH',
      headers: {
        authorization: this.#authorization,
        'content-type': 'application/trickle-ice-sdpfrag',
        'if-match': this.#etag ?? '*',
      },
      body: `${lines.join('\r\n')}\r\n`,
    });
    if (response.status !== 204 && response.status !== 200) await refuse(`PATCH ${this.resource}`, response);
    await response.body?.cancel();
  }

  async close(): Promise<void> {
    const response = await fetch(this.resource, {
      method: 'DELETE',
      headers: { authorization: this.#authorization },
    });
    if (response.status !== 200 && response.status !== 204) await refuse(`DELETE ${this.resource}`, response);
    await response.body?.cancel();
  }
}
